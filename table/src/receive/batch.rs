//! One batch, not yet checked.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use bowstring_codec::decode::Decoder;
use bowstring_codec::interop::{Align, share};
use bowstring_codec::view::{BatchView, Full, Level, Structure};
use bowstring_transport::{Delivery, Meta};

use super::channel::Memory;
use super::outstanding::{Held, Outstanding};
use super::stats::ReceiverStats;
use crate::error::ReceiveError;
use crate::{BufferStats, heap};

/// A received batch, in the memory it came in. Dropping it gives that memory back.
///
/// Nothing of it has been checked yet. The result determines the check: a view of its *structure* checks counts and
/// bounds, a *full* one every value that another value relies on; arrays are always checked in full.
///
/// ```
/// # use bowstring::{Batch, ReceiveError};
/// fn sum(mut batch: Batch<'_>) -> Result<i64, ReceiveError> {
///     let view = batch.view()?;
///     let column = view.column(0).and_then(|column| column.as_slice::<i64>());
///     Ok(column.unwrap_or_default().iter().sum())
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Batch<'a> {
    memory: Memory<'a>,
    meta: Meta,
    /// The addresses of the memory shared with the sender; empty if the batch was copied.
    shared: Range<usize>,
    /// The bytes of a slot; 1 where messages take none.
    slot: usize,
    decoder: &'a mut Decoder,
    align: Align,
    outstanding: &'a Arc<Outstanding>,
    stats: &'a mut ReceiverStats,
    /// True if the stats include its rows and buffers.
    counted: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        memory: Memory<'a>,
        meta: Meta,
        pool: Option<(Range<usize>, usize)>,
        decoder: &'a mut Decoder,
        align: Align,
        outstanding: &'a Arc<Outstanding>,
        stats: &'a mut ReceiverStats,
    ) -> Batch<'a> {
        let (shared, slot) = match (&memory, pool) {
            (Memory::Lease(_), Some(pool)) => pool,
            (Memory::Sealed(message), _) => {
                let addresses = message.as_ptr_range();
                (addresses.start.addr()..addresses.end.addr(), 1)
            }
            _ => (0..0, 1),
        };
        Batch { memory, meta, shared, slot, decoder, align, outstanding, stats, counted: false }
    }

    /// Returns the sender's number of the message. A gap means messages that were not for this receiver.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.meta.number
    }

    /// Returns the length of the message in bytes.
    #[must_use]
    pub fn message_len(&self) -> usize {
        self.memory.len()
    }

    /// Returns the message's bytes: one encapsulated Arrow message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.memory
    }

    /// Returns the addresses of the memory shared with the sender: its pool, or the message's file. Empty if the
    /// message was copied.
    #[must_use]
    pub fn shared_addresses(&self) -> Range<usize> {
        self.shared.clone()
    }

    /// Returns the bytes that the message takes: whole slots, where it lies in slots.
    pub(super) fn taken(&self) -> usize {
        self.memory.len().next_multiple_of(self.slot)
    }

    pub(super) fn delivery(&self) -> Delivery {
        self.memory.delivery()
    }

    pub(super) fn outstanding(&self) -> &Outstanding {
        self.outstanding
    }

    /// Returns the batch as a view of the memory it came in, its structure checked. Takes no heap.
    pub fn view(&mut self) -> Result<BatchView<'_, Structure>, ReceiveError> {
        let before = heap::allocations();
        let view = self.decoder.decode(&self.memory);
        let view = view.map_err(ReceiveError::malformed(self.meta.number))?;
        count(&view, &self.shared, self.stats, &mut self.counted);
        self.stats.note_allocations(before);
        Ok(view)
    }

    /// Returns the batch as a view of the memory it came in, checked in full. Takes no heap.
    pub fn full_view(&mut self) -> Result<BatchView<'_, Full>, ReceiveError> {
        let before = heap::allocations();
        let view = self.decoder.decode(&self.memory).and_then(BatchView::validate);
        let view = view.map_err(ReceiveError::malformed(self.meta.number))?;
        count(&view, &self.shared, self.stats, &mut self.counted);
        self.stats.note_allocations(before);
        Ok(view)
    }

    /// Returns the batch as Arrow arrays whose buffers are the memory it came in. That memory goes back to the sender
    /// when the last of them is dropped, on any thread; until then it is missing from the sender's pool.
    pub fn into_record_batch(self) -> Result<RecordBatch, ReceiveError> {
        let (outstanding, taken) = (self.outstanding, self.taken());
        self.arrays_over(|memory| match memory {
            Memory::Lease(lease) => share(Held::new(lease.detach(), taken, outstanding)),
            Memory::Copy(copy) => share(copy),
            // The descriptor is closed, so that batches that are kept need none.
            Memory::Sealed(message) => share(Held::new(message.into_view(), taken, outstanding)),
        })
    }

    /// Returns the batch as Arrow arrays in private memory. Keeping them keeps nothing of the sender's.
    pub fn into_private_record_batch(mut self) -> Result<RecordBatch, ReceiveError> {
        if !matches!(self.memory, Memory::Copy(_)) {
            self.shared = 0..0;
            self.stats.bytes_copied += self.memory.len() as u64;
        }
        self.arrays_over(|memory| match memory {
            Memory::Copy(copy) => share(copy),
            shared => Buffer::from(&*shared),
        })
    }

    /// The batch's memory, apart from its receiver.
    #[cfg(feature = "derive")]
    pub(super) fn into_held(self) -> super::held::Held {
        super::held::Held::new(self.memory.detach(), self.meta.number, self.shared)
    }

    fn arrays_over(self, keep: impl FnOnce(Memory<'a>) -> Buffer) -> Result<RecordBatch, ReceiveError> {
        let Batch { memory, meta, shared, decoder, align, stats, counted, .. } = self;
        let before = heap::allocations();
        let buffer = keep(memory);
        stats.array_allocations += heap::allocations() - before;
        let before = heap::allocations();
        let view = decoder.decode(&buffer).and_then(BatchView::validate);
        stats.note_allocations(before);
        let view = view.map_err(ReceiveError::malformed(meta.number))?;
        let before = heap::allocations();
        let imported = view.to_record_batch(&buffer, align).map_err(ReceiveError::import(meta.number))?;
        stats.array_allocations += heap::allocations() - before;
        if !counted {
            stats.rows += imported.batch.num_rows() as u64;
            stats.buffer_stats.add(&BufferStats::of_arrays(&imported.batch, &shared));
        }
        Ok(imported.batch)
    }
}

/// Counts a batch's rows and buffers, once.
pub(super) fn count<L: Level>(
    view: &BatchView<'_, L>,
    shared: &Range<usize>,
    stats: &mut ReceiverStats,
    counted: &mut bool,
) {
    if !std::mem::replace(counted, true) {
        stats.rows += view.num_rows() as u64;
        stats.buffer_stats.add(&BufferStats::of_view(view, shared));
    }
}
