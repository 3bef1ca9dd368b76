//! Counts buffers by address: which are in the memory of their message and which were copied out of it.

// claim: zero-copy-tables

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{Array, GenericByteArray, RecordBatch, downcast_primitive_array};
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
        batch.columns().iter().for_each(|column| buffer_stats.array(column, range));
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

    /// Counts the buffers of an array. Arrays of the usual types are counted as they are: to take one apart into its data
    /// takes longer than to make it.
    fn array(&mut self, array: &dyn Array, range: &Range<usize>) {
        downcast_primitive_array! {
            array => self.buffer(array.values().inner(), range),
            DataType::Boolean => self.buffer(array.as_boolean().values().inner(), range),
            DataType::Utf8 => self.bytes(array.as_bytes::<Utf8Type>(), range),
            DataType::LargeUtf8 => self.bytes(array.as_bytes::<LargeUtf8Type>(), range),
            DataType::Binary => self.bytes(array.as_bytes::<BinaryType>(), range),
            DataType::LargeBinary => self.bytes(array.as_bytes::<LargeBinaryType>(), range),
            _ => return self.data(&array.to_data(), range),
        }
        if let Some(nulls) = array.nulls() {
            self.buffer(nulls.validity(), range);
        }
    }

    fn bytes<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>, range: &Range<usize>) {
        self.buffer(array.offsets().inner().inner(), range);
        self.buffer(array.values(), range);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray, Int64Array, LargeStringArray,
        ListArray, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    /// Counting arrays directly gives the same as counting their data, wherever it is.
    #[test]
    fn arrays_are_counted_as_their_data_is() {
        let columns: [ArrayRef; 9] = [
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]).with_timezone("UTC")),
            Arc::new(Decimal128Array::from(vec![Some(1), Some(2), None])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            Arc::new(StringArray::from(vec![Some("a"), None, Some("bc")])),
            Arc::new(LargeStringArray::from(vec!["", "", ""])),
            Arc::new(BinaryArray::from(vec![Some(b"ab".as_slice()), None, None])),
            Arc::new(DictionaryArray::<Int32Type>::from_iter(["x", "y", "x"])),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                Some(vec![Some(1), None]),
                None,
                Some(vec![Some(2)]),
            ])),
        ];
        let all = 0..usize::MAX;
        let addresses = columns[4].as_bytes::<Utf8Type>().values().as_ptr_range();
        let some = addresses.start.addr()..addresses.end.addr();
        for column in &columns {
            let parts = [column.clone(), column.slice(1, 2)];
            for (array, range) in parts.iter().flat_map(|part| [(part, &all), (part, &some)]) {
                let (mut counted, mut data) = (BufferStats::default(), BufferStats::default());
                counted.array(array, range);
                data.data(&array.to_data(), range);
                assert_eq!(counted, data, "{}", array.data_type());
                assert!(counted.buffers() > 0);
            }
        }
        let batch = RecordBatch::try_from_iter([("s", columns[4].clone())]).unwrap();
        let BufferStats { inside, outside, .. } = BufferStats::of_arrays(&batch, &some);
        assert_eq!((inside, outside), (1, 2), "the text, and not its offsets and nulls");
    }
}
