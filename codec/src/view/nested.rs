//! Structs, unions and runs.

use super::bytes::Offsets;
use super::{ColumnView, Fixed, Level};

/// Children side by side.
#[derive(Debug, Clone, Copy)]
pub struct Struct<'a, L: Level> {
    column: ColumnView<'a, L>,
}

/// Each row is a row of one of the children.
#[derive(Debug, Clone, Copy)]
pub struct Union<'a, L: Level> {
    column: ColumnView<'a, L>,
    ids: &'a [i8],
    type_ids: &'a [i8],
    offsets: Option<Offsets<'a>>,
}

/// Each value applies to a run of rows.
#[derive(Debug, Clone, Copy)]
pub struct RunEnd<'a, L: Level> {
    len: usize,
    ends: Fixed<'a>,
    values: ColumnView<'a, L>,
}

impl<'a, L: Level> Struct<'a, L> {
    pub(crate) fn new(column: ColumnView<'a, L>) -> Self {
        Self { column }
    }

    /// Returns the number of fields.
    #[must_use]
    pub fn num_fields(&self) -> usize {
        self.column.num_children()
    }

    /// Returns one field, with as many rows as the struct.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<ColumnView<'a, L>> {
        self.column.children().nth(index)
    }

    /// Returns all fields in order.
    pub fn fields(&self) -> impl Iterator<Item = ColumnView<'a, L>> + use<'a, L> {
        self.column.children()
    }
}

impl<'a, L: Level> Union<'a, L> {
    pub(crate) fn new(
        column: ColumnView<'a, L>,
        ids: &'a [i8],
        type_ids: &'a [i8],
        offsets: Option<Offsets<'a>>,
    ) -> Self {
        Self { column, ids, type_ids, offsets }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.type_ids.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.type_ids.is_empty()
    }

    /// Returns the type id of each row.
    #[must_use]
    pub fn type_ids(&self) -> &'a [i8] {
        self.type_ids
    }

    /// Returns the type id of each child, in the children's order.
    #[must_use]
    pub fn ids(&self) -> &'a [i8] {
        self.ids
    }

    /// Returns the position of each row in its child, if the union is dense.
    #[must_use]
    pub fn offsets(&self) -> Option<Offsets<'a>> {
        self.offsets
    }

    /// Returns all children, in the order of [`ids`](Self::ids).
    pub fn children(&self) -> impl Iterator<Item = ColumnView<'a, L>> + use<'a, L> {
        self.column.children()
    }

    /// Returns the index of the child that a row is in, and the row's position in it. `None` past the last row, and
    /// if the type id or the offset is out of bounds.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(usize, usize)> {
        let id = self.type_ids.get(index)?;
        let place = self.ids.iter().position(|known| known == id)?;
        let row = match self.offsets {
            None => index,
            Some(offsets) => offsets.get(index)?,
        };
        let child = self.column.children().nth(place)?;
        (row < child.len()).then_some((place, row))
    }
}

impl<'a, L: Level> RunEnd<'a, L> {
    pub(crate) fn new(len: usize, ends: Fixed<'a>, values: ColumnView<'a, L>) -> Self {
        Self { len, ends, values }
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

    /// Returns the number of runs. The last may go past the last row.
    #[must_use]
    pub fn num_runs(&self) -> usize {
        self.ends.len()
    }

    /// Returns the value of each run.
    #[must_use]
    pub fn values(&self) -> ColumnView<'a, L> {
        self.values
    }

    /// Returns the row before which a run ends. `None` past the last run, and where it is negative.
    #[must_use]
    pub fn end(&self, run: usize) -> Option<usize> {
        let signed = match self.ends.width() {
            2 => i64::from(*self.ends.as_slice::<i16>()?.get(run)?),
            4 => i64::from(*self.ends.as_slice::<i32>()?.get(run)?),
            _ => *self.ends.as_slice::<i64>()?.get(run)?,
        };
        usize::try_from(signed).ok()
    }

    /// Returns the run that contains a row. `None` past the last row, and if the runs are invalid.
    #[must_use]
    pub fn run(&self, index: usize) -> Option<usize> {
        if index >= self.len {
            return None;
        }
        // The first run that ends after the row.
        let (mut low, mut high) = (0, self.num_runs());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.end(middle)? <= index {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.num_runs()).then_some(low)
    }
}
