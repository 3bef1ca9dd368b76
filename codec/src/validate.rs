//! The full check: every value that another value relies on.
//!
//! The structure has been checked by now, so slices are in bounds; what is left are the values. Nodes are checked in
//! message order. Each check is a loop over slices without early exit, so that compilers turn it into vector code;
//! only after a failure does another loop look for the culprit.
//!
//! # Safety
//! Data that passes becomes [`Full`](crate::view::Full), which unsafe code relies on. This is the only place that
//! vouches for it.

// claim: mutants
#![allow(unsafe_code)]

mod dictionary;
mod nulls;
mod offsets;
mod signs;
mod text;
mod union;
mod views;

use crate::layout::Class;
use crate::message::{ColumnFault, DictionaryFault, ReadError};
use crate::view::{BatchView, Bytes, ColumnView, Full, Source, Structure, Values};

impl<'a> BatchView<'a, Structure> {
    /// Checks every value that another value relies on, and so unlocks the promises of [`Full`].
    ///
    /// Allocates nothing. Offsets are checked at the speed of memory and strings at that of `simdutf8`.
    pub fn validate(self) -> Result<BatchView<'a, Full>, ReadError> {
        let source = self.source();
        match self.chosen() {
            None => nodes(source, 0, source.tree.nodes().len())?,
            Some(columns) => {
                for &column in columns {
                    ColumnView::new(source, column as usize).validate()?;
                }
            }
        }
        // SAFETY: all nodes of the batch were checked, or all below the columns that the view has, and dictionaries are checked when they arrive.
        Ok(unsafe { self.assume_valid() })
    }
}

impl<'a> ColumnView<'a, Structure> {
    /// Checks this column alone, with all below it, and so unlocks for it the promises of [`Full`].
    pub fn validate(self) -> Result<ColumnView<'a, Full>, ReadError> {
        nodes(self.source(), self.node_index(), self.node().end as usize)?;
        // SAFETY: the column's node and all below it were checked, and dictionaries are checked when they arrive.
        Ok(unsafe { self.assume_valid() })
    }
}

fn nodes(source: Source<'_>, first: usize, end: usize) -> Result<(), ReadError> {
    let nodes = source.tree.nodes();
    for &index in source.tree.columns() {
        let index = index as usize;
        // A column that declares no nulls, as most do, has none to find.
        if source.table.slot(index).nulls > 0 && (first..end).contains(&index) && !nodes[index].nullable {
            let column = ColumnView::new(source, index);
            nulls::none(&column).map_err(|fault| in_column(&column, fault))?;
        }
    }
    for (index, node) in nodes.iter().enumerate().take(end).skip(first) {
        // Most columns are numbers without nulls, in which there is nothing to check: any bits are a number.
        let plain = matches!(node.class, Class::Null | Class::Boolean | Class::Fixed { .. });
        if !plain || source.table.slot(index).has_validity {
            check(&ColumnView::new(source, index))?;
        }
    }
    Ok(())
}

fn in_column(column: &ColumnView<'_, Structure>, fault: ColumnFault) -> ReadError {
    ReadError::Column { path: column.path().into(), fault }
}

/// Checks one node: its own nulls and values, and its children's nulls where it determines them.
fn check(column: &ColumnView<'_, Structure>) -> Result<(), ReadError> {
    nulls::counted(column).map_err(|fault| in_column(column, fault))?;
    // Most columns that come here are strings; a short way for them, since batches may be short.
    if let Some(bytes) = column.as_bytes() {
        return strings(&bytes).map_err(|fault| in_column(column, fault));
    }
    nulls::children(column)?;
    let checked = match column.values() {
        Values::Null | Values::Boolean(_) | Values::Fixed(_) => Ok(()),
        Values::FixedSizeList(_) | Values::Struct(_) => Ok(()),
        Values::Bytes(bytes) => strings(&bytes),
        Values::Views(views) => views::views(&views),
        Values::List(list) => offsets::rising(list.offsets(), list.values().len()),
        Values::ListView(list) => offsets::anywhere(&list, column.source().table.free_limit),
        Values::Union(union) => union::union(&union),
        Values::RunEnd(runs) => offsets::runs(&runs),
        Values::Dictionary(keys) => {
            let checked = dictionary::keys(&keys, column.validity());
            // A dictionary that never came has no values; report that rather than a key out of bounds.
            if let (Err(_), Some(id)) = (&checked, missing_dictionary(column)) {
                return Err(ReadError::Dictionary { id, fault: DictionaryFault::Missing });
            }
            checked
        }
    };
    checked.map_err(|fault| in_column(column, fault))
}

fn strings(bytes: &Bytes<'_, Structure>) -> Result<(), ColumnFault> {
    offsets::rising(bytes.offsets(), bytes.data().len())?;
    if bytes.is_utf8() { text::bytes(bytes) } else { Ok(()) }
}

/// Returns the id of the column's dictionary, if it never arrived.
fn missing_dictionary(column: &ColumnView<'_, Structure>) -> Option<i64> {
    let index = column.node().dictionary?;
    column
        .source()
        .dictionaries
        .get(index)
        .is_none()
        .then(|| column.source().layout.dictionaries()[index as usize].id)
}
