//! Checks that the fields of a finished message agree with each other: every child has the rows that its parent
//! refers to.

use super::Shape;
use super::error::BuildError;
use crate::layout::{Class, OffsetWidth};
use crate::template::Pair;

/// The length of a node that has not been finished.
pub(super) const UNFINISHED: Pair = [0xff; 16];

/// A message whose fields were all handed out.
pub(super) struct Check<'a> {
    pub(super) shape: &'a Shape,
    pub(super) nodes: &'a [Pair],
    pub(super) body: &'a [u8],
}

impl Check<'_> {
    /// Checks the subtree at `node`, which must have `expected` rows.
    pub(super) fn node(&self, node: usize, expected: usize) -> Result<(), BuildError> {
        let found = self.rows(node)?;
        if found != expected {
            return Err(BuildError::RowCount { node, expected, found });
        }
        let tree = self.shape.tree();
        let class = &tree.nodes()[node].class;
        for (i, child) in tree.children_of(node).enumerate() {
            match class {
                Class::Struct | Class::Union { dense: false, .. } => self.node(child, found)?,
                // The shape checked that the product does not overflow when it made room for it.
                Class::FixedSizeList { size } => self.node(child, found * *size as usize)?,
                Class::List { offsets } => self.node(child, self.number(node, 1, found, *offsets))?,
                Class::ListView { offsets } => {
                    let end = |row| self.number(node, 1, row, *offsets) + self.number(node, 2, row, *offsets);
                    let expected = (0..found).map(end).max().unwrap_or(0);
                    let has = self.rows(child)?;
                    // Rows that no list has are allowed.
                    self.node(child, has.max(expected))?;
                }
                Class::Union { dense: true, ids } => {
                    let slot = self.shape.slot(&tree.nodes()[node], 0);
                    let picked = self.body[slot][..found].iter().filter(|id| **id == ids[i].unsigned_abs());
                    self.node(child, picked.count())?;
                }
                // Run ends were finished with their parent; the values have as many rows as there are runs.
                Class::RunEnd { .. } => self.node(child, self.rows(node + 1)?)?,
                _ => (),
            }
        }
        Ok(())
    }

    /// Rows that a node was finished with.
    fn rows(&self, node: usize) -> Result<usize, BuildError> {
        let entry = self.nodes.get(node).filter(|entry| **entry != UNFINISHED);
        let length = entry.and_then(|entry| entry.first_chunk()).ok_or(BuildError::Unfinished { node })?;
        Ok(u64::from_le_bytes(*length) as usize)
    }

    /// Returns the number at `row` of a node's `nth` buffer.
    fn number(&self, node: usize, nth: usize, row: usize, width: OffsetWidth) -> usize {
        let at = self.shape.slot(&self.shape.tree().nodes()[node], nth).start + row * width.bytes();
        match width {
            OffsetWidth::W32 => self.body[at..].first_chunk().map_or(0, |n| u32::from_le_bytes(*n) as usize),
            OffsetWidth::W64 => self.body[at..].first_chunk().map_or(0, |n| u64::from_le_bytes(*n) as usize),
        }
    }
}
