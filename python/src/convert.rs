//! The methods that hand a batch, a table or a reader to another library.

use pyo3::prelude::*;

/// `pyarrow.table` or `pyarrow.record_batch` of what exports a stream or an array.
pub(crate) fn to_pyarrow<'py>(data: &Bound<'py, PyAny>, function: &str) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("pyarrow")?.call_method1(function, (data,))
}

/// `polars.DataFrame` of what exports a stream.
pub(crate) fn to_polars<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("polars")?.call_method1("DataFrame", (data,))
}

/// A pandas DataFrame, by way of pyarrow, which pandas itself uses for that.
pub(crate) fn to_pandas<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    to_pyarrow(data, "table")?.call_method0("to_pandas")
}
