//! The methods that hand a batch, a table or a reader to another library.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A `pyarrow.Table` of what exports a stream. `pyarrow.table` would import pandas before it looks at the stream.
pub(crate) fn to_pyarrow_table<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static READER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let reader = READER.import(data.py(), "pyarrow", "RecordBatchReader")?;
    reader.call_method1("from_stream", (data,))?.call_method0("read_all")
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
