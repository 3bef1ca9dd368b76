//! What a receiver counts.

use bowstring_transport::ReceiverStats as TransportFigures;

use crate::{BufferStats, heap};

/// What a receiver has received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Batches.
    pub batches: u64,
    /// Bytes of these, as messages.
    pub bytes: u64,
    /// Rows of the batches that were looked at.
    pub rows: u64,
    /// Bytes of batches that were copied out of the sender's memory before they were looked at.
    pub bytes_copied: u64,
    /// Dictionaries, and additions to dictionaries.
    pub dictionaries: u64,
    /// Of these, additions. Making arrays puts a dictionary and its additions together, which copies them.
    pub dictionary_deltas: u64,
    /// Bytes of dictionaries and additions, as messages.
    pub dictionary_bytes: u64,
    /// Bytes of dictionaries that were copied out of the sender's memory, to be kept.
    pub dictionary_bytes_copied: u64,
    /// Where the buffers lay of the batches that were looked at: inside the memory that is shared with the sender, or
    /// outside of it.
    pub buffer_stats: BufferStats,
    /// Heap allocations while batches were received and turned into views, the first batch and dictionaries left out.
    /// Counted only where the program's allocator is `allocations::Counting`.
    pub hot_allocations: u64,
    /// Heap allocations for making Arrow arrays, which are objects of the heap. Counted likewise.
    pub array_allocations: u64,
    /// What the transport counts.
    pub transport: TransportFigures,
}

impl ReceiverStats {
    /// Counts the allocations of the hot path since there were `before`, but for those of the first batch, which warm up
    /// what later ones use again.
    pub(super) fn note_allocations(&mut self, before: u64) {
        if self.batches > 1 {
            self.hot_allocations += heap::allocations() - before;
        }
    }
}
