//! Tables in the smallest types that hold their values: see the package's `_compact`.

use arrow_array::RecordBatch;
use bowstring_compact::CompactError;
use pyo3::prelude::*;

use crate::table::Table;
use crate::{capsule, errors};

/// A column's name, its types before and after, and its bytes before and after.
type Column = (String, String, String, u64, u64);

/// Puts a table into the smallest types that hold its values.
#[pyfunction]
pub(crate) fn compact(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<(Table, Vec<Column>)> {
    let stream = capsule::import(data)?;
    let compacted = py.detach(|| {
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.collect::<Result<_, _>>()?;
        bowstring_compact::compact_as(&schema, &batches)
    });
    let compacted =
        compacted.map_err(|error: CompactError| errors::exception(py, "Error", (error.to_string(),)))?;
    let columns = compacted.report.columns.into_iter().map(|column| {
        let (before, after) = (column.before.to_string(), column.after.to_string());
        (column.name, before, after, column.bytes_before, column.bytes_after)
    });
    let table = Table { schema: compacted.schema, batches: compacted.batches, zero_copy: false };
    Ok((table, columns.collect()))
}
