//! Compares a view with the arrays made from it, row by row and through Arrow's own accessors.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, UnionMode};

use crate::view::{BatchView, ColumnView, Full, Keys, RunEnd, Union, Values};

/// The most rows of a column to compare.
const ROWS: usize = 512;

/// Compares a batch with the arrays made from it.
///
/// # Panics
///
/// If they differ.
pub fn assert_agree(view: &BatchView<'_, Full>, batch: &RecordBatch) {
    assert_eq!(view.num_rows(), batch.num_rows());
    assert_eq!(view.num_columns(), batch.num_columns());
    for (column, array) in view.columns().zip(batch.columns()) {
        column_agrees(&column, array);
    }
}

fn column_agrees(column: &ColumnView<'_, Full>, array: &dyn Array) {
    assert_eq!(column.data_type(), array.data_type());
    assert_eq!(column.len(), array.len(), "rows of {column:?}");
    let rows = || 0..column.len().min(ROWS);
    if *array.data_type() != DataType::Null {
        assert_eq!(column.null_count(), array.null_count(), "nulls of {column:?}");
        rows().for_each(|row| assert_eq!(column.is_null(row), array.is_null(row), "row {row} of {column:?}"));
    }
    match column.values() {
        Values::Null => assert_eq!(column.null_count(), array.len()),
        Values::Boolean(bits) => {
            rows().for_each(|row| assert_eq!(bits.get(row), Some(array.as_boolean().value(row))));
        }
        Values::Fixed(fixed) => {
            let data = array.to_data();
            let start = data.offset() * fixed.width();
            assert_eq!(fixed.bytes(), &data.buffers()[0][start..start + fixed.bytes().len()], "{column:?}");
        }
        Values::Bytes(bytes) => rows().for_each(|row| match array.data_type() {
            DataType::Utf8 => assert_eq!(bytes.str(row), Some(array.as_string::<i32>().value(row))),
            DataType::LargeUtf8 => assert_eq!(bytes.str(row), Some(array.as_string::<i64>().value(row))),
            DataType::Binary => assert_eq!(bytes.get(row), Some(array.as_binary::<i32>().value(row))),
            _ => assert_eq!(bytes.get(row), Some(array.as_binary::<i64>().value(row))),
        }),
        Values::Views(views) => rows().for_each(|row| match array.data_type() {
            DataType::Utf8View => assert_eq!(views.str(row), Some(array.as_string_view().value(row))),
            _ => assert_eq!(views.get(row), Some(array.as_binary_view().value(row))),
        }),
        Values::List(list) => {
            let range = |row: usize| match array.data_type() {
                DataType::List(_) => window(array.as_list::<i32>().value_offsets(), row),
                DataType::LargeList(_) => window(array.as_list::<i64>().value_offsets(), row),
                _ => window(array.as_map().value_offsets(), row),
            };
            rows().for_each(|row| assert_eq!(list.range(row), Some(range(row)), "row {row} of {column:?}"));
            match array.data_type() {
                DataType::List(_) => column_agrees(&list.values(), array.as_list::<i32>().values()),
                DataType::LargeList(_) => column_agrees(&list.values(), array.as_list::<i64>().values()),
                _ => column_agrees(&list.values(), array.as_map().entries()),
            }
        }
        Values::ListView(list) => {
            let narrow = matches!(array.data_type(), DataType::ListView(_));
            rows().for_each(|row| {
                let (start, size) = match narrow {
                    true => {
                        let array = array.as_list_view::<i32>();
                        (array.value_offset(row) as usize, array.value_size(row) as usize)
                    }
                    false => {
                        let array = array.as_list_view::<i64>();
                        (array.value_offset(row) as usize, array.value_size(row) as usize)
                    }
                };
                assert_eq!(list.range(row), Some(start..start + size), "row {row} of {column:?}");
            });
            match narrow {
                true => column_agrees(&list.values(), array.as_list_view::<i32>().values()),
                false => column_agrees(&list.values(), array.as_list_view::<i64>().values()),
            }
        }
        Values::FixedSizeList(list) => column_agrees(&list.values(), array.as_fixed_size_list().values()),
        Values::Struct(fields) => {
            let array = array.as_struct();
            assert_eq!(fields.num_fields(), array.num_columns());
            fields.fields().zip(array.columns()).for_each(|(field, array)| column_agrees(&field, array));
        }
        Values::Union(union) => union_agrees(&union, array),
        Values::RunEnd(runs) => runs_agree(&runs, array),
        Values::Dictionary(keys) => keys_agree(column, &keys, array),
    }
}

fn union_agrees(union: &Union<'_, Full>, array: &dyn Array) {
    let array = array.as_union();
    assert_eq!(union.type_ids(), &array.type_ids()[..]);
    for row in 0..union.len().min(ROWS) {
        let place = union.get(row).map(|(_, place)| place);
        assert_eq!(place, Some(array.value_offset(row)));
    }
    let DataType::Union(_, mode) = array.data_type() else { unreachable!("a union array") };
    for (child, &id) in union.children().zip(union.ids()) {
        assert_eq!(union.offsets().is_some(), *mode == UnionMode::Dense);
        column_agrees(&child, array.child(id));
    }
}

fn runs_agree(runs: &RunEnd<'_, Full>, array: &dyn Array) {
    let DataType::RunEndEncoded(ends, _) = array.data_type() else { unreachable!("a run array") };
    let (ends, values): (Vec<usize>, _) = match ends.data_type() {
        DataType::Int16 => {
            let array = array.as_run::<Int16Type>();
            (array.run_ends().values().iter().map(|&end| end as usize).collect(), array.values())
        }
        DataType::Int32 => {
            let array = array.as_run::<Int32Type>();
            (array.run_ends().values().iter().map(|&end| end as usize).collect(), array.values())
        }
        _ => {
            let array = array.as_run::<Int64Type>();
            (array.run_ends().values().iter().map(|&end| end as usize).collect(), array.values())
        }
    };
    let ours: Vec<usize> = (0..runs.num_runs()).filter_map(|run| runs.end(run)).collect();
    assert_eq!(ours, ends);
    column_agrees(&runs.values(), values);
}

fn keys_agree(column: &ColumnView<'_, Full>, keys: &Keys<'_>, array: &dyn Array) {
    let array = array.as_any_dictionary();
    assert_eq!(keys.num_values(), array.values().len(), "values of {column:?}");
    if !array.values().is_empty() {
        let normalized = array.normalized_keys();
        for (row, key) in normalized.into_iter().enumerate().take(ROWS) {
            if !column.is_null(row) {
                assert_eq!(keys.key(row), Some(key), "row {row} of {column:?}");
            }
        }
    }
    let parts: Vec<_> = keys.parts().collect();
    match parts.as_slice() {
        [only] => column_agrees(only, array.values()),
        _ => assert_eq!(parts.iter().map(ColumnView::len).sum::<usize>(), array.values().len()),
    }
}

/// Returns the range from one offset to the next.
fn window<O: arrow_array::OffsetSizeTrait>(offsets: &[O], row: usize) -> std::ops::Range<usize> {
    offsets[row].as_usize()..offsets[row + 1].as_usize()
}
