//! Whole streams and files of messages.
//!
//! A reader goes over [`Memory`]: borrowed bytes, out of which dictionaries are copied, or a shared
//! [`Buffer`](arrow_buffer::Buffer), of which dictionaries and arrays are slices. [`IoReader`] takes a stream from
//! any `io::Read`, one message at a time, and [`IoFileReader`] a file that is not mapped; with the feature
//! `compression` these two read compressed bodies as well.
//!
//! Read are streams and files of the format's versions V4 and V5: those of Arrow 0.8 and later, with the framing of
//! before 0.15 too. A file's footer may say any version. Refused, each by name: foreign byte order, compressed
//! bodies, older versions, and unions with nulls of their own (which ceased to be with V5).

mod file;
mod fill;
#[cfg(feature = "compression")]
mod inflate;
mod io;
mod io_file;
mod memory;
mod stream;

pub use self::file::FileReader;
pub use self::io::{IoError, IoReader};
pub use self::io_file::IoFileReader;
pub use self::memory::Memory;
pub use self::stream::StreamReader;
