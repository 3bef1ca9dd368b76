//! Tables and queries of SQLite, DuckDB and PostgreSQL as Arrow batches, through [ADBC](https://arrow.apache.org/adbc/).
//!
//! ```no_run
//! use bowstring_adbc::{Drivers, Origin};
//! let orders = Origin::parse("app.db#orders")?.ok_or("no database")?;
//! for batch in orders.open(&Drivers::default())? {
//!     println!("{} rows", batch?.num_rows());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! [`Origin`] says what is read, [`Drivers`] where the libraries are that read it. `python` asks Python for those that pip
//! installs, `preload` loads what such a library needs. [`lock`] says which process holds a lock on a file.
//!
//! A driver is a shared library that runs inside this process: load only those that you trust.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod driver;
mod error;
pub mod lock;
mod origin;
mod preload;
mod python;
mod read;

pub use driver::{Drivers, Kind};
pub use error::AdbcError;
pub use origin::{Location, Origin};
pub use read::Batches;
