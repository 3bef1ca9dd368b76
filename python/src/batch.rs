//! One batch that was received.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyTuple};

use crate::capsule::{self, Request};
use crate::column::Column;
use crate::schema::Schema;
use crate::stream::Batches;
use crate::{convert, errors};

/// A batch of rows, where the writer wrote it.
///
/// While it, or an array that was made of it, lives, its slots are taken out of the writer's pool (pooled delivery), or
/// its file stays mapped (sealed). ``release()``, ``with batch:`` or ``del`` give them back.
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Batch {
    held: Mutex<Option<RecordBatch>>,
    rows: usize,
    shared: Range<usize>,
    number: u64,
}

impl Batch {
    pub(crate) fn new(batch: RecordBatch, shared: Range<usize>, number: u64) -> Batch {
        Batch { rows: batch.num_rows(), held: Mutex::new(Some(batch)), shared, number }
    }

    fn lock(&self) -> MutexGuard<'_, Option<RecordBatch>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> PyResult<RecordBatch> {
        self.lock().clone().ok_or_else(|| PyValueError::new_err("this batch was released"))
    }

    fn derived(&self, batch: RecordBatch) -> Batch {
        Batch::new(batch, self.shared.clone(), self.number)
    }
}

pub(crate) fn project(batch: &RecordBatch, columns: &[String]) -> PyResult<RecordBatch> {
    let schema = batch.schema();
    let places: Vec<usize> = columns
        .iter()
        .map(|name| schema.index_of(name).map_err(|_| no_column(&schema, name)))
        .collect::<PyResult<_>>()?;
    batch.project(&places).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn no_column(schema: &arrow_schema::Schema, name: &str) -> PyErr {
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    PyKeyError::new_err(format!("no column {name:?}; there are {}", names.join(", ")))
}

#[pymethods]
impl Batch {
    /// Rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    #[getter]
    fn num_columns(&self) -> PyResult<usize> {
        Ok(self.get()?.num_columns())
    }

    /// Names and types.
    #[getter]
    fn schema(&self) -> PyResult<Schema> {
        Ok(Schema(self.get()?.schema()))
    }

    /// Bytes of the rows.
    #[getter]
    fn nbytes(&self) -> PyResult<usize> {
        Ok(self.get()?.columns().iter().filter_map(|c| c.to_data().get_slice_memory_size().ok()).sum())
    }

    /// True if the data lie where the writer put them: nothing was copied on the way here.
    #[getter]
    fn zero_copy(&self) -> bool {
        !self.shared.is_empty()
    }

    /// The addresses of the memory shared with the writer in which the data lie, from and to; ``None`` for a copy.
    #[getter]
    fn shared_memory(&self) -> Option<(usize, usize)> {
        (!self.shared.is_empty()).then_some((self.shared.start, self.shared.end))
    }

    /// The writer's number of the message. A gap between two means batches that this reader was not given.
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    /// True once it was released.
    #[getter]
    fn released(&self) -> bool {
        self.lock().is_none()
    }

    /// Gives the memory back to the writer, as soon as no array refers to it either.
    fn release(&self) {
        let batch = self.lock().take();
        drop(batch);
    }

    /// Copies the batch, or some of its columns, into private memory. Keeping the copy keeps nothing of the writer's.
    #[pyo3(signature = (columns = None))]
    fn copy(&self, py: Python<'_>, columns: Option<Vec<String>>) -> PyResult<Batch> {
        let batch = self.get()?;
        let batch = columns.map_or(Ok(batch.clone()), |columns| project(&batch, &columns))?;
        let copy = py.detach(|| bowstring::copy_batch(&batch)).map_err(|e| errors::copying(py, &e))?;
        Ok(Batch::new(copy, 0..0, self.number))
    }

    /// Some of the columns, in the same memory.
    fn select(&self, columns: Vec<String>) -> PyResult<Batch> {
        Ok(self.derived(project(&self.get()?, &columns)?))
    }

    /// Some of the rows, in the same memory.
    #[pyo3(signature = (offset = 0, length = None))]
    fn slice(&self, offset: usize, length: Option<usize>) -> PyResult<Batch> {
        let batch = self.get()?;
        let offset = offset.min(batch.num_rows());
        let rest = batch.num_rows() - offset;
        Ok(self.derived(batch.slice(offset, length.map_or(rest, |length| length.min(rest)))))
    }

    /// One column, by its name or place.
    fn column(&self, which: &Bound<'_, PyAny>) -> PyResult<Column> {
        let batch = self.get()?;
        let schema = batch.schema();
        let place = match which.extract::<usize>() {
            Ok(place) if place < batch.num_columns() => place,
            Ok(place) => return Err(no_column(&schema, &place.to_string())),
            Err(_) => {
                let name: String = which.extract()?;
                schema.index_of(&name).map_err(|_| no_column(&schema, &name))?
            }
        };
        Ok(Column::new(schema.fields()[place].clone(), batch.column(place).clone()))
    }

    fn __getitem__(&self, which: &Bound<'_, PyAny>) -> PyResult<Column> {
        self.column(which)
    }

    /// A ``pyarrow.RecordBatch`` over the same memory.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pyarrow_batch(slf.as_any())
    }

    /// A ``polars.DataFrame`` over the same memory.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_polars(slf.as_any())
    }

    /// A ``pandas.DataFrame``. Most of pandas's types are copies.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pandas(slf.as_any())
    }

    /// A dict of NumPy arrays over the same memory, which cannot be written to. Columns with nulls, and columns that are
    /// not numbers or times, are refused.
    fn to_numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        let batch = self.get()?;
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let column = Bound::new(py, Column::new(field.clone(), column.clone()))?;
            arrays.set_item(field.name(), column.call_method0("to_numpy")?)?;
        }
        Ok(arrays)
    }

    fn __len__(&self) -> usize {
        self.rows
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        self.release();
    }

    fn __repr__(&self) -> String {
        match &*self.lock() {
            None => "Batch(released)".into(),
            Some(batch) => {
                let how = if self.shared.is_empty() { "copied" } else { "in place" };
                format!("Batch({} rows, {} columns, {how})", batch.num_rows(), batch.num_columns())
            }
        }
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let batch = self.get()?;
        let batch = Request::new(&batch.schema(), requested_schema)?.apply(batch);
        capsule::export_batch(py, &batch.map_err(|error| errors::schema_mismatch(py, error))?)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batch = self.get()?;
        let request = Request::new(&batch.schema(), requested_schema)?;
        capsule::export(py, Box::new(Batches::new(batch.schema(), [batch], request)))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_schema(py, &self.get()?.schema())
    }
}
