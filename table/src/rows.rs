//! Typed rows: a Rust struct as the schema of a table (feature `derive`).
//!
//! `#[derive(bowstring::Row)]` makes a struct a row. A [`Writer`] builds rows in the memory that receivers read, and a
//! [`Reader`] borrows them from there. From the second batch of a size on, neither needs the heap.
//!
//! ```
//! use bowstring::Row;
//! use bowstring::rows::{Micros, Reader, Room, Timestamp, Writer};
//!
//! #[derive(Row)]
//! struct Tick {
//!     at: Timestamp<Micros>,
//!     price: f64,
//!     note: Option<String>,
//!     legs: Vec<Leg>,
//! }
//!
//! #[derive(Row)]
//! struct Leg {
//!     quantity: i32,
//! }
//!
//! # let name = format!("rows-doc-{}", std::process::id());
//! let mut writer = Writer::<Tick>::bind(&name)?;
//! let reading = std::thread::spawn(move || {
//!     let mut reader = Reader::<Tick>::connect(&name).unwrap();
//!     let mut sum = 0.0;
//!     while let Some(batch) = reader.next_batch().unwrap() {
//!         sum += batch.price().iter().sum::<f64>();         // a column: &[f64]
//!         for tick in batch {                               // rows: nothing is copied
//!             for leg in tick.legs {
//!                 sum += f64::from(leg.quantity);
//!             }
//!             assert_eq!(tick.note, Some("open"));
//!         }
//!     }
//!     sum
//! });
//!
//! // Rows that are there already:
//! let legs = vec![Leg { quantity: 3 }];
//! writer.send(&[Tick { at: Timestamp::new(5), price: 1.5, note: Some("open".into()), legs }])?;
//!
//! // Columns computed in place:
//! writer.build(Room::rows(100).text(8), |columns| {
//!     for i in 0..100 {
//!         columns.at[i] = Timestamp::new(i as i64);
//!         columns.price[i] = 0.5;
//!         columns.note.push("open")?;
//!         columns.legs.push_empty()?;
//!     }
//!     Ok(100)
//! })?;
//! drop(writer);
//! assert_eq!(reading.join().unwrap(), 1.5 + 3.0 + 50.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Field types
//!
//! | Rust | Arrow, as written | in place | read as |
//! |---|---|---|---|
//! | `i8` … `i64`, `u8` … `u64`, `half::f16`, `f32`, `f64` | the same | slice | slice |
//! | [`Timestamp<Unit, Zone>`](Timestamp), [`Date`], [`Time<Unit>`](Time), [`Duration<Unit>`](Duration) | the same | slice | slice |
//! | [`Decimal<P, S>`](Decimal) | Decimal128(P, S) | slice | slice |
//! | `bool` | Boolean | push | [`Flags`] |
//! | `[u8; N]` | FixedSizeBinary(N) | push | slice of arrays |
//! | `String`, `&str` | Utf8 | push | [`Texts`], rows `&str` |
//! | `Vec<u8>` | Binary | push | [`Binaries`], rows `&[u8]` |
//! | [`Category`] | Dictionary(Int32, Utf8) | push | [`Texts`], rows `&str` |
//! | `Vec<T>` | List | push | [`Lists`], rows [`List`] |
//! | a struct that derives `Row` | Struct | its columns | its columns |
//! | `Option<T>` | nullable | as `T`, and `push_null` | [`Optional`], rows `Option` |
//!
//! Any other type of column goes through [`Sender`](crate::Sender) and [`Receiver`](crate::Receiver).
//!
//! # Attributes
//!
//! - `#[row(rename = "NAME")]`: the column's name, where it is not the field's.
//! - `#[row(alias = "NAME")]`: another name that a sender may use; may be repeated. The column's own name comes first.
//! - `#[row(crate = "PATH")]` on the struct: where this crate is, if not at `::bowstring`.
//!
//! # Schemas that differ
//!
//! [`Reader::new`] compares the sender's schema with the row type, once. Either it returns a [`Mismatch`], which names the
//! column and both types, or no batch can fail for its types. The same rules hold inside structs and lists.
//!
//! | the sender's column | the reader's field | |
//! |---|---|---|
//! | in another place | any | fine |
//! | called by an alias | any | fine |
//! | not there | `Option<T>` | fine: every row is `None` |
//! | there | no field | fine: not read |
//! | not nullable | `Option<T>` | fine |
//! | a number that the field's type holds exactly, whatever its value (`i32` for `f64`, `u8` for `i16`) | a wider number | fine: widened |
//! | Decimal32, 64 or 128 with fewer digits and the same scale | `Decimal<P, S>` | fine: widened |
//! | Utf8, LargeUtf8, Utf8View, or a dictionary of one of these | `String`, `&str`, `Category` | fine |
//! | Binary, LargeBinary, BinaryView | `Vec<u8>` | fine |
//! | List, LargeList | `Vec<T>` | fine if the items are |
//! | nullable | not an `Option` | refused |
//! | there twice | any | refused |
//! | anything else, such as another unit, time zone, scale or width | any | refused |
//!
//! A widened column is converted once per batch, into memory that the reader keeps.

mod cast;
mod decimal;
mod dictionary;
mod fixed;
mod flags;
mod list;
mod lookup;
mod measure;
mod mismatch;
mod nested;
mod optional;
mod plain;
mod reader;
mod room;
mod text;
mod time;
mod types;
mod value;
mod writer;

pub use self::decimal::Decimal;
pub use self::dictionary::{Category, CategoryColumn};
pub use self::fixed::{BytesColumn, Plain, PlainColumn};
pub use self::flags::{Flags, FlagsColumn};
pub use self::list::{Items, List, ListColumn, Lists};
pub use self::mismatch::{ConnectError, Mismatch};
pub use self::nested::StructColumn;
pub use self::optional::{Optional, OptionalColumn};
pub use self::reader::{Batch, Iter, Reader};
pub use self::room::Room;
pub use self::text::{Binaries, BinariesColumn, Texts, TextsColumn};
pub use self::time::{
    Date, Duration, Local, Micros, Millis, Nanos, Seconds, Time, Timestamp, Unit, Utc, Zone,
};
pub use self::types::{Element, Field, Type};
pub use self::value::{Column, Item, Owned, Row, Value};
pub use self::writer::{RowsError, Writer};

#[doc(hidden)]
pub use self::fixed::Widen;
#[doc(hidden)]
pub use self::lookup::{Found, Lookup, Parent};
#[doc(hidden)]
pub use self::measure::{Interner, Making, Measure};
#[doc(hidden)]
pub use self::nested::{nested_cells, nested_plan};
