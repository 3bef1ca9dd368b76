//! The memory of a stream or file.

use std::ops::Range;

use arrow_buffer::Buffer;

mod sealed {
    pub trait Sealed {}
    impl Sealed for &[u8] {}
    impl Sealed for super::Buffer {}
}

/// Memory that holds a stream or a file, and should be aligned to 8 bytes.
///
/// Borrowed bytes are copied if they are needed for longer than a batch, which only dictionaries are. A shared buffer
/// is never copied.
pub trait Memory: sealed::Sealed {
    /// Returns all of it.
    fn bytes(&self) -> &[u8];

    /// Returns a part of it to keep. The range is within `bytes`.
    #[doc(hidden)]
    fn keep(&self, range: Range<usize>) -> Buffer;
}

impl Memory for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self, range: Range<usize>) -> Buffer {
        Buffer::from(self.get(range).unwrap_or_default())
    }
}

impl Memory for Buffer {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn keep(&self, range: Range<usize>) -> Buffer {
        self.slice_with_length(range.start, range.len())
    }
}
