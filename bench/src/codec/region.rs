//! Memory to write messages to.

/// Memory at a multiple of 64 bytes that has been touched before.
pub(super) struct Region {
    bytes: Vec<u8>,
    start: usize,
}

impl Region {
    pub(super) fn new(len: usize) -> Self {
        let bytes = vec![1; len + 64];
        let start = bytes.as_ptr().addr().next_multiple_of(64) - bytes.as_ptr().addr();
        Self { bytes, start }
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}
