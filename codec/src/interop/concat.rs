//! Joins the parts of a dictionary.
//!
//! Arrow has one array for a dictionary, so deltas must be joined, which copies. Arrow's `concat` does it, and panics
//! or takes unbounded memory if the parts are odd enough. Such parts are refused first.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_select::concat::concat;

use super::ImportError;
use crate::layout::{Class, OffsetWidth, Tree};
use crate::message::dictionary::{Dictionary, Part};

/// Joins the parts of a dictionary, of which there are at least two.
pub(super) fn parts(dictionary: &Dictionary, arrays: &[ArrayRef]) -> Result<ArrayRef, ImportError> {
    let refused = |why| ImportError::DictionaryParts { id: dictionary.id(), why };
    check(dictionary.tree(), dictionary.parts()).map_err(refused)?;
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    concat(&arrays).map_err(|_| refused("more than their type can count"))
}

/// Refuses parts that cannot be joined, or not within memory in proportion to them.
fn check(tree: &Tree, parts: &[Arc<Part>]) -> Result<(), &'static str> {
    const UNCOUNTABLE: &str = "more than offsets of their type can count";
    // Rows without bytes are as many as a message says, and the same message may come again and again.
    let sum =
        |of: &dyn Fn(&Part) -> usize| parts.iter().fold(0, |sum: usize, part| sum.saturating_add(of(part)));
    let bytes = sum(&|part| part.body.len());
    let total = |node: usize| sum(&|part| part.table.slot(node).declared);
    let narrow = |width: OffsetWidth, count: usize| width == OffsetWidth::W32 && count > i32::MAX as usize;
    let mut below_union = 0;
    for (index, node) in tree.nodes().iter().enumerate() {
        let rows = total(index);
        // Neither Arrow's offsets nor its lengths go further.
        if rows > isize::MAX as usize {
            return Err(UNCOUNTABLE);
        }
        let children = || tree.children_of(index).map(total);
        match &node.class {
            Class::Null => continue,
            Class::RunEnd { width } => {
                let most = match width {
                    2 => i16::MAX as usize,
                    4 => i32::MAX as usize,
                    _ => usize::MAX,
                };
                if rows > most {
                    return Err(UNCOUNTABLE);
                }
                continue;
            }
            // Joined row by row: rows that refer to one long value over and over would each become a copy.
            Class::Union { dense: true, .. } => return Err("dense unions cannot be joined"),
            Class::Union { dense: false, .. } => below_union = below_union.max(node.end),
            Class::ListView { .. } if (index as u32) < below_union => {
                return Err("list views in unions cannot be joined");
            }
            Class::List { offsets } | Class::ListView { offsets }
                if children().any(|count| narrow(*offsets, count)) =>
            {
                return Err(UNCOUNTABLE);
            }
            Class::Bytes { offsets, .. } if narrow(*offsets, bytes) => return Err(UNCOUNTABLE),
            _ => {}
        }
        // A validity bitmap is made for all rows as soon as one part has one; rows that take up no bytes
        // themselves (of structs without fields, say) could make it as long as they like.
        if rows > bytes.saturating_mul(8) && parts.iter().any(|part| part.table.slot(index).nulls > 0) {
            return Err("far more rows than bytes");
        }
    }
    Ok(())
}
