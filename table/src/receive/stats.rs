//! The counters of a receiver.

use bowstring_transport::ReceiverStats as TransportStats;

use crate::{BufferStats, heap};

/// The counters of a receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Batches.
    pub batches: u64,
    /// Bytes of these, as messages.
    pub bytes: u64,
    /// Rows of the batches that were read.
    pub rows: u64,
    /// Bytes of batches that were copied out of the sender's memory before they were read.
    pub bytes_copied: u64,
    /// Dictionaries, and additions to dictionaries.
    pub dictionaries: u64,
    /// Of these, additions. Making arrays joins a dictionary with its additions, which copies them.
    pub dictionary_deltas: u64,
    /// Bytes of dictionaries and additions, as messages.
    pub dictionary_bytes: u64,
    /// Bytes of dictionaries that were copied out of the sender's memory, to be kept.
    pub dictionary_bytes_copied: u64,
    /// Counts the buffers of the batches that were read: inside the memory shared with the sender, or outside of
    /// it.
    pub buffer_stats: BufferStats,
    /// Heap allocations while batches were received and turned into views, except for the first batch and
    /// dictionaries. Counted only if the program's allocator is `allocations::Counting`.
    pub hot_allocations: u64,
    /// Heap allocations for Arrow arrays, which are heap objects. Counted under the same condition.
    pub array_allocations: u64,
    /// The transport's counters.
    pub transport: TransportStats,
}

impl ReceiverStats {
    /// Adds the allocations of the hot path since the count was `before`, except for those of the first batch, which
    /// warm up what later ones reuse.
    pub(super) fn note_allocations(&mut self, before: u64) {
        if self.batches > 1 {
            self.hot_allocations += heap::allocations() - before;
        }
    }
}
