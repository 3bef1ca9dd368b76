//! The work, the same for every contender: the batches, and how they are produced and summed.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::Buffer;
use arrow_schema::DataType;

/// Integer columns of a batch that is produced in place.
pub(super) const COLUMNS: usize = 8;

/// Batches produced in place repeat after this many, so that one that was overwritten or not written shows.
const SEEDS: u64 = 8;

/// The columns of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Eight of 64-bit integers.
    Int64,
    /// Eight of different types: two of text, two with nulls.
    Mixed,
}

/// The way to make a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// Computed where it will be read, if the contender can do that.
    InPlace,
    /// It exists already, as a `RecordBatch`.
    Finished,
}

/// One kind of batch, to be sent again and again.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) batch: RecordBatch,
    /// Its buffers, in order, without empty ones.
    pub(super) buffers: Vec<Buffer>,
    pub(super) making: Making,
    /// Bytes of the buffers.
    pub(super) bytes: usize,
    /// The sum of each produced batch; all the same for a finished one.
    sums: Vec<u64>,
}

impl Work {
    /// Creates batches of about `bytes` bytes.
    pub(super) fn new(columns: Columns, making: Making, bytes: usize) -> Work {
        let probe = 1 << 10;
        let each = columns.batch(probe).columns().iter().flat_map(buffers).map(|b| b.len()).sum::<usize>();
        let batch = columns.batch(bytes * probe / each);
        let buffers: Vec<Buffer> = batch.columns().iter().flat_map(buffers).collect();
        let bytes = buffers.iter().map(Buffer::len).sum();
        let sums = match making {
            Making::Finished => vec![sum_batch(&batch)],
            Making::InPlace => (0..SEEDS).map(|seed| produced(seed, batch.num_rows())).collect(),
        };
        Work { batch, buffers, making, bytes, sums }
    }

    /// Returns the number of buffers in rotation, the same for everybody: 4 MiB in all, or two of the largest.
    pub(super) fn slots(&self) -> usize {
        ((4 << 20) / self.bytes.max(64 << 10)).clamp(2, 64)
    }

    /// Returns the sum of `count` batches from number `first` on.
    pub(super) fn expected(&self, first: u64, count: u64) -> u64 {
        let sums = self.sums.len() as u64;
        (first..first + count).fold(0, |sum: u64, n| sum.wrapping_add(self.sums[(n % sums) as usize]))
    }

    /// Returns true if each batch is produced from its number.
    pub(super) fn is_produced(&self) -> bool {
        self.making == Making::InPlace
    }
}

/// Returns a value of a produced batch.
#[inline(always)]
pub(super) fn value(row: usize, number: u64) -> i64 {
    row as i64 ^ (number % SEEDS) as i64
}

/// Returns the sum of a produced batch, from the definition.
fn produced(seed: u64, rows: usize) -> u64 {
    let sum = (0..rows).fold(0, |sum: i64, row| sum.wrapping_add(value(row, seed)));
    sum.wrapping_mul(COLUMNS as i64) as u64
}

/// Returns the sum of some bytes as words. Trailing zeroes make no difference.
///
/// One function for all contenders, so that they run the same loop.
#[inline(never)]
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().fold(u64::from_le_bytes(last), |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// Returns the sum of a batch, without allocating.
pub(super) fn sum_batch(batch: &RecordBatch) -> u64 {
    batch.columns().iter().fold(0, |sum: u64, column| sum.wrapping_add(sum_column(column)))
}

fn sum_column(column: &ArrayRef) -> u64 {
    let values = match column.data_type() {
        DataType::Int64 => sum(column.as_primitive::<Int64Type>().values().inner()),
        DataType::Int32 => sum(column.as_primitive::<Int32Type>().values().inner()),
        DataType::Float64 => sum(column.as_primitive::<Float64Type>().values().inner()),
        DataType::Timestamp(..) => sum(column.as_primitive::<TimestampMicrosecondType>().values().inner()),
        DataType::Decimal128(..) => sum(column.as_primitive::<Decimal128Type>().values().inner()),
        DataType::Boolean => sum(column.as_boolean().values().inner()),
        DataType::Utf8 => {
            let text = column.as_string::<i32>();
            sum(text.offsets().inner().inner()).wrapping_add(sum(text.value_data()))
        }
        other => unreachable!("no batch of this bench has a column of {other}"),
    };
    values.wrapping_add(column.nulls().map_or(0, |nulls| sum(nulls.inner().inner())))
}

fn buffers(column: &ArrayRef) -> Vec<Buffer> {
    let data = column.to_data();
    let nulls = data.nulls().map(|nulls| nulls.inner().inner().clone());
    nulls.into_iter().chain(data.buffers().iter().cloned()).filter(|buffer| !buffer.is_empty()).collect()
}

impl Columns {
    fn batch(self, rows: usize) -> RecordBatch {
        let columns = (0..COLUMNS).map(|i| (format!("column_{i}"), self.column(i, rows)));
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    }

    fn column(self, i: usize, rows: usize) -> ArrayRef {
        let valid = |row: &usize| !row.is_multiple_of(5);
        match (self, i) {
            (Columns::Int64, _) => Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            (Columns::Mixed, 0) => Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            (Columns::Mixed, 1) => Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows as i64)),
            (Columns::Mixed, 2) => Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64))),
            (Columns::Mixed, 3) => {
                Arc::new(Int32Array::from_iter((0..rows).map(|row| valid(&row).then_some(row as i32))))
            }
            (Columns::Mixed, 4) => Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(valid(&row))))),
            (Columns::Mixed, 5) => Arc::new(Decimal128Array::from_iter_values(0..rows as i128)),
            (Columns::Mixed, 6) => Arc::new(StringArray::from_iter_values((0..rows).map(text))),
            (Columns::Mixed, _) => {
                Arc::new(StringArray::from_iter((0..rows).map(|row| valid(&row).then(|| text(row)))))
            }
        }
    }
}

fn text(row: usize) -> String {
    "the quick brown fox jumps over".chars().take(row.wrapping_mul(7) % 31).collect()
}
