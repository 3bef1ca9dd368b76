//! Arrow IPC messages, written into and read from memory that somebody else owns.
//!
//! Set-up may allocate and uses `arrow-ipc`; afterwards a message is written, and read as a view, without a heap. The
//! region for a message begins at a multiple of 64 bytes, and so does every buffer in it.
//!
//! # A batch into a region
//! [`Encoder`] writes a finished `RecordBatch`. The length of the message is known in advance.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{Int64Array, RecordBatch};
//! use bowstring_codec::{Encoder, Plan};
//! # #[repr(align(64))] struct Slot([u8; 4096]);
//! # let mut slot = Slot([0; 4096]);
//! # let region = &mut slot.0[..];
//!
//! let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)])?;
//! let mut encoder = Encoder::new(Plan::new(batch.schema())?);
//! let needed = encoder.encoded_len(&batch)?;
//! let written = encoder.encode(&batch, &mut region[..needed])?;
//! assert_eq!(written, needed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Columns computed in place
//! [`Shape`] lays out a message for a number of rows, and [`InPlace`] hands out its columns one by one, to be
//! computed where they will be read.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::types::Int64Type;
//! use arrow_schema::{DataType, Field, Schema};
//! use bowstring_codec::{Plan, Shape};
//! # #[repr(align(64))] struct Slot([u8; 4096]);
//! # let mut slot = Slot([0; 4096]);
//! # let region = &mut slot.0[..];
//!
//! let schema = Schema::new(vec![
//!     Field::new("n", DataType::Int64, false),
//!     Field::new("name", DataType::Utf8, false),
//! ]);
//! let plan = Plan::new(Arc::new(schema))?;
//! // Three rows at most, and 32 bytes for all the names together.
//! let shape = Shape::new(&plan, 3, |_| 32)?;
//! let mut message = shape.begin(region)?;
//! let mut fields = message.fields();
//! let mut squares = fields.fixed::<Int64Type>()?;
//! squares.fill_with(3, |row| (row * row) as i64)?;
//! squares.finish()?;
//! let mut names = fields.strings()?;
//! for name in ["one", "two", "three"] {
//!     names.push(name)?;
//! }
//! names.finish();
//! let written = message.finish(3)?;
//! # assert!(written > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading, and a `RecordBatch` without copying
//! [`Decoder`](decode::Decoder) makes a borrowed view of a message. The view offers more the further it was checked
//! ([`view`] has the levels), and once it was checked fully, Arrow arrays can be made of it: slices of the same
//! memory, whose owner is dropped with the last of them.
//!
//! ```
//! use bowstring_codec::decode::Decoder;
//! use bowstring_codec::interop::{Align, share};
//! # use std::sync::Arc;
//! # use arrow_array::{Array, Int64Array, RecordBatch};
//! # use bowstring_codec::{Encoder, Plan};
//! # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)])?;
//! # let plan = Plan::new(batch.schema())?;
//! # let schema_message = plan.schema_message();
//! # #[repr(align(64))] struct Lease([u8; 4096]);
//! # impl AsRef<[u8]> for Lease { fn as_ref(&self) -> &[u8] { &self.0 } }
//! # let mut lease = Lease([0; 4096]);
//! # Encoder::new(Arc::clone(&plan)).encode(&batch, &mut lease.0)?;
//!
//! let mut decoder = Decoder::from_schema_message(schema_message)?;
//! // Whatever owns the memory: a lease, a mapping, a vector.
//! let message = share(lease);
//! let view = decoder.decode(&message)?.validate()?;
//! let column = view.column(0).and_then(|column| column.as_slice::<i64>());
//! assert_eq!(column, Some(&[1, 2, 3][..]));
//! let arrow = view.to_record_batch(&message, Align::Refuse)?;
//! assert_eq!(arrow.batch.num_rows(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//! - [`layout`]: a schema, flattened into the nodes and buffers of its messages; both halves walk it.
//! - [`Plan`]: everything computed once for a schema.
//! - [`Encoder`]: a finished `RecordBatch` into a region, with one copy of its data.
//! - [`Shape`] and [`build`]: a message whose columns are computed in the region.
//! - [`mod@write`]: whole streams and files, and the dictionaries that must precede a batch.
//! - [`decode`]: turns a message's bytes into a checked view of them.
//! - [`view`]: a batch in the memory it came in, and how far it was checked.
//! - [`interop`]: the same as a `RecordBatch`, without copying.
//! - [`read`]: whole streams and files.
//! - [`error`]: faults of a schema.

#[cfg(target_endian = "big")]
compile_error!("messages are little-endian, and buffers are written as they lie in memory");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod build;
pub mod decode;
pub mod encode;
pub mod error;
pub mod interop;
pub mod layout;
mod message;
mod native;
mod plan;
pub mod read;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod validate;
pub mod view;
mod wire;
pub mod write;

pub use build::{BuildError, InPlace, Shape};
pub use encode::{EncodeError, Encoder};
pub use error::{LayoutError, LayoutFault};
pub use layout::Layout;
pub use plan::Plan;
pub use wire::{ALIGNMENT, END_OF_STREAM};
pub use write::{
    Dictionaries, DictionaryUpdate, FileWriter, OnGrowth, StreamWriter, WriteError, tag_batches,
};
