//! Strings and binary: offsets into one run of bytes.

use std::marker::PhantomData;
use std::ops::Range;

use super::Level;
use crate::layout::OffsetWidth;

/// The bounds of each row's values: one more offset than rows, or none at all for no rows.
#[derive(Debug, Clone, Copy)]
pub enum Offsets<'a> {
    /// Offsets of 32 bits.
    W32(&'a [i32]),
    /// Offsets of 64 bits.
    W64(&'a [i64]),
}

impl<'a> Offsets<'a> {
    /// Returns the offsets of `rows` rows.
    pub(crate) fn new(bytes: &'a [u8], width: OffsetWidth, rows: usize) -> Self {
        let len = if rows == 0 { 0 } else { rows + 1 };
        Self::exactly(bytes, width, len)
    }

    /// Returns `len` offsets.
    pub(crate) fn exactly(bytes: &'a [u8], width: OffsetWidth, len: usize) -> Self {
        let bytes = len.checked_mul(width.bytes()).and_then(|needed| bytes.get(..needed)).unwrap_or_default();
        // The structure check covers length and alignment; for nothing, alignment does not matter.
        match width {
            OffsetWidth::W32 => Self::W32(bytemuck::try_cast_slice(bytes).unwrap_or_default()),
            OffsetWidth::W64 => Self::W64(bytemuck::try_cast_slice(bytes).unwrap_or_default()),
        }
    }

    /// Returns the number of offsets.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::W32(offsets) => offsets.len(),
            Self::W64(offsets) => offsets.len(),
        }
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one offset, if it exists and is not negative.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<usize> {
        match self {
            Self::W32(offsets) => usize::try_from(*offsets.get(index)?).ok(),
            Self::W64(offsets) => usize::try_from(*offsets.get(index)?).ok(),
        }
    }

    /// Returns the range from one offset to the next, if it is valid.
    pub(crate) fn range(&self, index: usize) -> Option<Range<usize>> {
        let range = self.get(index)?..self.get(index.checked_add(1)?)?;
        (range.start <= range.end).then_some(range)
    }
}

/// A column of strings or binary.
#[derive(Clone, Copy)]
pub struct Bytes<'a, L: Level> {
    offsets: Offsets<'a>,
    data: &'a [u8],
    utf8: bool,
    level: PhantomData<L>,
}

impl<'a, L: Level> Bytes<'a, L> {
    pub(crate) fn new(offsets: Offsets<'a>, data: &'a [u8], utf8: bool) -> Self {
        Self { offsets, data, utf8, level: PhantomData }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the type is a string type.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Returns the offsets, one more than rows.
    #[must_use]
    pub fn offsets(&self) -> Offsets<'a> {
        self.offsets
    }

    /// Returns the values that the offsets point into.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Returns the bytes of one row, null or not. `None` past the last row, and if its offsets are out of bounds.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.data.get(self.offsets.range(index)?)
    }
}

impl<L: Level> std::fmt::Debug for Bytes<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bytes").field("len", &self.len()).field("utf8", &self.utf8).finish_non_exhaustive()
    }
}
