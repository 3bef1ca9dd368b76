//! Columns that group the rows of other columns. Their children are columns of their own, handed out next.

use arrow_buffer::ArrowNativeType;

use super::error::BuildError;
use super::slot::{Column, Slot, Values, column_methods};

/// Offsets or lengths of either width.
#[derive(Debug)]
pub(super) enum Counts<'a> {
    W16(Values<'a, i16>),
    W32(Values<'a, i32>),
    W64(Values<'a, i64>),
}

impl Counts<'_> {
    /// Writes a number that the shape has found to fit.
    pub(super) fn set(&mut self, row: usize, count: usize) {
        match self {
            Self::W16(values) => values.values[row] = i16::usize_as(count),
            Self::W32(values) => values.values[row] = i32::usize_as(count),
            Self::W64(values) => values.values[row] = i64::usize_as(count),
        }
    }

    fn close(self, used: usize) {
        match self {
            Self::W16(values) => values.close(used),
            Self::W32(values) => values.close(used),
            Self::W64(values) => values.close(used),
        }
    }
}

/// Nulls and a number of rows, nothing else: structs, fixed-size lists, and columns of the null type.
#[derive(Debug)]
pub struct Rows<'a> {
    pub(super) column: Column<'a>,
    /// True if every row is null by its type.
    pub(super) all_null: bool,
}

impl Rows<'_> {
    column_methods!();

    /// Adds `rows` rows.
    pub fn push(&mut self, rows: usize) -> Result<(), BuildError> {
        self.column.room(rows)?;
        self.column.len += rows;
        Ok(())
    }

    /// Adds a null. The children still have rows here.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        if !self.all_null {
            self.column.set_null(self.column.len)?;
        }
        self.push(1)
    }

    /// Finishes the column.
    pub fn finish(self) {
        let Self { column, all_null } = self;
        match all_null {
            true => *column.entry = crate::template::pair(column.len, column.len),
            false => column.close(),
        }
    }
}

/// A column of lists or of maps. The entries are the next column: a list's items, a map's struct of keys and
/// values.
#[derive(Debug)]
pub struct Lists<'a> {
    pub(super) column: Column<'a>,
    pub(super) offsets: Counts<'a>,
    /// The capacity of the child in rows.
    pub(super) room: usize,
    /// Rows of the child that lists have.
    pub(super) used: usize,
}

impl Lists<'_> {
    column_methods!();

    /// Adds a list of the next `items` rows of the child.
    #[inline]
    pub fn push(&mut self, items: usize) -> Result<(), BuildError> {
        self.column.room(1)?;
        let needed = self.used.saturating_add(items);
        if needed > self.room {
            return Err(BuildError::CapacityExceeded { node: self.column.node, needed, capacity: self.room });
        }
        self.offsets.set(self.column.len + 1, needed);
        self.used = needed;
        self.column.len += 1;
        Ok(())
    }

    /// Adds a null, which has no rows of the child.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.push(0)
    }

    /// Returns the number of rows that the child must have in the end.
    #[must_use]
    pub fn items(&self) -> usize {
        self.used
    }

    /// Finishes the column.
    pub fn finish(self) {
        self.offsets.close(self.column.len + 1);
        self.column.close();
    }
}

/// A column of list views: lists that may be anywhere in their child, and share its rows.
#[derive(Debug)]
pub struct ListViews<'a> {
    pub(super) column: Column<'a>,
    pub(super) offsets: Counts<'a>,
    pub(super) sizes: Counts<'a>,
    /// The capacity of the child in rows.
    pub(super) room: usize,
}

impl ListViews<'_> {
    column_methods!();

    /// Adds a list of `items` rows of the child, from its row `first` on.
    pub fn push(&mut self, first: usize, items: usize) -> Result<(), BuildError> {
        self.column.room(1)?;
        let needed = first.saturating_add(items);
        if needed > self.room {
            return Err(BuildError::CapacityExceeded { node: self.column.node, needed, capacity: self.room });
        }
        self.offsets.set(self.column.len, first);
        self.sizes.set(self.column.len, items);
        self.column.len += 1;
        Ok(())
    }

    /// Adds a null.
    pub fn push_null(&mut self) -> Result<(), BuildError> {
        self.column.room(1)?;
        self.column.set_null(self.column.len)?;
        self.push(0, 0)
    }

    /// Finishes the column.
    pub fn finish(self) {
        self.offsets.close(self.column.len);
        self.sizes.close(self.column.len);
        self.column.close();
    }
}

/// A column of unions. The children are the next columns, in the order of the type.
#[derive(Debug)]
pub struct Unions<'a> {
    pub(super) column: Column<'a>,
    pub(super) type_ids: Slot<'a>,
    /// For a dense union, the place of each row's value in its child.
    pub(super) offsets: Option<Values<'a, i32>>,
    /// The type ids there are.
    pub(super) ids: &'a [i8],
    /// The capacity of each child in rows, by type id.
    pub(super) room: [u32; 128],
    /// Rows of each child in use, by type id.
    pub(super) used: [u32; 128],
}

impl Unions<'_> {
    /// Adds a row of the child with this type id: its next row if the union is dense, the same row if it is
    /// sparse.
    pub fn push(&mut self, id: i8) -> Result<(), BuildError> {
        self.column.room(1)?;
        let node = self.column.node;
        if !self.ids.contains(&id) {
            return Err(BuildError::NoSuchTypeId { node, id });
        }
        let row = self.column.len;
        if let Some(offsets) = &mut self.offsets {
            // Type ids are not negative: the layout has checked it.
            let index = usize::from(id.unsigned_abs()) & 127;
            let (used, room) = (&mut self.used[index], self.room[index]);
            if *used >= room {
                let capacity = room as usize;
                return Err(BuildError::CapacityExceeded { node, needed: capacity + 1, capacity });
            }
            offsets.values[row] = *used as i32;
            *used += 1;
        }
        self.type_ids.bytes[row] = id.unsigned_abs();
        self.column.len += 1;
        Ok(())
    }

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

    /// Finishes the column.
    pub fn finish(self) {
        self.type_ids.close(self.column.len);
        if let Some(offsets) = self.offsets {
            offsets.close(self.column.len);
        }
        self.column.close();
    }
}

/// A run-end encoded column. The next column holds the value of each run.
#[derive(Debug)]
pub struct Runs<'a> {
    pub(super) column: Column<'a>,
    /// The column of run ends.
    pub(super) ends: Column<'a>,
    pub(super) values: Counts<'a>,
}

impl Runs<'_> {
    /// Adds a run of `rows` rows, which may not be zero.
    pub fn push(&mut self, rows: usize) -> Result<(), BuildError> {
        if rows == 0 {
            return Err(BuildError::EmptyRun { node: self.column.node });
        }
        self.column.room(rows)?;
        self.ends.room(1)?;
        self.column.len += rows;
        self.values.set(self.ends.len, self.column.len);
        self.ends.len += 1;
        Ok(())
    }

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

    /// Returns the number of runs written: the rows that the values must have in the end.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.ends.len
    }

    /// Finishes the column.
    pub fn finish(self) {
        self.values.close(self.ends.len);
        self.ends.close();
        self.column.close();
    }
}
