//! Columns of text and of binary, with offsets or with views: a producer need not know which.

use core::fmt;

use super::error::BuildError;
use super::slot::{Column, Slot, Values, column_methods};

/// The longest value that is stored in its view.
const INLINE: usize = 12;

/// A column of text. The types ensure that it is UTF-8.
#[derive(Debug)]
pub struct Strings<'a>(pub(super) Binaries<'a>);

/// A column of binary.
#[derive(Debug)]
pub struct Binaries<'a> {
    pub(super) column: Column<'a>,
    pub(super) index: Index<'a>,
    pub(super) bytes: Slot<'a>,
    /// The capacity in bytes.
    pub(super) room: usize,
    /// Bytes in use.
    pub(super) used: usize,
}

/// The way that rows refer to their bytes.
#[derive(Debug)]
pub(super) enum Index<'a> {
    W32(Values<'a, i32>),
    W64(Values<'a, i64>),
    Views(Values<'a, u128>),
}

impl Binaries<'_> {
    column_methods!();

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> Result<(), BuildError> {
        self.column.room(1)?;
        if let Index::Views(views) = &mut self.index
            && value.len() <= INLINE
        {
            let mut view = [0; 16];
            view[..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
            view[4..][..value.len()].copy_from_slice(value);
            views.values[self.column.len] = u128::from_le_bytes(view);
            self.column.len += 1;
            return Ok(());
        }
        let start = self.used;
        let end = self.end(value.len())?;
        self.bytes.bytes[start..end].copy_from_slice(value);
        self.take(end);
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.push(&[])
    }

    /// Returns the remaining capacity in bytes.
    #[must_use]
    pub fn bytes_left(&self) -> usize {
        self.room - self.used
    }

    /// Returns the end of the bytes in use once there are `more` of them.
    fn end(&self, more: usize) -> Result<usize, BuildError> {
        let needed = self.used.saturating_add(more);
        match needed <= self.room {
            true => Ok(needed),
            false => {
                Err(BuildError::CapacityExceeded { node: self.column.node, needed, capacity: self.room })
            }
        }
    }

    /// Makes a row of the bytes from those in use up to `end`, which offsets can count to.
    fn take(&mut self, end: usize) {
        let row = self.column.len;
        match &mut self.index {
            Index::W32(offsets) => offsets.values[row + 1] = end as i32,
            Index::W64(offsets) => offsets.values[row + 1] = end as i64,
            Index::Views(views) => {
                let value = &self.bytes.bytes[self.used..end];
                let mut view = [0; 16];
                view[..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
                view[4..8].copy_from_slice(&value[..4]);
                // Bytes 8 to 11 are the buffer, of which there is one.
                view[12..].copy_from_slice(&(self.used as u32).to_le_bytes());
                views.values[row] = u128::from_le_bytes(view);
            }
        }
        self.used = end;
        self.column.len += 1;
    }

    /// Finishes the column.
    pub fn finish(self) {
        let rows = self.column.len;
        match self.index {
            Index::W32(offsets) => offsets.close(rows + 1),
            Index::W64(offsets) => offsets.close(rows + 1),
            Index::Views(views) => views.close(rows),
        }
        self.bytes.close(self.used);
        self.column.close();
    }
}

impl Strings<'_> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: &str) -> Result<(), BuildError> {
        self.0.push(value.as_bytes())
    }

    /// Adds a row by formatting it into place: `column.push_fmt(format_args!("{a}-{b}"))`.
    pub fn push_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<(), BuildError> {
        self.0.column.room(1)?;
        let mut tail = Tail { column: &mut self.0, len: 0, failed: None };
        let done = fmt::write(&mut tail, text);
        let Tail { len, failed, .. } = tail;
        if done.is_err() || failed.is_some() {
            return Err(failed.unwrap_or(BuildError::Format { node: self.0.column.node }));
        }
        let start = self.0.used;
        if let (Index::Views(_), true) = (&self.0.index, len <= INLINE) {
            let mut short = [0; INLINE];
            short[..len].copy_from_slice(&self.0.bytes.bytes[start..start + len]);
            return self.0.push(&short[..len]);
        }
        self.0.take(start + len);
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.0.push_null()
    }

    /// Makes a row null, whether written or not.
    pub fn set_null(&mut self, row: usize) -> Result<(), BuildError> {
        self.0.set_null(row)
    }

    /// Returns the number of rows written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if no row has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the capacity in rows.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Returns the remaining capacity in bytes.
    #[must_use]
    pub fn bytes_left(&self) -> usize {
        self.0.bytes_left()
    }

    /// Finishes the column.
    pub fn finish(self) {
        self.0.finish();
    }
}

/// Text that grows after the bytes in use.
struct Tail<'c, 'a> {
    column: &'c mut Binaries<'a>,
    len: usize,
    failed: Option<BuildError>,
}

impl fmt::Write for Tail<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = self.column.used + self.len;
        match self.column.end(self.len + text.len()) {
            Ok(end) => {
                self.column.bytes.bytes[start..end].copy_from_slice(text.as_bytes());
                self.len += text.len();
                Ok(())
            }
            Err(error) => {
                self.failed = Some(error);
                Err(fmt::Error)
            }
        }
    }
}
