//! A slice of an array, without making it an array: Arrow's own slices cost an allocation each.

use arrow_array::Array;
use arrow_buffer::NullBuffer;

use super::bits;
use super::error::EncodeError;

/// Some rows of an array.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) array: &'a dyn Array,
    pub(super) start: usize,
    pub(super) len: usize,
}

impl<'a> Window<'a> {
    pub(super) fn whole(array: &'a dyn Array) -> Self {
        Self { array, start: 0, len: array.len() }
    }

    /// Returns the same rows of another array, which is parallel to this one.
    pub(super) fn beside(self, array: &'a dyn Array) -> Self {
        Self { array, ..self }
    }

    /// Returns these rows of a child.
    pub(super) fn rows(array: &'a dyn Array, rows: core::ops::Range<usize>) -> Self {
        Self { array, start: rows.start, len: rows.len() }
    }

    /// Returns `Some` if something of `len` rows has these.
    pub(super) fn within(self, len: usize) -> Option<()> {
        self.start.checked_add(self.len).is_some_and(|end| end <= len).then_some(())
    }

    /// Returns these rows of something that has a value for each.
    pub(super) fn of<T>(self, values: &[T]) -> Option<&[T]> {
        values.get(self.start..self.start.checked_add(self.len)?)
    }

    /// Returns the validity of these rows, if any of them is null, and how many are.
    pub(super) fn nulls(self, broken: EncodeError) -> Result<Option<(&'a NullBuffer, usize)>, EncodeError> {
        let Some(nulls) = self.array.nulls() else { return Ok(None) };
        self.within(nulls.len()).ok_or(broken)?;
        let count = match self.len == nulls.len() {
            true => nulls.null_count(),
            false => self.len - bits::count_ones(nulls.validity(), nulls.offset() + self.start, self.len),
        };
        Ok((count != 0).then_some((nulls, count)))
    }
}
