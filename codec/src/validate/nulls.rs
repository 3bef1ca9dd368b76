//! Nulls: as many as declared, and none where the schema allows none.

use crate::layout::Class;
use crate::message::{ColumnFault, ReadError};
use crate::view::{Bitmap, ColumnView, Structure};

/// Checks that a top-level column has no nulls, where its field allows none.
pub(super) fn none(column: &ColumnView<'_, Structure>) -> Result<(), ColumnFault> {
    let marks = column.node().class != Class::Null;
    match marks && column.null_count() > 0 {
        true => Err(ColumnFault::NullInNonNullable),
        false => Ok(()),
    }
}

/// Checks that as many rows are null as the message declares.
pub(super) fn counted(column: &ColumnView<'_, Structure>) -> Result<(), ColumnFault> {
    let slot = column.slot();
    if !slot.has_validity {
        // Then none are declared, or the column has the null type.
        return Ok(());
    }
    let bits = Bitmap::new(column.source().buffer(&slot, 0), slot.declared);
    let counted = bits.len() - bits.count_ones();
    match counted == slot.nulls {
        true => Ok(()),
        false => Err(ColumnFault::NullCount { declared: slot.nulls, counted }),
    }
}

/// Checks that children which may not be null are not, except under a null parent.
///
/// This is arrow's rule for lists and maps, structs and fixed-size lists. A child of a union or of runs may have
/// nulls in any case, and so may one of a list view, whose rows need not be reached.
pub(super) fn children(column: &ColumnView<'_, Structure>) -> Result<(), ReadError> {
    let (mask, size) = match column.node().class {
        Class::List { .. } => (None, 1),
        Class::Struct => (column.validity(), 1),
        Class::FixedSizeList { size } => (column.validity(), size as usize),
        _ => return Ok(()),
    };
    for child in column.children() {
        if child.node().nullable {
            continue;
        }
        let Some(child_bits) = child.validity() else { continue };
        let sound = match mask {
            None => child_bits.count_ones() == child_bits.len(),
            Some(mask) => covered(mask, child_bits, size),
        };
        if !sound {
            return Err(ReadError::Column {
                path: child.path().into(),
                fault: ColumnFault::NullInNonNullable,
            });
        }
    }
    Ok(())
}

/// Returns true if each null of `child` is under a null of `parent`, which has `size` child rows for each of its own.
fn covered(parent: Bitmap<'_>, child: Bitmap<'_>, size: usize) -> bool {
    if size == 1 {
        // Byte by byte: no bit may be set in the parent and not in the child.
        let full = parent.len() / 8;
        let (p, c) = (parent.bytes(), child.bytes());
        let bad = p[..full].iter().zip(&c[..full]).fold(0, |bad, (p, c)| bad | (p & !c));
        let rest = full * 8..parent.len();
        return bad == 0
            && rest.into_iter().all(|row| parent.get(row) == Some(false) || child.get(row) == Some(true));
    }
    (0..parent.len())
        .filter(|&row| parent.get(row) == Some(true))
        .all(|row| (row * size..(row + 1) * size).all(|row| child.get(row) == Some(true)))
}
