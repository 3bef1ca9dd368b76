//! Values that all have one width: numbers, decimals, times, fixed-size binary.

use bytemuck::AnyBitPattern;

/// Values of one width in borrowed memory.
#[derive(Clone, Copy)]
pub struct Fixed<'a> {
    bytes: &'a [u8],
    width: usize,
    len: usize,
}

impl<'a> Fixed<'a> {
    /// Creates a view of `len` values of `width` bytes; `bytes` has at least those.
    pub(crate) fn new(bytes: &'a [u8], width: usize, len: usize) -> Self {
        let bytes = width.checked_mul(len).and_then(|needed| bytes.get(..needed));
        debug_assert!(bytes.is_some(), "structure has checked the length");
        Self { bytes: bytes.unwrap_or_default(), width, len: if bytes.is_some() { len } else { 0 } }
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of bytes per value.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns all values as bytes, little-endian where they are numbers.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns one value as bytes.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.len {
            return None;
        }
        let start = index * self.width;
        self.bytes.get(start..start + self.width)
    }

    /// Returns all values as numbers, if `T` has their width.
    ///
    /// The column's type decides whether they are integers, floats or times; only the width is checked here. Values
    /// are aligned to their width, up to 8 bytes: read decimals of 128 and 256 bits as `[u64; 2]`, `[u64; 4]` or
    /// `[u8; 16]`, `[u8; 32]`, since `i128` needs 16.
    #[must_use]
    pub fn as_slice<T: AnyBitPattern>(&self) -> Option<&'a [T]> {
        if self.len == 0 {
            return (size_of::<T>() == self.width).then_some(&[]);
        }
        (size_of::<T>() == self.width && self.width > 0).then(|| bytemuck::try_cast_slice(self.bytes).ok())?
    }
}

impl std::fmt::Debug for Fixed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixed").field("width", &self.width).field("len", &self.len).finish_non_exhaustive()
    }
}
