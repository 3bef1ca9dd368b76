//! Tables in the smallest types that hold their values: see the package's `_compact`.

use arrow_array::RecordBatch;
use bowstring_compact::{CompactError, OnMisfit};
use pyo3::prelude::*;

use crate::table::Table;
use crate::{capsule, errors};

/// A column's name, its types before and after, and its bytes before and after.
type Column = (String, String, String, u64, u64);

/// Puts a table into the smallest types that hold its values, or those of its first `sample` rows. With `widen`, the rows
/// from the first misfit on come beside it as they are, with the misfit.
#[pyfunction]
pub(crate) fn compact(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    sample: Option<u64>,
    widen: bool,
) -> PyResult<(Table, Vec<Column>, Option<(Table, String)>)> {
    let stream = capsule::import(data)?;
    let on_misfit = if widen { OnMisfit::Widen } else { OnMisfit::Error };
    let compacted = py.detach(|| {
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.collect::<Result<_, _>>()?;
        let compacted =
            bowstring_compact::compact_over(&schema, &batches, sample.unwrap_or(u64::MAX), on_misfit);
        compacted.map(|compacted| (schema, compacted))
    });
    let (schema, compacted) =
        compacted.map_err(|error: CompactError| errors::exception(py, "Error", (error.to_string(),)))?;
    let columns = compacted.report.columns.into_iter().map(|column| {
        let (before, after) = (column.before.to_string(), column.after.to_string());
        (column.name, before, after, column.bytes_before, column.bytes_after)
    });
    let rest = compacted.rest.map(|rest| {
        let table = Table { schema, batches: rest.batches, zero_copy: false };
        (table, rest.misfit.to_string())
    });
    let table = Table { schema: compacted.schema, batches: compacted.batches, zero_copy: false };
    Ok((table, columns.collect(), rest))
}
