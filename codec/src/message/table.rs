//! The structure check: compares a message's flat lists of nodes and buffers with the layout and the body.
//!
//! The result is a [`Table`]: for each node its rows and nulls, for each buffer its place. From then on no number of
//! the message is read again. This is the *structure* level; its promises are listed at
//! [`Structure`](crate::view::Structure).

use crate::layout::{Class, Node, Tree};
use crate::message::error::ReadError;
use crate::message::fault::{BatchFault, BufferRole, ColumnFault};
use crate::message::flat::{WireBatch, pair};
use crate::message::incoming::Incoming;
use crate::message::limits::Limits;
use crate::message::metadata::Version;

/// No message can have more rows: a bit for each would exceed any address space.
const MAX_ROWS: usize = usize::MAX >> 8;

/// A batch's nodes and buffers, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    /// The number of rows without bytes that the message may claim.
    pub(crate) free_limit: usize,
    free: usize,
    slots: Vec<Slot>,
    spans: Vec<Span>,
}

/// One node's share of a batch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    /// The number of rows declared, for which its buffers are long enough.
    pub(crate) declared: usize,
    /// The number of them that its parent uses: all, except for children that are longer than needed.
    pub(crate) len: usize,
    /// The number of nulls declared.
    pub(crate) nulls: usize,
    /// True if there is a validity buffer (optional without nulls).
    pub(crate) has_validity: bool,
    /// The index of its first buffer.
    first_span: u32,
    /// The number of variadic buffers in addition to those of its class.
    pub(crate) variadic: u32,
}

/// The place of a buffer in the body; in bounds, once in a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

impl Table {
    /// Creates a table that takes batches of this tree without allocating, up to this number of buffers.
    pub(crate) fn for_tree(tree: &Tree, buffers: usize) -> Self {
        let slots = Vec::with_capacity(tree.nodes().len());
        Self { slots, spans: Vec::with_capacity(buffers), ..Self::default() }
    }

    /// Returns the capacity in buffers.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.spans.capacity()
    }

    /// Returns the number of buffers to plan for in a batch of this tree: eight for each view column, and some
    /// hundreds in all.
    pub(crate) fn planned_buffers(tree: &Tree) -> usize {
        tree.buffers().len() + tree.views() * 8 + if tree.views() > 0 { 256 } else { 0 }
    }

    /// Returns the share of the node at `index` of the tree that this table was loaded for.
    pub(crate) fn slot(&self, index: usize) -> Slot {
        debug_assert!(index < self.slots.len(), "a table has a slot for each node of its tree");
        self.slots.get(index).copied().unwrap_or_default()
    }

    /// Returns the `nth` buffer of a slot.
    pub(crate) fn span(&self, slot: &Slot, nth: usize) -> Span {
        self.spans.get(slot.first_span as usize + nth).copied().unwrap_or_default()
    }

    /// Checks a batch against the tree and its body, and records where everything is.
    ///
    /// Columns that are `optional` may have no rows where the batch has some; those beyond its end are not.
    ///
    /// After an error the table's content is unspecified.
    pub(crate) fn load(
        &mut self,
        tree: &Tree,
        optional: &[bool],
        batch: &WireBatch<'_>,
        body: &[u8],
        version: Version,
        free_rows: usize,
    ) -> Result<(), ReadError> {
        self.rows = count_rows(batch.rows)?;
        self.free_limit = Limits::free_rows(free_rows, body.len());
        self.free = 0;
        // Nothing that is read has bytes.
        if optional.iter().filter(|optional| **optional).count() == tree.columns().len() {
            self.claim(self.rows)?;
        }
        self.take_nodes(tree, batch)?;
        let mut incoming = Incoming::new(tree, batch, body, version)?;
        self.spans.clear();
        self.spans.reserve(batch.buffers.len());
        let mut alike = true;
        for (place, &column) in tree.columns().iter().enumerate() {
            let slot = &mut self.slots[column as usize];
            let is_left_out = slot.declared == 0 && optional.get(place) == Some(&true);
            slot.len = if is_left_out { 0 } else { self.rows };
            alike &= slot.declared == slot.len;
        }
        for (index, node) in tree.nodes().iter().enumerate() {
            self.node(tree, index, node, &mut incoming).map_err(|fault| in_column(node, fault))?;
        }
        if alike { Ok(()) } else { self.unlike_rows(tree) }
    }

    /// Returns the first column that has not the batch's rows. Other faults are reported before this one.
    #[cold]
    fn unlike_rows(&self, tree: &Tree) -> Result<(), ReadError> {
        for &column in tree.columns() {
            let Slot { declared: found, len, .. } = self.slots[column as usize];
            if found != len {
                let fault = ColumnFault::RowCount { expected: self.rows, found };
                return Err(in_column(&tree.nodes()[column as usize], fault));
            }
        }
        Ok(())
    }

    /// Counts rows without bytes.
    fn claim(&mut self, rows: usize) -> Result<(), ReadError> {
        self.free = self.free.saturating_add(rows);
        match self.free <= self.free_limit {
            true => Ok(()),
            false => {
                let fault = BatchFault::TooManyRows { rows: self.free, limit: self.free_limit };
                Err(ReadError::Batch(fault))
            }
        }
    }

    fn take_nodes(&mut self, tree: &Tree, batch: &WireBatch<'_>) -> Result<(), ReadError> {
        let expected = tree.nodes().len();
        let found = batch.nodes.len();
        if found != expected {
            return Err(ReadError::Batch(BatchFault::NodeCount { expected, found }));
        }
        self.slots.clear();
        self.slots.reserve(expected);
        for (node, wire) in tree.nodes().iter().zip(batch.nodes) {
            let (len, nulls) = pair(wire);
            // A negative number, read as unsigned, is above any count of rows: two comparisons find all faults.
            if len as u64 > MAX_ROWS as u64 || nulls as u64 > len as u64 {
                return Err(in_column(node, impossible(len, nulls)));
            }
            self.slots.push(Slot { declared: len as usize, nulls: nulls as usize, ..Slot::default() });
            if node.is_free() {
                self.claim(len as usize)?;
            }
        }
        Ok(())
    }

    /// Checks one node. Its parent was checked before, and has set how many rows it needs.
    fn node(
        &mut self,
        tree: &Tree,
        index: usize,
        node: &Node,
        incoming: &mut Incoming<'_>,
    ) -> Result<(), ColumnFault> {
        let Self { slots, spans, .. } = self;
        let slot = &mut slots[index];
        slot.first_span = spans.len() as u32;
        match &node.class {
            // Every row of such a column is null. Old writers declared none.
            Class::Null => slot.nulls = slot.declared,
            Class::Union { .. } | Class::RunEnd { .. } if slot.nulls > 0 => {
                return Err(ColumnFault::NullsNotAllowed { nulls: slot.nulls });
            }
            Class::Union { .. } | Class::RunEnd { .. } => incoming.skip_old_validity(),
            _ => {}
        }
        for &kind in tree.buffers_of(node) {
            spans.push(incoming.next(kind, slot)?);
        }
        if let Class::View { .. } = node.class {
            slot.variadic = incoming.variadic(node.views_before);
            for nth in 0..slot.variadic {
                spans.push(incoming.span(|| BufferRole::Data(nth))?);
            }
        }
        let slot = *slot;
        if node.children == 0 { Ok(()) } else { self.children(tree, index, node, slot) }
    }

    /// Sets how many rows the children need.
    ///
    /// Children come after their parent, so they have been counted by now and are checked later.
    fn children(&mut self, tree: &Tree, index: usize, node: &Node, slot: Slot) -> Result<(), ColumnFault> {
        let needed = match node.class {
            Class::Struct | Class::Union { dense: false, .. } => Some(slot.len),
            Class::FixedSizeList { size } => {
                Some(slot.len.checked_mul(size as usize).ok_or(ColumnFault::Overflow)?)
            }
            _ => None,
        };
        for child in tree.children_of(index) {
            let child = &mut self.slots[child];
            child.len = needed.unwrap_or(child.declared);
            if child.declared < child.len {
                return Err(ColumnFault::ChildTooShort { needed: child.len, found: child.declared });
            }
        }
        if let Class::RunEnd { .. } = node.class {
            let mut children = tree.children_of(index).map(|child| self.slots[child]);
            if let (Some(ends), Some(values)) = (children.next(), children.next()) {
                if ends.nulls > 0 {
                    return Err(ColumnFault::NullsNotAllowed { nulls: ends.nulls });
                }
                if ends.declared != values.declared {
                    return Err(ColumnFault::ChildTooShort {
                        needed: ends.declared.max(values.declared),
                        found: ends.declared.min(values.declared),
                    });
                }
            }
        }
        Ok(())
    }
}

#[cold]
fn in_column(node: &Node, fault: ColumnFault) -> ReadError {
    ReadError::Column { path: node.path.clone(), fault }
}

/// Returns the fault of counts of rows and nulls that no column can have.
#[cold]
fn impossible(len: i64, nulls: i64) -> ColumnFault {
    match (usize::try_from(len), usize::try_from(nulls)) {
        (Err(_), _) => ColumnFault::NegativeCount(len),
        (_, Err(_)) => ColumnFault::NegativeCount(nulls),
        (Ok(rows), _) if rows > MAX_ROWS => ColumnFault::TooManyRows { rows },
        (Ok(rows), Ok(nulls)) => ColumnFault::TooManyNulls { rows, nulls },
    }
}

fn count_rows(value: i64) -> Result<usize, ReadError> {
    usize::try_from(value).map_err(|_| ReadError::Batch(BatchFault::NegativeRows(value)))
}
