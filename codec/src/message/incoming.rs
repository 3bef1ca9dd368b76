//! The buffers of a batch, taken one by one and checked: in bounds, aligned, and long enough for their rows.

use crate::layout::{BufferKind, Class, Node, Tree};
use crate::message::error::ReadError;
use crate::message::fault::{BatchFault, BufferRole, ColumnFault};
use crate::message::flat::{WireBatch, pair};
use crate::message::metadata::Version;
use crate::message::shape::{self, Shape, Width};
use crate::message::table::{Slot, Span};

/// The buffers of a batch in message order, taken one by one.
pub(super) struct Incoming<'a> {
    body: &'a [u8],
    buffers: &'a [[u8; 16]],
    variadic: &'a [[u8; 8]],
    /// True if types without nulls of their own have a validity buffer all the same.
    old_validity: bool,
    next: usize,
}

impl<'a> Incoming<'a> {
    /// Checks the number of buffers against the tree, so that none can be missing later.
    pub(super) fn new(
        tree: &Tree,
        batch: &WireBatch<'a>,
        body: &'a [u8],
        version: Version,
    ) -> Result<Self, ReadError> {
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
    pub(super) fn variadic(&self, place: u32) -> u32 {
        // Checked at construction: there are as many counts as view columns, and together they count buffers.
        self.variadic.get(place as usize).map_or(0, |count| i64::from_le_bytes(*count) as u32)
    }

    /// Until V4 every type except the null type had a validity buffer. Nulls where there are none now were refused
    /// before, so this one carries nothing.
    pub(super) fn skip_old_validity(&mut self) {
        self.next += usize::from(self.old_validity);
    }

    /// Returns the next buffer, in bounds. `role` names it if it is not.
    #[inline(always)]
    pub(super) fn span(&mut self, role: impl FnOnce() -> BufferRole) -> Result<Span, ColumnFault> {
        debug_assert!(self.next < self.buffers.len(), "buffers were counted");
        let Some(wire) = self.buffers.get(self.next) else { return Ok(Span::default()) };
        let (offset, length) = pair(wire);
        self.next += 1;
        if length == 0 {
            // The place of an empty buffer does not matter.
            return Ok(Span::default());
        }
        // A negative number, read as unsigned, is above any length in memory.
        let body = self.body.len() as u64;
        let room = body.checked_sub(offset as u64);
        if room.is_none_or(|room| length as u64 > room) {
            let (role, body) = (role(), self.body.len());
            return Err(ColumnFault::BufferOutOfBounds { role, offset, length, body });
        }
        Ok(Span { offset: offset as usize, len: length as usize })
    }

    /// Returns the next buffer, in bounds, aligned, and long enough for the rows of `slot`.
    #[inline(always)]
    pub(super) fn next(&mut self, kind: BufferKind, slot: &mut Slot) -> Result<Span, ColumnFault> {
        let span = self.span(|| shape::role(kind))?;
        let rows = slot.declared;
        if kind == BufferKind::Validity {
            let needed = rows.div_ceil(8);
            slot.has_validity = rows > 0 && span.len >= needed;
            if slot.nulls > 0 && span.len < needed {
                return Err(match span.len {
                    0 => ColumnFault::NoValidity { nulls: slot.nulls },
                    found => ColumnFault::BufferTooShort { role: BufferRole::Validity, needed, found },
                });
            }
            return Ok(span);
        }
        let Shape { width, one_more, align } = Shape::of(kind);
        // Nothing is read from a column without rows: writers disagree on whether it has a first offset.
        let values = if rows == 0 { 0 } else { rows + usize::from(one_more) };
        let needed = match width {
            Width::Bit => values.div_ceil(8),
            Width::Bytes(width) => values.checked_mul(width).ok_or(ColumnFault::Overflow)?,
        };
        if span.len < needed {
            return Err(ColumnFault::BufferTooShort { role: shape::role(kind), needed, found: span.len });
        }
        let address = self.body.as_ptr().addr() + span.offset;
        if needed > 0 && !address.is_multiple_of(align) {
            return Err(ColumnFault::Misaligned { role: shape::role(kind), needed: align });
        }
        Ok(span)
    }
}
