//! The counters of a receiver.

use std::ops::Add;

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

/// The counters of several channels together.
impl Add for ReceiverStats {
    type Output = ReceiverStats;

    fn add(mut self, other: ReceiverStats) -> ReceiverStats {
        self.buffer_stats.add(&other.buffer_stats);
        let (mut transport, more) = (self.transport, other.transport);
        transport.messages += more.messages;
        transport.bytes += more.bytes;
        // A sender's word.
        transport.missed = transport.missed.saturating_add(more.missed);
        transport.sleeps += more.sleeps;
        transport.copied += more.copied;
        ReceiverStats {
            batches: self.batches + other.batches,
            bytes: self.bytes + other.bytes,
            rows: self.rows + other.rows,
            bytes_copied: self.bytes_copied + other.bytes_copied,
            dictionaries: self.dictionaries + other.dictionaries,
            dictionary_deltas: self.dictionary_deltas + other.dictionary_deltas,
            dictionary_bytes: self.dictionary_bytes + other.dictionary_bytes,
            dictionary_bytes_copied: self.dictionary_bytes_copied + other.dictionary_bytes_copied,
            buffer_stats: self.buffer_stats,
            hot_allocations: self.hot_allocations + other.hot_allocations,
            array_allocations: self.array_allocations + other.array_allocations,
            transport,
        }
    }
}
