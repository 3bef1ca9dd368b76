//! The counters of a sender.

use bowstring_transport::Stats;

/// The counters of a sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SenderStats {
    /// Batches, as messages: one that was sent in slices counts as several.
    pub batches: u64,
    /// Rows of these.
    pub rows: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Dictionaries, and additions to dictionaries.
    pub dictionaries: u64,
    /// Bytes of these.
    pub dictionary_bytes: u64,
    /// Batches that were larger than a message and were sent in slices.
    pub split: u64,
    /// Batches not given to a receiver because it was slow, summed over the receivers.
    pub skipped: u64,
    /// Heap allocations while batches were encoded or built, and sent, except for the first batch. Counted only if
    /// the program's allocator is `allocations::Counting`.
    pub hot_allocations: u64,
    /// The transport's counters.
    pub transport: Stats,
}

impl SenderStats {
    pub(super) fn sent(&mut self, rows: usize, bytes: usize, allocations: u64) {
        if self.batches > 0 {
            self.hot_allocations += allocations;
        }
        self.batches += 1;
        self.rows += rows as u64;
        self.bytes += bytes as u64;
    }
}
