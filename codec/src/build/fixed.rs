//! Columns with a fixed number of bytes per row, and booleans.

use arrow_buffer::ArrowNativeType;

use super::error::BuildError;
use super::slot::{Column, Slot, Values, column_methods};
use crate::encode::bits;

/// A column of native values, or of dictionary keys.
#[derive(Debug)]
pub struct Fixed<'a, T> {
    pub(super) column: Column<'a>,
    pub(super) values: Values<'a, T>,
    /// Rows for which the caller was given the values to write.
    pub(super) offered: usize,
    /// For keys, the number of values of the dictionary.
    pub(super) dictionary_len: Option<usize>,
}

impl<T: ArrowNativeType> Fixed<'_, T> {
    column_methods!();

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.values.values[self.column.len] = value;
        self.column.len += 1;
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.push(T::default())
    }

    /// Adds rows that exist already.
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<(), BuildError> {
        self.column.room(values.len())?;
        self.values.values[self.column.len..][..values.len()].copy_from_slice(values);
        self.column.len += values.len();
        Ok(())
    }

    /// Adds `rows` rows, each computed from its index in the column.
    pub fn fill_with(&mut self, rows: usize, mut value: impl FnMut(usize) -> T) -> Result<(), BuildError> {
        self.column.room(rows)?;
        let first = self.column.len;
        let places = &mut self.values.values[first..][..rows];
        for (place, row) in places.iter_mut().zip(first..) {
            *place = value(row);
        }
        self.column.len += rows;
        Ok(())
    }

    /// Returns all remaining rows, as zeroes. Those that are written become rows by [`advance`](Self::advance).
    pub fn rest_mut(&mut self) -> &mut [T] {
        let rest = self.stale_rest_mut();
        rest.fill(T::default());
        rest
    }

    /// Returns all rows still to come, as they are: see [`stale_rest_mut`](Self::stale_rest_mut).
    #[must_use]
    pub fn rest(&self) -> &[T] {
        &self.values.values[self.column.len..self.column.capacity]
    }

    /// Returns all rows still to come, as whatever the region held before: perhaps rows of an earlier message.
    ///
    /// This saves clearing memory that is about to be overwritten. Advancing over a row that was not written hands
    /// the old content to the reader.
    pub fn stale_rest_mut(&mut self) -> &mut [T] {
        self.offered = self.column.capacity;
        &mut self.values.values[self.column.len..self.column.capacity]
    }

    /// Takes the next `rows` of [`rest_mut`](Self::rest_mut), which must have been called, as written.
    pub fn advance(&mut self, rows: usize) -> Result<(), BuildError> {
        self.column.room(rows)?;
        if rows != 0 && self.column.len + rows > self.offered {
            return Err(BuildError::NoSuchRow { node: self.column.node, row: self.column.len });
        }
        self.column.len += rows;
        Ok(())
    }

    /// Returns the rows written so far.
    #[must_use]
    pub fn written_mut(&mut self) -> &mut [T] {
        &mut self.values.values[..self.column.len]
    }

    /// Finishes the column. Keys must all be in the dictionary, except those of nulls.
    pub fn finish(self) -> Result<(), BuildError> {
        let Self { column, values, dictionary_len, .. } = self;
        if let Some(limit) = dictionary_len {
            let outside = |key: &T| key.to_usize().is_none_or(|key| key >= limit);
            let keys = values.values[..column.len].iter().enumerate();
            if let Some((row, _)) =
                keys.filter(|(_, key)| outside(key)).find(|(row, _)| !column.is_null(*row))
            {
                return Err(BuildError::NoSuchKey { node: column.node, row });
            }
        }
        values.close(column.len);
        column.close();
        Ok(())
    }
}

/// A column of fixed-size binary.
#[derive(Debug)]
pub struct FixedBytes<'a> {
    pub(super) column: Column<'a>,
    pub(super) values: Slot<'a>,
    /// Bytes per row.
    pub(super) width: usize,
}

impl FixedBytes<'_> {
    column_methods!();

    /// Adds a row of exactly as many bytes as the type has.
    pub fn push(&mut self, value: &[u8]) -> Result<(), BuildError> {
        if value.len() != self.width {
            return Err(BuildError::WrongWidth { node: self.column.node, width: self.width });
        }
        self.next()?.copy_from_slice(value);
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.next()?.fill(0);
        Ok(())
    }

    /// Takes the next row.
    fn next(&mut self) -> Result<&mut [u8], BuildError> {
        self.column.room(1)?;
        let row = &mut self.values.bytes[self.column.len * self.width..][..self.width];
        self.column.len += 1;
        Ok(row)
    }

    /// Finishes the column.
    pub fn finish(self) {
        self.values.close(self.column.len * self.width);
        self.column.close();
    }
}

/// A column of booleans.
#[derive(Debug)]
pub struct Booleans<'a> {
    pub(super) column: Column<'a>,
    pub(super) values: Slot<'a>,
    /// True if the caller was given the bits to write.
    pub(super) offered: bool,
}

impl Booleans<'_> {
    column_methods!();

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: bool) -> Result<(), BuildError> {
        self.column.room(1)?;
        let row = self.column.len;
        let byte = &mut self.values.bytes[row / 8];
        // The first bit of a byte overwrites what the region held there.
        let before = if row.is_multiple_of(8) { 0 } else { *byte };
        *byte = before | (u8::from(value) << (row % 8));
        self.column.len += 1;
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.push(false)
    }

    /// Returns all rows from the first, eight to a byte, lowest bit first, as `false`; forgets what was pushed. Those
    /// that are written become rows by [`advance`](Self::advance).
    pub fn bits_mut(&mut self) -> &mut [u8] {
        self.column.len = 0;
        self.offered = true;
        let bits = &mut self.values.bytes[..bits::bytes_for(self.column.capacity)];
        bits.fill(0);
        bits
    }

    /// Takes the next `rows` of [`bits_mut`](Self::bits_mut), which must have been called, as written.
    pub fn advance(&mut self, rows: usize) -> Result<(), BuildError> {
        self.column.room(rows)?;
        if rows != 0 && !self.offered {
            return Err(BuildError::NoSuchRow { node: self.column.node, row: self.column.len });
        }
        self.column.len += rows;
        Ok(())
    }

    /// Finishes the column.
    pub fn finish(self) {
        let used = bits::bytes_for(self.column.len);
        bits::clear_behind(&mut self.values.bytes[..used], self.column.len);
        self.values.close(used);
        self.column.close();
    }
}
