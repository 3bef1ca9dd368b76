//! Whole streams and files of messages.
//!
//! A reader works on [`Memory`]: borrowed bytes, out of which dictionaries are copied, or a shared
//! [`Buffer`](arrow_buffer::Buffer), of which dictionaries and arrays are slices. [`IoReader`] takes a stream from
//! any `io::Read`, one message at a time, and [`IoFileReader`] a file that is not mapped; with the feature
//! `compression` these two read compressed bodies as well.
//!
//! Supported are streams and files of the format's versions V4 and V5: those of Arrow 0.8 and later, including the
//! framing before 0.15. A file's footer may state any version. Refused, each by name: foreign byte order, compressed
//! bodies, older versions, and unions with nulls of their own (which V5 abolished).

mod file;
mod fill;
#[cfg(feature = "compression")]
mod inflate;
mod io;
mod io_file;
mod memory;
mod stream;

pub use self::file::FileReader;
pub use self::io::{CustomMetadata, IoError, IoReader};
pub use self::io_file::IoFileReader;
pub use self::memory::Memory;
pub use self::stream::StreamReader;
