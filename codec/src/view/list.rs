//! Lists: each row is a range of a child's rows.

use std::ops::Range;

use super::bytes::Offsets;
use super::{ColumnView, Level};

/// Lists and maps: each row begins where the previous one ends.
#[derive(Debug, Clone, Copy)]
pub struct List<'a, L: Level> {
    offsets: Offsets<'a>,
    child: ColumnView<'a, L>,
}

/// List views: rows begin anywhere, and may overlap.
#[derive(Debug, Clone, Copy)]
pub struct ListView<'a, L: Level> {
    offsets: Offsets<'a>,
    sizes: Offsets<'a>,
    child: ColumnView<'a, L>,
}

/// Lists that are all of one size.
#[derive(Debug, Clone, Copy)]
pub struct FixedSizeList<'a, L: Level> {
    size: usize,
    len: usize,
    child: ColumnView<'a, L>,
}

impl<'a, L: Level> List<'a, L> {
    pub(crate) fn new(offsets: Offsets<'a>, child: ColumnView<'a, L>) -> Self {
        Self { offsets, child }
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

    /// Returns the offsets, one more than rows.
    #[must_use]
    pub fn offsets(&self) -> Offsets<'a> {
        self.offsets
    }

    /// Returns the values that the offsets point into. For a map, a struct of keys and values.
    #[must_use]
    pub fn values(&self) -> ColumnView<'a, L> {
        self.child
    }

    /// Returns the child's rows of one row. `None` past the last row, and if the offsets are out of bounds.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        self.offsets.range(index).filter(|range| range.end <= self.child.len())
    }
}

impl<'a, L: Level> ListView<'a, L> {
    pub(crate) fn new(offsets: Offsets<'a>, sizes: Offsets<'a>, child: ColumnView<'a, L>) -> Self {
        Self { offsets, sizes, child }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Returns the offset of each row.
    #[must_use]
    pub fn offsets(&self) -> Offsets<'a> {
        self.offsets
    }

    /// Returns the number of the child's rows in each row.
    #[must_use]
    pub fn sizes(&self) -> Offsets<'a> {
        self.sizes
    }

    /// Returns the values that the offsets point into.
    #[must_use]
    pub fn values(&self) -> ColumnView<'a, L> {
        self.child
    }

    /// Returns the child's rows of one row. `None` past the last row, and if the offset is out of bounds.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        let start = self.offsets.get(index)?;
        let end = start.checked_add(self.sizes.get(index)?)?;
        (end <= self.child.len()).then_some(start..end)
    }
}

impl<'a, L: Level> FixedSizeList<'a, L> {
    pub(crate) fn new(size: usize, len: usize, child: ColumnView<'a, L>) -> Self {
        Self { size, len, child }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of the child's rows in one row.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the rows of all lists.
    #[must_use]
    pub fn values(&self) -> ColumnView<'a, L> {
        self.child
    }

    /// Returns the child's rows of one row. `None` past the last row.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        // Within the child, which the structure check has found long enough for all rows.
        (index < self.len).then(|| index * self.size..(index + 1) * self.size)
    }
}
