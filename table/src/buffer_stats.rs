//! Counts buffers by address: which are in the memory of their message and which were copied out of it.

// claim: zero-copy-tables

use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use bowstring_codec::view::{BatchView, ColumnView, Level};

/// Buffers counted by address. Empty buffers have no place and are not counted; neither are a dictionary's values,
/// which are not part of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BufferStats {
    /// Buffers inside the range of addresses.
    pub inside: u64,
    /// Bytes of these.
    pub bytes_inside: u64,
    /// Buffers anywhere else: copies.
    pub outside: u64,
    /// Bytes of these.
    pub bytes_outside: u64,
}

impl BufferStats {
    /// Returns the number of all buffers.
    #[must_use]
    pub fn buffers(&self) -> u64 {
        self.inside + self.outside
    }

    /// Counts the buffers of a view. Takes no heap.
    #[must_use]
    pub fn of_view<L: Level>(view: &BatchView<'_, L>, range: &Range<usize>) -> BufferStats {
        let mut buffer_stats = BufferStats::default();
        view.columns().for_each(|column| buffer_stats.column(&column, range));
        buffer_stats
    }

    /// Counts the buffers of arrays.
    #[must_use]
    pub fn of_arrays(batch: &RecordBatch, range: &Range<usize>) -> BufferStats {
        let mut buffer_stats = BufferStats::default();
        batch.columns().iter().for_each(|column| buffer_stats.data(&column.to_data(), range));
        buffer_stats
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &BufferStats) {
        self.inside += other.inside;
        self.bytes_inside += other.bytes_inside;
        self.outside += other.outside;
        self.bytes_outside += other.bytes_outside;
    }

    fn column<L: Level>(&mut self, column: &ColumnView<'_, L>, range: &Range<usize>) {
        column.buffers().for_each(|buffer| self.buffer(buffer, range));
        column.children().for_each(|child| self.column(&child, range));
    }

    fn data(&mut self, data: &ArrayData, range: &Range<usize>) {
        if let Some(nulls) = data.nulls() {
            self.buffer(nulls.validity(), range);
        }
        data.buffers().iter().for_each(|buffer| self.buffer(buffer, range));
        if !matches!(data.data_type(), DataType::Dictionary(..)) {
            data.child_data().iter().for_each(|child| self.data(child, range));
        }
    }

    fn buffer(&mut self, buffer: &[u8], range: &Range<usize>) {
        let addresses = buffer.as_ptr_range();
        let (start, end) = (addresses.start.addr(), addresses.end.addr());
        if buffer.is_empty() {
        } else if range.start <= start && end <= range.end {
            self.inside += 1;
            self.bytes_inside += buffer.len() as u64;
        } else {
            self.outside += 1;
            self.bytes_outside += buffer.len() as u64;
        }
    }
}
