//! Bytes of each column before and after.

use std::fmt;

use arrow_array::Array;
use arrow_schema::DataType;

/// A report of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Its columns, in their order.
    pub columns: Vec<ColumnReport>,
    /// Rows converted.
    pub rows: u64,
    /// Rows that the types were decided over.
    pub sample: u64,
}

/// A report of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// Its type before.
    pub before: DataType,
    /// Its type now.
    pub after: DataType,
    /// Bytes of its values before.
    pub bytes_before: u64,
    /// Bytes of its values now, the dictionary's included.
    pub bytes_after: u64,
}

impl Report {
    /// Returns the bytes of all columns before.
    #[must_use]
    pub fn bytes_before(&self) -> u64 {
        self.columns.iter().map(|column| column.bytes_before).sum()
    }

    /// Returns the bytes of all columns now.
    #[must_use]
    pub fn bytes_after(&self) -> u64 {
        self.columns.iter().map(|column| column.bytes_after).sum()
    }
}

impl fmt::Display for Report {
    /// Writes a line for each column that changed, and one for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = || self.columns.iter().filter(|column| column.before != column.after);
        let width = changed().map(|column| column.name.chars().count()).max().unwrap_or_default();
        for ColumnReport { name, before, after, bytes_before, bytes_after } in changed() {
            let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            writeln!(f, "{name:width$}  {bytes_before} -> {bytes_after} bytes  {before} -> {after}")?;
        }
        let (before, after) = (self.bytes_before(), self.bytes_after());
        let times = before as f64 / after.max(1) as f64;
        let (changed, all, rows) = (changed().count(), self.columns.len(), self.rows);
        write!(
            f,
            "{changed} of {all} columns of {rows} rows: {before} -> {after} bytes ({times:.1} times smaller)"
        )
    }
}

/// Bytes that an array's rows take, without those of a parent that it is a slice of.
pub(crate) fn bytes_of(array: &dyn Array) -> u64 {
    let data = array.to_data();
    // A run-end array is a slice of its runs as a whole.
    if let DataType::RunEndEncoded(..) = array.data_type() {
        return data
            .child_data()
            .iter()
            .map(|child| child.get_slice_memory_size().unwrap_or_default() as u64)
            .sum();
    }
    data.get_slice_memory_size().unwrap_or_default() as u64
}
