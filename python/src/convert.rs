//! The methods that hand a batch, a table or a reader to another library.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `pyarrow.table` of what exports a stream.
pub(crate) fn to_pyarrow_table<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static TABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    TABLE.import(data.py(), "pyarrow", "table")?.call1((data,))
}

/// `pyarrow.record_batch` of what exports an array.
pub(crate) fn to_pyarrow_batch<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static BATCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    BATCH.import(data.py(), "pyarrow", "record_batch")?.call1((data,))
}

/// `polars.DataFrame` of what exports a stream.
pub(crate) fn to_polars<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("polars")?.call_method1("DataFrame", (data,))
}

/// A pandas DataFrame, by way of pyarrow, which pandas itself uses for that.
pub(crate) fn to_pandas<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    to_pyarrow_table(data)?.call_method0("to_pandas")
}
