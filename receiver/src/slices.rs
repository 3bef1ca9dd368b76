//! Batches in slices that are small once they are unfolded.
//!
//! A message of a few bytes can stand for very much: a null column has no bytes at all, and list views, string views,
//! dictionaries and runs can name the same bytes again and again. Writers unfold all that. So a sink gets a batch in
//! slices that unfold to little, and between two slices a signal is heard.

// claim: sinks-bounded

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use crate::failure::Failure;

/// The most rows of a slice.
const ROWS: usize = 16 << 10;

/// The most bytes that a slice of more than one row unfolds to.
const BYTES: u64 = 4 << 20;

/// The most bytes that a single row unfolds to, where the whole batch has fewer.
const ROW_BYTES: u64 = 64 << 20;

/// Returns a batch's slices, in order. A batch without rows has one. With `names`, each row of a struct counts for the
/// names of its fields too: text repeats them.
pub(crate) fn slices(batch: &RecordBatch, names: bool) -> Slices<'_> {
    Slices { batch, names, next: 0, ended: false }
}

/// The slices of a batch.
#[derive(Debug)]
pub(crate) struct Slices<'b> {
    batch: &'b RecordBatch,
    names: bool,
    next: usize,
    ended: bool,
}

impl Iterator for Slices<'_> {
    type Item = Result<RecordBatch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut rows = (self.batch.num_rows() - self.next).min(ROWS);
        while rows > 1 && !self.fits(rows, BYTES) {
            rows /= 2;
        }
        if rows == 1 && !self.fits(1, BYTES) {
            let most = ROW_BYTES.max(self.batch.get_array_memory_size() as u64);
            if !self.fits(1, most) {
                self.ended = true;
                return Some(Err(Failure::Unfolds { row: self.next, most }));
            }
        }
        let slice = self.batch.slice(self.next, rows);
        self.next += rows;
        self.ended = self.next == self.batch.num_rows();
        Some(Ok(slice))
    }
}

impl Slices<'_> {
    /// Returns true if the next rows unfold to no more than `bytes`.
    fn fits(&self, rows: usize, bytes: u64) -> bool {
        let mut left = Left { bytes, names: self.names };
        self.batch.columns().iter().all(|column| weigh(column.as_ref(), self.next, rows, &mut left).is_some())
    }
}

/// Bytes that may still be found.
struct Left {
    bytes: u64,
    /// True if the names of fields are among them.
    names: bool,
}

impl Left {
    /// Takes bytes; `None` if there are not as many.
    fn take(&mut self, bytes: u64) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }

    fn take_each(&mut self, count: usize, bytes: usize) -> Option<()> {
        self.take((count as u64).saturating_mul(bytes as u64))
    }
}

/// Takes what some rows of an array unfold to; `None` as soon as that is too much. Every row counts for a byte at least,
/// so the time is bounded by what is left.
fn weigh(array: &dyn Array, first: usize, rows: usize, left: &mut Left) -> Option<()> {
    if let Some(width) = width(array.data_type()) {
        return left.take_each(rows, width);
    }
    left.take_each(rows, 1)?;
    let each = first..first + rows;
    match array.data_type() {
        DataType::Utf8 => span(array.as_string::<i32>().value_offsets(), first, rows, left),
        DataType::Binary => span(array.as_binary::<i32>().value_offsets(), first, rows, left),
        DataType::LargeUtf8 => span(array.as_string::<i64>().value_offsets(), first, rows, left),
        DataType::LargeBinary => span(array.as_binary::<i64>().value_offsets(), first, rows, left),
        // The length is a view's first four bytes.
        DataType::Utf8View => {
            let views = array.as_string_view().views();
            each.into_iter().try_for_each(|row| left.take(u64::from(views[row] as u32)))
        }
        DataType::BinaryView => {
            let views = array.as_binary_view().views();
            each.into_iter().try_for_each(|row| left.take(u64::from(views[row] as u32)))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (start, end) = (list.value_offsets()[first], list.value_offsets()[first + rows]);
            weigh(list.values().as_ref(), start as usize, (end - start) as usize, left)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let (start, end) = (list.value_offsets()[first], list.value_offsets()[first + rows]);
            weigh(list.values().as_ref(), start as usize, (end - start) as usize, left)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (start, end) = (map.value_offsets()[first], map.value_offsets()[first + rows]);
            weigh(map.entries(), start as usize, (end - start) as usize, left)
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let (offsets, sizes) = (list.value_offsets(), list.value_sizes());
            each.filter(|&row| list.is_valid(row)).try_for_each(|row| {
                weigh(list.values().as_ref(), offsets[row] as usize, sizes[row] as usize, left)
            })
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let (offsets, sizes) = (list.value_offsets(), list.value_sizes());
            each.filter(|&row| list.is_valid(row)).try_for_each(|row| {
                weigh(list.values().as_ref(), offsets[row] as usize, sizes[row] as usize, left)
            })
        }
        DataType::FixedSizeList(_, size) => {
            let (list, size) = (array.as_fixed_size_list(), *size as usize);
            // A slice has the values of its own rows only.
            weigh(list.values().as_ref(), first * size, rows * size, left)
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            if left.names {
                left.take_each(
                    rows,
                    array.as_struct().fields().iter().map(|field| field.name().len()).sum(),
                )?;
            }
            columns.iter().try_for_each(|column| weigh(column.as_ref(), first, rows, left))
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            if let Some(width) = width(values.data_type()) {
                return left.take_each(rows, width);
            }
            if values.is_empty() {
                return Some(());
            }
            let part = array.slice(first, rows);
            let places = part.as_any_dictionary().normalized_keys();
            let mut places = places.into_iter().enumerate().filter(|&(row, _)| part.is_valid(row));
            places.try_for_each(|(_, place)| weigh(values.as_ref(), place, 1, left))
        }
        DataType::RunEndEncoded(ends, values) => {
            if let Some(width) = width(values.data_type()) {
                return left.take_each(rows, width);
            }
            macro_rules! runs {
                ($type:ty) => {{
                    let runs = array.as_run::<$type>();
                    each.into_iter().try_for_each(|row| {
                        weigh(runs.values().as_ref(), runs.get_physical_index(row), 1, left)
                    })
                }};
            }
            match ends.data_type() {
                DataType::Int16 => runs!(Int16Type),
                DataType::Int32 => runs!(Int32Type),
                _ => runs!(Int64Type),
            }
        }
        DataType::Union(..) => {
            let union = array.as_union();
            each.into_iter().try_for_each(|row| {
                weigh(union.child(union.type_id(row)).as_ref(), union.value_offset(row), 1, left)
            })
        }
        _ => Some(()),
    }
}

/// Takes the bytes between the offsets of some rows.
fn span<O: Copy + Into<i64>>(offsets: &[O], first: usize, rows: usize, left: &mut Left) -> Option<()> {
    left.take((offsets[first + rows].into() - offsets[first].into()) as u64)
}

/// Returns the bytes of each value, where all have the same. A null is written as a word.
fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Null | DataType::Boolean => Some(4),
        DataType::FixedSizeBinary(width) => Some((*width as usize).max(1)),
        plain => plain.primitive_width(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::Arc;

    use arrow_array::types::Int8Type;
    use arrow_array::{
        ArrayRef, DictionaryArray, Int8Array, Int64Array, ListViewArray, NullArray, StringArray, StructArray,
    };
    use arrow_schema::Field;
    use bowstring_codec::testing::{Source, batch_of, every_type};

    use super::*;

    fn of(column: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([("c", column)]).unwrap()
    }

    fn rows(batch: &RecordBatch) -> Vec<usize> {
        slices(batch, false).map(|slice| slice.unwrap().num_rows()).collect()
    }

    #[test]
    fn small_batches_stay_whole_and_slices_are_the_batch() {
        assert_eq!(rows(&of(Arc::new(Int64Array::from_iter_values(0..100)))), [100]);
        assert_eq!(rows(&of(Arc::new(Int64Array::new_null(0)))), [0]);
        let long = of(Arc::new(Int64Array::from_iter_values(0..40_000)));
        assert_eq!(rows(&long), [ROWS, ROWS, 40_000 - 2 * ROWS]);
        for (i, data_type) in every_type().into_iter().enumerate() {
            let schema = Arc::new(arrow_schema::Schema::new(vec![Field::new("c", data_type.clone(), true)]));
            let bytes: Vec<u8> = (0..250u8).map(|b| b.wrapping_mul(2 * i as u8 + 1)).collect();
            let batch = batch_of(&mut Source::new(&bytes), &schema, 30).slice(3, 20);
            assert_eq!(rows(&batch), [20], "{data_type}");
        }
    }

    #[test]
    fn a_long_value_that_a_dictionary_repeats_is_counted_each_time() {
        let keys = Int8Array::from(vec![0; 64]);
        let values: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
        let coded = of(Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values).unwrap()));
        // Four would unfold to four million bytes and their keys.
        assert!(rows(&coded).iter().all(|rows| (1..4).contains(rows)));
        assert_eq!(rows(&coded).iter().sum::<usize>(), 64);
    }

    /// Returns list views, each of `size` views of the level below.
    fn over(values: ArrayRef, rows: usize) -> ArrayRef {
        let size = values.len() as i32;
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        let (offsets, sizes) = (vec![0; rows].into(), vec![size; rows].into());
        Arc::new(ListViewArray::try_new(field, offsets, sizes, values, None).unwrap())
    }

    #[test]
    fn names_count_where_they_are_repeated() {
        let field = Arc::new(Field::new("n".repeat(1 << 16), arrow_schema::DataType::Null, true));
        let nulls: ArrayRef = Arc::new(NullArray::new(1 << 11));
        let named = StructArray::new(vec![field].into(), vec![nulls], None);
        let batch = of(over(Arc::new(named), 3));
        assert_eq!(rows(&batch), [3]);
        // 2¹¹ names of 2¹⁶ bytes.
        assert!(matches!(slices(&batch, true).next(), Some(Err(Failure::Unfolds { row: 0, .. }))));
    }

    #[test]
    fn views_of_views_are_refused_once_a_row_unfolds_to_too_much() {
        let nulls: ArrayRef = Arc::new(NullArray::new(1 << 10));
        assert!(rows(&of(over(nulls.clone(), 4096))).iter().all(|&rows| rows <= 1 << 10));
        // 2¹⁰ views of 2¹⁰ views of 2¹⁰ nulls.
        let deep = of(over(over(over(nulls, 1 << 10), 1 << 10), 2));
        let refused = slices(&deep, false).collect::<Vec<_>>();
        assert!(matches!(refused[..], [Err(Failure::Unfolds { row: 0, .. })]), "{refused:?}");
    }
}
