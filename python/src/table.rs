//! A whole table that was received.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule::{self, Request};
use crate::convert;
use crate::schema::Schema;
use crate::stream::Batches;

/// A table: what ``Reader.read_all()`` returns.
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Table {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) zero_copy: bool,
}

#[pymethods]
impl Table {
    /// Rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Columns.
    #[getter]
    fn num_columns(&self) -> usize {
        self.schema.fields().len()
    }

    /// Batches.
    #[getter]
    fn num_batches(&self) -> usize {
        self.batches.len()
    }

    /// Names and types.
    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.schema.clone())
    }

    /// Bytes of the rows.
    #[getter]
    fn nbytes(&self) -> usize {
        let columns = self.batches.iter().flat_map(RecordBatch::columns);
        columns.filter_map(|column| column.to_data().get_slice_memory_size().ok()).sum()
    }

    /// True if all data lie where the writer put them (sealed delivery). Slots are copied, since whoever keeps a whole
    /// table would keep the writer's pool.
    #[getter]
    fn zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Some of the rows, in the same memory.
    #[pyo3(signature = (offset = 0, length = None))]
    fn slice(&self, offset: usize, length: Option<usize>) -> Table {
        let mut skip = offset;
        let mut left = length.unwrap_or(usize::MAX);
        let mut batches = Vec::new();
        for batch in &self.batches {
            let start = skip.min(batch.num_rows());
            let take = left.min(batch.num_rows() - start);
            skip -= start;
            left -= take;
            if take > 0 {
                batches.push(batch.slice(start, take));
            }
        }
        Table { schema: self.schema.clone(), batches, zero_copy: self.zero_copy }
    }

    /// A ``pyarrow.Table`` over the same memory.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pyarrow_table(slf.as_any())
    }

    /// A ``polars.DataFrame`` over the same memory.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_polars(slf.as_any())
    }

    /// A ``pandas.DataFrame``. Most of pandas's types are copies.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pandas(slf.as_any())
    }

    fn __len__(&self) -> usize {
        self.num_rows()
    }

    fn __repr__(&self) -> String {
        format!(
            "Table({} rows, {} columns, {} batches)",
            self.num_rows(),
            self.num_columns(),
            self.num_batches()
        )
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let request = Request::new(&self.schema, requested_schema)?;
        capsule::export(
            py,
            Box::new(Batches::new(self.schema.clone(), self.batches.iter().cloned(), request)),
        )
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_schema(py, &self.schema)
    }
}
