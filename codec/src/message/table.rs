//! The structure check: compares a message's flat lists of nodes and buffers with the layout and the body.
//!
//! The result is a [`Table`]: for each node its rows and nulls, for each buffer its place. From then on no number of
//! the message is read again. This is the *structure* level; its promises are listed at
//! [`Structure`](crate::view::Structure).

use crate::layout::{BufferKind, Class, Node, Tree};
use crate::message::error::ReadError;
use crate::message::fault::{BatchFault, BufferRole, ColumnFault};
use crate::message::flat::{WireBatch, pair};
use crate::message::limits::Limits;
use crate::message::metadata::Version;
use crate::message::shape::{Shape, Width};

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
        for (place, &column) in tree.columns().iter().enumerate() {
            let slot = &mut self.slots[column as usize];
            let is_left_out = slot.declared == 0 && optional.get(place) == Some(&true);
            slot.len = if is_left_out { 0 } else { self.rows };
        }
        for (index, node) in tree.nodes().iter().enumerate() {
            self.node(tree, index, node, &mut incoming)
                .map_err(|fault| ReadError::Column { path: node.path.clone(), fault })?;
        }
        for &column in tree.columns() {
            let Slot { declared: found, len, .. } = self.slots[column as usize];
            if found != len {
                let path = tree.nodes()[column as usize].path.clone();
                return Err(ReadError::Column {
                    path,
                    fault: ColumnFault::RowCount { expected: self.rows, found },
                });
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
        for (node, wire) in tree.nodes().iter().zip(batch.nodes) {
            let in_column = |fault| ReadError::Column { path: node.path.clone(), fault };
            let (len, nulls) = pair(wire);
            let len = count(len).map_err(in_column)?;
            let nulls = count(nulls).map_err(in_column)?;
            if len > MAX_ROWS {
                return Err(in_column(ColumnFault::TooManyRows { rows: len }));
            }
            if nulls > len {
                return Err(in_column(ColumnFault::TooManyNulls { rows: len, nulls }));
            }
            self.slots.push(Slot { declared: len, nulls, ..Slot::default() });
            if node.is_free() {
                self.claim(len)?;
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
        let mut slot = self.slots[index];
        slot.first_span = self.spans.len() as u32;
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
            let span = incoming.next(kind, &mut slot)?;
            self.spans.push(span);
        }
        if let Class::View { .. } = node.class {
            slot.variadic = incoming.variadic(node.views_before);
            for nth in 0..slot.variadic {
                let span = incoming.span(BufferRole::Data(nth))?;
                self.spans.push(span);
            }
        }
        self.slots[index] = slot;
        self.children(tree, index, node, slot)
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

/// The buffers of a batch in message order, taken one by one.
struct Incoming<'a> {
    body: &'a [u8],
    buffers: &'a [[u8; 16]],
    variadic: &'a [[u8; 8]],
    /// True if types without nulls of their own have a validity buffer all the same.
    old_validity: bool,
    next: usize,
}

impl<'a> Incoming<'a> {
    /// Checks the number of buffers against the tree, so that none can be missing later.
    fn new(tree: &Tree, batch: &WireBatch<'a>, body: &'a [u8], version: Version) -> Result<Self, ReadError> {
        let found = batch.buffers.len();
        let old_validity = version == Version::V4;
        let mut expected = tree.buffers().len();
        if old_validity {
            let has = |node: &&Node| matches!(node.class, Class::Union { .. } | Class::RunEnd { .. });
            expected += tree.nodes().iter().filter(has).count();
        }
        let counts = batch.variadic.len();
        if counts != tree.views() {
            let fault = BatchFault::VariadicCount { expected: tree.views(), found: counts };
            return Err(ReadError::Batch(fault));
        }
        let off = |expected| ReadError::Batch(BatchFault::BufferCount { expected, found });
        for count in batch.variadic {
            // A count that is negative, or exceeds the buffers, cannot be met.
            let count = usize::try_from(i64::from_le_bytes(*count)).map_err(|_| off(expected))?;
            expected = expected.checked_add(count).ok_or_else(|| off(usize::MAX))?;
        }
        if found != expected {
            return Err(off(expected));
        }
        Ok(Self { body, buffers: batch.buffers, variadic: batch.variadic, old_validity, next: 0 })
    }

    /// Returns the number of variadic buffers of the view column at `place` among the view columns.
    fn variadic(&self, place: u32) -> u32 {
        // Checked at construction: there are as many counts as view columns, and together they count buffers.
        self.variadic.get(place as usize).map_or(0, |count| i64::from_le_bytes(*count) as u32)
    }

    /// Until V4 every type except the null type had a validity buffer. Nulls where there are none now were refused
    /// before, so this one carries nothing.
    fn skip_old_validity(&mut self) {
        self.next += usize::from(self.old_validity);
    }

    /// Returns the next buffer, in bounds.
    fn span(&mut self, role: BufferRole) -> Result<Span, ColumnFault> {
        debug_assert!(self.next < self.buffers.len(), "buffers were counted");
        let Some(wire) = self.buffers.get(self.next) else { return Ok(Span::default()) };
        let (offset, length) = pair(wire);
        self.next += 1;
        if length == 0 {
            // The place of an empty buffer does not matter.
            return Ok(Span::default());
        }
        let span = || {
            let offset = usize::try_from(offset).ok()?;
            let len = usize::try_from(length).ok()?;
            (offset.checked_add(len)? <= self.body.len()).then_some(Span { offset, len })
        };
        span().ok_or(ColumnFault::BufferOutOfBounds { role, offset, length, body: self.body.len() })
    }

    /// Returns the next buffer, in bounds, aligned, and long enough for the rows of `slot`.
    fn next(&mut self, kind: BufferKind, slot: &mut Slot) -> Result<Span, ColumnFault> {
        let shape = Shape::of(kind);
        let span = self.span(shape.role)?;
        if kind == BufferKind::Validity {
            let needed = slot.declared.div_ceil(8);
            slot.has_validity = slot.declared > 0 && span.len >= needed;
            return match (slot.nulls, span.len) {
                (nulls @ 1.., 0) => Err(ColumnFault::NoValidity { nulls }),
                (1.., found) if found < needed => {
                    Err(ColumnFault::BufferTooShort { role: shape.role, needed, found })
                }
                _ => Ok(span),
            };
        }
        // Nothing is read from a column without rows: writers disagree on whether it has a first offset.
        let rows = slot.declared;
        let values = if rows == 0 { 0 } else { rows + usize::from(shape.one_more) };
        let needed = match shape.width {
            Width::Bit => values.div_ceil(8),
            Width::Bytes(width) => values.checked_mul(width).ok_or(ColumnFault::Overflow)?,
        };
        if span.len < needed {
            return Err(ColumnFault::BufferTooShort { role: shape.role, needed, found: span.len });
        }
        let address = self.body.as_ptr().addr() + span.offset;
        if needed > 0 && !address.is_multiple_of(shape.align) {
            return Err(ColumnFault::Misaligned { role: shape.role, needed: shape.align });
        }
        Ok(span)
    }
}

fn count(value: i64) -> Result<usize, ColumnFault> {
    usize::try_from(value).map_err(|_| ColumnFault::NegativeCount(value))
}

fn count_rows(value: i64) -> Result<usize, ReadError> {
    usize::try_from(value).map_err(|_| ReadError::Batch(BatchFault::NegativeRows(value)))
}
