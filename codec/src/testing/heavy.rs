//! Batches whose few bytes stand for very much.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float64Array, Int8Array, Int32Array,
    ListViewArray, NullArray, RecordBatch, RunArray, StringArray, StructArray,
};
use arrow_schema::{Field, Schema};

use super::source::Source;

/// The most rows of one level.
const MOST: usize = 1 << 20;

/// Returns a batch of one column, decided by the choices: rows that take up no bytes or few, below up to four levels
/// that each name the same rows again and again, or give them long names.
///
/// # Panics
///
/// If the generator is wrong.
#[must_use]
pub fn heavy(source: &mut Source<'_>) -> RecordBatch {
    let mut column = base(source);
    for _ in 0..source.below(5) {
        column = level(source, column);
    }
    let name = name(source);
    let schema = Schema::new(vec![Field::new(name, column.data_type().clone(), true)]);
    RecordBatch::try_new(Arc::new(schema), vec![column]).expect("one column is a batch")
}

fn base(source: &mut Source<'_>) -> ArrayRef {
    let rows = rows(source);
    match source.below(6) {
        0 => Arc::new(NullArray::new(rows)),
        1 => Arc::new(StringArray::from(vec!["\u{1}".repeat(rows.min(1 << 16))])),
        2 => Arc::new(StringArray::new_null(rows.min(1 << 12))),
        3 => Arc::new(BooleanArray::from(vec![false; rows.min(1 << 16)])),
        4 => Arc::new(Float64Array::from(vec![-1.234_567_890_123_456_7e-300; rows.min(1 << 12)])),
        _ => Arc::new(Int8Array::from(vec![-128; rows.min(1 << 16)])),
    }
}

/// Returns a column over another.
fn level(source: &mut Source<'_>, values: ArrayRef) -> ArrayRef {
    let item = |name: &str| Arc::new(Field::new(name, values.data_type().clone(), true));
    let (rows, choice) = (rows(source).min(1 << 12), source.below(6));
    match choice {
        0 | 1 => {
            let sizes = vec![values.len() as i32; rows];
            let list = ListViewArray::try_new(item("item"), vec![0; rows].into(), sizes.into(), values, None);
            Arc::new(list.expect("views of all values"))
        }
        2 => {
            let name = name(source);
            let field = item(&name);
            Arc::new(StructArray::try_new(vec![field].into(), vec![values], None).expect("one field"))
        }
        3 if !values.is_empty() => {
            let keys = Int8Array::from(vec![0; rows]);
            Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values).expect("the first value is there"))
        }
        4 if !values.is_empty() => {
            let ends = Int32Array::from(vec![rows.max(1) as i32]);
            let first = values.slice(0, 1);
            Arc::new(RunArray::<Int32Type>::try_new(&ends, &first).expect("one run"))
        }
        _ => {
            let size = values.len() as i32;
            Arc::new(FixedSizeListArray::try_new(item("item"), size, values, None).expect("one list"))
        }
    }
}

/// A power of two, or nothing.
fn rows(source: &mut Source<'_>) -> usize {
    match source.below(22) {
        0 => 0,
        power => (1 << (power - 1)).min(MOST),
    }
}

/// A name of up to 64 KiB.
fn name(source: &mut Source<'_>) -> String {
    "n".repeat(1 << source.below(17))
}
