//! The batches that are measured.

use std::sync::Arc;

use arrow_array::types::Int16Type;
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
};

/// Rows of a batch with hardly any data.
pub(super) const FEW: usize = 8;

/// Numbers of columns over which the cost of one should be flat.
pub(super) const COLUMNS: [usize; 4] = [1, 8, 64, 512];

/// The columns of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns {
    /// 64-bit integers without nulls.
    Int64,
    /// Text of 0 to 30 bytes.
    Strings,
    /// Ten types in turn, some with nulls.
    Mixed,
}

impl Columns {
    pub(super) const ALL: [Self; 3] = [Self::Int64, Self::Mixed, Self::Strings];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Int64 => "int64",
            Self::Strings => "strings",
            Self::Mixed => "mixed",
        }
    }

    /// Returns a batch of this many columns and rows.
    pub(super) fn batch(self, columns: usize, rows: usize) -> RecordBatch {
        let columns = (0..columns).map(|i| (format!("column_{i}"), self.column(i, rows)));
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    }

    fn column(self, i: usize, rows: usize) -> ArrayRef {
        match self {
            Self::Int64 => Arc::new(Int64Array::from_iter_values(0..rows as i64)),
            Self::Strings => Arc::new(StringArray::from_iter_values((0..rows).map(text))),
            Self::Mixed => mixed(i % 10, rows),
        }
    }
}

fn text(row: usize) -> String {
    "the quick brown fox jumps over".chars().take(row.wrapping_mul(7) % 31).collect()
}

fn mixed(kind: usize, rows: usize) -> ArrayRef {
    let valid = |row: &usize| !row.is_multiple_of(5);
    match kind {
        0 => Arc::new(Int64Array::from_iter((0..rows).map(|row| valid(&row).then_some(row as i64)))),
        1 => Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64))),
        2 => Arc::new(StringArray::from_iter((0..rows).map(|row| valid(&row).then(|| text(row))))),
        3 => Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(valid(&row))))),
        4 => Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows as i64)),
        5 => Arc::new(Decimal128Array::from_iter_values(0..rows as i128)),
        6 => Arc::new(StringViewArray::from_iter_values((0..rows).map(text))),
        7 => {
            let lists = (0..rows).map(|row| Some((0..row % 4).map(|i| Some(i as i32))));
            Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>(lists))
        }
        8 => {
            let keys = (0..rows).map(|row| (row % 3) as i16).collect::<Vec<_>>();
            let words = Arc::new(StringArray::from(vec!["red", "green", "blue"]));
            Arc::new(DictionaryArray::<Int16Type>::new(keys.into(), words))
        }
        _ if rows == 0 => Arc::new(Int32Array::from(Vec::<i32>::new())),
        _ => Arc::new(LargeStringArray::from_iter_values((0..rows).map(text))),
    }
}
