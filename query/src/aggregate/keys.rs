//! Values that are kept as comparable rows: how many bytes of them, and how they become columns again.

// claim: sinks-bounded

use arrow_array::ArrayRef;
use arrow_row::{Row, RowConverter};
use arrow_schema::DataType;

use crate::error::QueryError;

/// The most bytes of values that are kept. A group's value may be as long as a row is.
const MOST: usize = 128 << 20;

/// Room for values.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: usize,
}

impl Room {
    /// Takes bytes, and gives others back.
    pub(super) fn take(&mut self, bytes: usize, back: usize) -> Result<(), QueryError> {
        self.taken = (self.taken + bytes).saturating_sub(back);
        if self.taken <= MOST {
            return Ok(());
        }
        Err(QueryError::Value(format!("the groups' values take more than {} MiB", MOST >> 20)))
    }
}

/// Refuses types whose values do not come back from rows, such as structs with runs.
pub(super) fn check<'t>(
    converter: &RowConverter,
    types: impl Iterator<Item = &'t DataType>,
) -> Result<(), QueryError> {
    let columns = converter.convert_rows(std::iter::empty::<Row<'_>>())?;
    for (column, wanted) in columns.iter().zip(types) {
        if column.data_type() != wanted && !arrow_cast::can_cast_types(column.data_type(), wanted) {
            return Err(QueryError::Type(format!("{wanted} cannot be grouped or compared")));
        }
    }
    Ok(())
}

/// Returns a column in its own type: rows know no dictionaries.
pub(super) fn restored(column: ArrayRef, data_type: &DataType) -> Result<ArrayRef, QueryError> {
    Ok(if column.data_type() == data_type { column } else { arrow_cast::cast(&column, data_type)? })
}
