//! Whole streams and files, written to anything that takes bytes.
//!
//! Programs that write into their own memory use [`Encoder`](crate::Encoder) and [`Dictionaries`] directly; the
//! writers here are those two, a buffer, and an [`io::Write`](std::io::Write).

mod dictionaries;
mod error;
mod file;
mod messages;
mod stream;
mod tag;

pub use self::dictionaries::{Dictionaries, DictionaryUpdate, OnGrowth};
pub use self::error::WriteError;
pub use self::file::FileWriter;
pub use self::stream::StreamWriter;
pub use self::tag::tag_batches;
