//! Unions: type ids, and the offsets of dense ones.

use crate::message::ColumnFault;
use crate::view::{Level, Offsets, Union};

/// Checks that each row's type id is in the schema, and that it refers to a row of that child.
pub(super) fn union<L: Level>(union: &Union<'_, L>) -> Result<(), ColumnFault> {
    // For each possible id, the number of rows of its child; `None` for unused ids.
    let mut rows = [None; 256];
    for (id, child) in union.ids().iter().zip(union.children()) {
        rows[usize::from(*id as u8)] = Some(child.len());
    }
    let rows_of = |id: i8| rows[usize::from(id as u8)];
    let ids = union.type_ids();
    if let Some(index) = ids.iter().position(|&id| rows_of(id).is_none()) {
        return Err(ColumnFault::UnionTypeId { index, found: ids[index] });
    }
    let Some(Offsets::W32(offsets)) = union.offsets() else {
        // A sparse union's children are as long as it is: the structure check has found that.
        return Ok(());
    };
    let astray = |(&id, &offset): (&i8, &i32)| {
        usize::try_from(offset).is_err() || rows_of(id).is_none_or(|rows| offset as usize >= rows)
    };
    match ids.iter().zip(offsets).position(astray) {
        Some(index) => Err(ColumnFault::UnionOffset { index, found: offsets[index] }),
        None => Ok(()),
    }
}
