//! Segments: frozen files of Arrow messages, how they are made, and how they are checked.
//!
//! A segment holds encapsulated Arrow IPC messages one after the other: dictionaries and batches, never a schema. The
//! segments of one put or append are self-contained: every dictionary that they refer to is among them.

mod check;
mod write;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use arrow_buffer::{Buffer, MutableBuffer};
use bowstring_codec::interop::share;
use bowstring_transport::region::{Appender, FrozenView};
use bowstring_transport::{OsError, RegionFault};

pub(crate) use self::check::{SegmentFault, check};
pub use self::write::{MakeError, SegmentWriter};

/// Bytes that are copied at a time: few enough to stay in the processor's cache until they are written.
const PIECE: usize = 1 << 20;

/// Files of up to this many bytes are copied and not mapped. A mapping takes a page too, and mapping, the fault at the first
/// look and unmapping take several times as long as reading so few bytes.
const COPIED: usize = 4096;

/// A frozen file of messages.
#[derive(Debug)]
pub struct Segment {
    /// The file.
    pub fd: OwnedFd,
    /// Bytes of it that hold messages.
    pub len: u64,
    /// The number of rows of its batches.
    pub rows: u64,
}

/// A schema's message and segments of its rows, ready to be put.
#[derive(Debug)]
pub struct Segments {
    /// The encapsulated schema message.
    pub schema: Arc<[u8]>,
    /// The segments in their order.
    pub list: Vec<Segment>,
}

impl Segments {
    /// Returns the rows of all segments.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.list.iter().map(|segment| segment.rows).sum()
    }

    /// Returns the bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.list.iter().map(|segment| segment.len).sum()
    }
}

/// Freezes a copy of bytes, such as a schema too long for a datagram.
pub(crate) fn freeze(bytes: &[u8]) -> Result<OwnedFd, OsError> {
    let mut file = Appender::create(c"bowstring-schema")?;
    file.append(bytes)?;
    Ok(file.freeze()?.into_fd())
}

/// Returns the bytes of a frozen file: mapped as they are read, or copied if they are few. Arrays made from them keep them.
pub(crate) fn map(fd: &OwnedFd, len: u64) -> Result<Buffer, RegionFault> {
    let len = usize::try_from(len).ok().filter(|&len| isize::try_from(len).is_ok());
    let len = len.ok_or(RegionFault::Size { found: 0, wanted: u64::MAX })?;
    if (1..=COPIED).contains(&len) {
        FrozenView::check(fd.as_fd(), len)?;
        if let Some(copy) = copy(fd, len) {
            return Ok(copy);
        }
    }
    FrozenView::attach_lazily(fd.as_fd(), len).map(share)
}

/// Returns a copy of the first bytes; none if they cannot be read, which mapping then has an error for.
fn copy(fd: &OwnedFd, len: usize) -> Option<Buffer> {
    let mut bytes = MutableBuffer::from_len_zeroed(len);
    let read = rustix::io::pread(fd, bytes.as_slice_mut(), 0);
    (read == Ok(len)).then(|| bytes.into())
}

/// Merges the messages of several segments into one.
pub(crate) fn merge(parts: &[Arc<Segment>]) -> io::Result<Segment> {
    let mut file = Appender::create(c"bowstring-segment")?;
    let mut rows = 0;
    for part in parts {
        let memory = map(&part.fd, part.len).map_err(|fault| io::Error::other(fault.to_string()))?;
        for piece in memory.chunks(PIECE) {
            file.append(piece)?;
        }
        rows += part.rows;
    }
    let len = file.len() as u64;
    Ok(Segment { fd: file.freeze()?.into_fd(), len, rows })
}
