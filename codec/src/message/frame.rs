//! Framing: the end of one encapsulated message and the start of the next.
//!
//! ```text
//! since 0.15   FF FF FF FF | i32 length | metadata, padded | body
//! before       i32 length               | metadata, padded | body
//! ```
//!
//! The length counts the metadata with its padding and nothing before it, so the body follows immediately. A length
//! of zero, in either framing, ends a stream. Both framings are read: a message that starts with the continuation
//! marker is of the first kind, and any other is of the second. They cannot be confused, since as an old-style length
//! the marker would be −1. The body's length is in the metadata, which is why a frame knows only where the body
//! begins.

use crate::message::fault::FrameFault;
use crate::wire::CONTINUATION;

/// The item at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// An explicit end of the stream, `len` bytes long.
    End { len: usize },
    /// A message's metadata; its body begins at byte `body`.
    Message { metadata: &'a [u8], metadata_at: usize, body: usize },
}

/// Reads the frame at the start of `bytes`.
///
/// Errors carry the byte, counted from the start of `bytes`, at which they were found.
pub(crate) fn read(bytes: &[u8]) -> Result<Frame<'_>, (usize, FrameFault)> {
    let truncated = |at, needed: usize| (at, FrameFault::Truncated { needed, present: bytes.len() });
    let word = |at: usize| bytes.get(at..)?.first_chunk::<4>().copied();

    let first = word(0).ok_or(truncated(0, 4))?;
    let (length, metadata_at) = match first {
        CONTINUATION => (word(4).ok_or(truncated(4, 8))?, 8),
        legacy => (legacy, 4),
    };
    let length = i32::from_le_bytes(length);
    if length == 0 {
        return Ok(Frame::End { len: metadata_at });
    }
    let length_at = metadata_at - 4;
    let length = usize::try_from(length).map_err(|_| (length_at, FrameFault::NegativeLength(length)))?;
    // Cannot overflow: an i32 and eight more.
    let body = metadata_at + length;
    let metadata = bytes.get(metadata_at..body).ok_or(truncated(length_at, body))?;
    Ok(Frame::Message { metadata, metadata_at, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_framings_and_both_ends() {
        let new = [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 7, 8, 9];
        assert_eq!(read(&new), Ok(Frame::Message { metadata: &[7, 8], metadata_at: 8, body: 10 }));
        let old = [2, 0, 0, 0, 7, 8, 9];
        assert_eq!(read(&old), Ok(Frame::Message { metadata: &[7, 8], metadata_at: 4, body: 6 }));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1]), Ok(Frame::End { len: 8 }));
        assert_eq!(read(&[0, 0, 0, 0, 1]), Ok(Frame::End { len: 4 }));
    }

    #[test]
    fn says_what_is_missing_and_where() {
        let cut = |needed, present| FrameFault::Truncated { needed, present };
        assert_eq!(read(&[]), Err((0, cut(4, 0))));
        assert_eq!(read(&[0xff; 7]), Err((4, cut(8, 7))));
        assert_eq!(read(&[9, 0, 0, 0, 1]), Err((0, cut(13, 5))));
        assert_eq!(read(&[0xff; 8]), Err((4, FrameFault::NegativeLength(-1))));
        let min = [0, 0, 0, 0x80, 0, 0, 0, 0];
        assert_eq!(read(&min), Err((0, FrameFault::NegativeLength(i32::MIN))));
        let max = [0xff, 0xff, 0xff, 0x7f];
        assert_eq!(read(&max), Err((0, cut(i32::MAX as usize + 4, 4))));
    }
}
