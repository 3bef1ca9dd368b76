//! The parts that cursors are made of: a buffer's place, a field's node, its validity.

use arrow_buffer::ArrowNativeType;

use super::error::BuildError;
use crate::encode::bits;
use crate::native::values_mut;
use crate::template::{Pair, pair};

/// A buffer while it is written: its bytes, padding included, and its entry in the metadata.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) bytes: &'a mut [u8],
    pub(super) entry: &'a mut Pair,
    /// Its offset in the body.
    pub(super) offset: usize,
}

impl<'a> Slot<'a> {
    /// Sets how many bytes are in use, and clears the others: they hold old content of the region.
    #[inline]
    pub(super) fn close(self, used: usize) {
        clear(&mut self.bytes[used..]);
        *self.entry = pair(self.offset, used);
    }

    /// Returns the slot as values. Slots begin at multiples of 64 and are as long, which all native values divide.
    pub(super) fn typed<T: ArrowNativeType>(self) -> Values<'a, T> {
        debug_assert!(self.bytes.len().is_multiple_of(64));
        Values { values: values_mut(self.bytes).unwrap_or_default(), entry: self.entry, offset: self.offset }
    }
}

/// Zeroes the unused part, which is often empty: then there is nothing to call.
#[inline]
fn clear<T: Clone + Default>(unused: &mut [T]) {
    if !unused.is_empty() {
        unused.fill(T::default());
    }
}

/// A slot of native values.
#[derive(Debug)]
pub(super) struct Values<'a, T> {
    /// All values that fit, including those in the padding.
    pub(super) values: &'a mut [T],
    entry: &'a mut Pair,
    offset: usize,
}

impl<T: ArrowNativeType> Values<'_, T> {
    /// Sets how many values are in use, and clears the others.
    #[inline]
    pub(super) fn close(self, used: usize) {
        clear(&mut self.values[used..]);
        *self.entry = pair(self.offset, used * size_of::<T>());
    }
}

/// The parts that every field has: its node, a number of rows, and possibly nulls.
#[derive(Debug)]
pub(super) struct Column<'a> {
    /// Index of the node.
    pub(super) node: usize,
    /// The capacity in rows.
    pub(super) capacity: usize,
    /// Rows written.
    pub(super) len: usize,
    pub(super) entry: &'a mut Pair,
    /// The validity bitmap; types without one have none, and a field that is not nullable has an empty one.
    pub(super) validity: Option<Slot<'a>>,
    /// True if the bitmap is in use, and all bits of later rows are set.
    pub(super) has_nulls: bool,
}

impl Column<'_> {
    /// Returns true if `more` rows fit.
    pub(super) fn room(&self, more: usize) -> Result<(), BuildError> {
        match more <= self.capacity - self.len {
            true => Ok(()),
            false => Err(BuildError::TooManyRows { node: self.node, capacity: self.capacity }),
        }
    }

    /// Returns the validity bitmap, with every row valid that was not made null.
    pub(super) fn bitmap(&mut self) -> Result<&mut [u8], BuildError> {
        let used = bits::bytes_for(self.capacity);
        let bitmap = self.validity.as_mut().and_then(|slot| slot.bytes.get_mut(..used));
        let bitmap = bitmap.ok_or(BuildError::NotNullable { node: self.node })?;
        if !self.has_nulls {
            bitmap.fill(0xff);
            self.has_nulls = true;
        }
        Ok(bitmap)
    }

    /// Makes a row null. Later rows can be made null too.
    pub(super) fn set_null(&mut self, row: usize) -> Result<(), BuildError> {
        let no_such_row = BuildError::NoSuchRow { node: self.node, row };
        if row >= self.capacity {
            return Err(no_such_row);
        }
        *self.bitmap()?.get_mut(row / 8).ok_or(no_such_row)? &= !(1 << (row % 8));
        Ok(())
    }

    /// Returns true if a row is null.
    pub(super) fn is_null(&self, row: usize) -> bool {
        let byte = self.validity.as_ref().and_then(|slot| slot.bytes.get(row / 8));
        self.has_nulls && byte.is_some_and(|byte| byte >> (row % 8) & 1 == 0)
    }

    /// Finishes the node and its validity.
    #[inline]
    pub(super) fn close(self) {
        let mut nulls = 0;
        if let Some(slot) = self.validity {
            let used = if self.has_nulls { bits::bytes_for(self.len) } else { 0 };
            let bitmap = &mut slot.bytes[..used];
            if self.has_nulls {
                bits::clear_behind(bitmap, self.len);
                nulls = self.len - bits::count_ones(bitmap, 0, self.len);
            }
            slot.close(used);
        }
        *self.entry = pair(self.len, nulls);
    }
}

/// The methods that every cursor has, by way of its `column`.
macro_rules! column_methods {
    () => {
        /// Returns the number of rows written.
        #[must_use]
        pub fn len(&self) -> usize {
            self.column.len
        }

        /// Returns true if no row has been written.
        #[must_use]
        pub fn is_empty(&self) -> bool {
            self.column.len == 0
        }

        /// Returns the capacity in rows.
        #[must_use]
        pub fn capacity(&self) -> usize {
            self.column.capacity
        }

        /// Makes a row null, whether written or not. Its value stays, and means nothing.
        pub fn set_null(&mut self, row: usize) -> Result<(), crate::build::BuildError> {
            self.column.set_null(row)
        }

        /// Returns the validity bitmap: a bit per row, lowest first, set for valid rows, as all are initially.
        pub fn validity_mut(&mut self) -> Result<&mut [u8], crate::build::BuildError> {
            self.column.bitmap()
        }
    };
}
pub(super) use column_methods;
