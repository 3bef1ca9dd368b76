//! Arrow data in and out of Python by the PyCapsule interface: the C data and stream structs, each in a capsule of its
//! name.
//!
//! # Safety
//!
//! A capsule's pointer is what its name says: that is the interface, and its producers are of this process. A struct is
//! moved out of its capsule, whose destructor then finds an empty one.
#![allow(unsafe_code)]

use std::ffi::CStr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{Array, RecordBatch, RecordBatchOptions, RecordBatchReader, StructArray};
use arrow_schema::{Schema, SchemaRef};
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::errors;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// A stream of batches that the other half of the program produces.
pub(crate) type Stream = Box<dyn RecordBatchReader + Send>;

// ---- in ----

/// The one batch of what exports an array; `None` of what exports a stream only. A stream of one batch is three calls.
pub(crate) fn import_batch(data: &Bound<'_, PyAny>) -> PyResult<Option<RecordBatch>> {
    let Some(export) = data.getattr_opt(intern!(data.py(), "__arrow_c_array__"))? else { return Ok(None) };
    match export.call0() {
        Ok(pair) => import_array(pair.cast::<PyTuple>()?).map(Some),
        // An array of several chunks is a stream.
        Err(error) if error.is_instance_of::<PyException>(data.py()) && is_stream(data)? => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_stream(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    data.hasattr(intern!(data.py(), "__arrow_c_stream__"))
}

/// The batches of anything that exports Arrow data.
pub(crate) fn import(data: &Bound<'_, PyAny>) -> PyResult<Stream> {
    if is_stream(data)? {
        let capsule = data.call_method0(intern!(data.py(), "__arrow_c_stream__"))?;
        // Most are tables of struct arrays, which is what the reader checks.
        return Ok(Box::new(import_stream(&capsule)?));
    }
    if let Some(batch) = import_batch(data)? {
        let schema = batch.schema();
        return Ok(Box::new(arrow_array::RecordBatchIterator::new([Ok(batch)], schema)));
    }
    // DuckDB's relations before they had the interface.
    for method in ["fetch_arrow_reader", "arrow"] {
        if data.hasattr(method)? {
            let made = data.call_method0(method)?;
            if made.hasattr("__arrow_c_stream__")? {
                return Ok(Box::new(import_stream(&made.call_method0("__arrow_c_stream__")?)?));
            }
        }
    }
    Err(PyTypeError::new_err(format!(
        "{} exports no Arrow data: pass a pyarrow Table or RecordBatch, a polars or pandas DataFrame, a DuckDB relation, \
         or anything with __arrow_c_stream__ or __arrow_c_array__",
        data.get_type().qualname()?
    )))
}

fn import_stream(capsule: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let pointer = pointer(capsule, STREAM)?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: the capsule's name says what its pointer is; the stream is moved out, and an empty one left.
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer) };
    reader.map_err(|error| PyValueError::new_err(error.to_string()))
}

fn import_array(pair: &Bound<'_, PyTuple>) -> PyResult<RecordBatch> {
    let schema = pointer(&pair.get_item(0)?, SCHEMA)?.cast::<FFI_ArrowSchema>();
    let array = pointer(&pair.get_item(1)?, ARRAY)?.cast::<FFI_ArrowArray>();
    // SAFETY: the capsules' names say what their pointers are; the struct is moved out, and an empty one left.
    let schema = unsafe { FFI_ArrowSchema::from_raw(schema) };
    // SAFETY: the capsule's name says what its pointer is; the array is moved out, and an empty one left.
    let array = unsafe { FFI_ArrowArray::from_raw(array) };
    let of = |error: arrow_schema::ArrowError| PyValueError::new_err(error.to_string());
    let fields = Schema::try_from(&schema).map_err(of)?;
    // SAFETY: the producer exports an array of this schema: that is the interface.
    let data = unsafe { from_ffi(array, &schema) }.map_err(of)?;
    let data = StructArray::from(data);
    if data.null_count() > 0 {
        return Err(PyValueError::new_err("rows that are null as a whole are no rows of a table"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(data.len()));
    let (_, columns, _) = data.into_parts();
    RecordBatch::try_new_with_options(fields.into(), columns, &options).map_err(of)
}

/// The schema of anything that has one.
pub(crate) fn import_schema(schema: &Bound<'_, PyAny>) -> PyResult<SchemaRef> {
    let capsule = if schema.hasattr("__arrow_c_schema__")? {
        schema.call_method0("__arrow_c_schema__")?
    } else {
        schema.clone()
    };
    let pointer = pointer(&capsule, SCHEMA)?.cast::<FFI_ArrowSchema>();
    // SAFETY: the capsule's name says what its pointer is, and it lives as long as `capsule`.
    let schema = unsafe { &*pointer };
    let schema = Schema::try_from(schema).map_err(|error| PyTypeError::new_err(error.to_string()))?;
    Ok(schema.into())
}

fn pointer(capsule: &Bound<'_, PyAny>, name: &'static CStr) -> PyResult<*mut std::ffi::c_void> {
    let capsule = capsule.cast::<PyCapsule>().map_err(|_| {
        PyTypeError::new_err(format!("an Arrow capsule named {name:?} is wanted, not {}", capsule.get_type()))
    })?;
    Ok(capsule.pointer_checked(Some(name))?.as_ptr())
}

// ---- out ----

/// A capsule with a stream.
pub(crate) fn export<'py>(py: Python<'py>, stream: Stream) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(stream), STREAM)
}

/// A capsule with a schema.
pub(crate) fn export_schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema =
        FFI_ArrowSchema::try_from(schema).map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// Two capsules, with a batch's schema and its columns as a struct array.
pub(crate) fn export_batch<'py>(py: Python<'py>, batch: &RecordBatch) -> PyResult<Bound<'py, PyTuple>> {
    let data = StructArray::from(batch.clone()).into_data();
    let schema = export_schema(py, batch.schema_ref())?;
    let array = PyCapsule::new_with_value(py, FFI_ArrowArray::new(&data), ARRAY)?;
    PyTuple::new(py, [schema, array])
}

// ---- requested schemas ----

/// The changes to batches so that they have the schema that a consumer asked for.
#[derive(Clone)]
pub(crate) struct Request(Option<SchemaRef>);

impl Request {
    /// Reads a consumer's request. Names, metadata and nullability can be changed; types cannot.
    pub(crate) fn new(has: &Schema, requested: Option<&Bound<'_, PyAny>>) -> PyResult<Request> {
        let Some(requested) = requested.filter(|requested| !requested.is_none()) else {
            return Ok(Request(None));
        };
        let py = requested.py();
        let wanted = import_schema(requested)?;
        if wanted.fields().len() != has.fields().len() {
            return Err(errors::schema_mismatch(
                py,
                format!(
                    "{} columns are asked for, and there are {}",
                    wanted.fields().len(),
                    has.fields().len()
                ),
            ));
        }
        for (has, wanted) in has.fields().iter().zip(wanted.fields()) {
            if !has.data_type().equals_datatype(wanted.data_type()) {
                return Err(errors::schema_mismatch(
                    py,
                    format!(
                        "column {:?} is {} and {} is asked for; read it as it is and cast it there",
                        has.name(),
                        has.data_type(),
                        wanted.data_type()
                    ),
                ));
            }
        }
        Ok(Request(Some(wanted)))
    }

    pub(crate) fn schema(&self, has: SchemaRef) -> SchemaRef {
        self.0.clone().unwrap_or(has)
    }

    pub(crate) fn apply(&self, batch: RecordBatch) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let Some(schema) = &self.0 else { return Ok(batch) };
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
    }
}

/// Refuses a request for a column of another type than it has.
pub(crate) fn refuse_another_type(has: &Schema, requested: &Bound<'_, PyAny>) -> PyResult<()> {
    let pointer = pointer(requested, SCHEMA)?.cast::<FFI_ArrowSchema>();
    // SAFETY: the capsule's name says what its pointer is, and it lives as long as `requested`.
    let wanted = unsafe { &*pointer };
    let wanted =
        arrow_schema::DataType::try_from(wanted).map_err(|error| PyTypeError::new_err(error.to_string()))?;
    let has = has.field(0);
    if has.data_type().equals_datatype(&wanted) {
        return Ok(());
    }
    Err(errors::schema_mismatch(
        requested.py(),
        format!("column {:?} is {}, not {wanted}", has.name(), has.data_type()),
    ))
}

/// A capsule with the schema of one column.
pub(crate) fn export_field<'py>(
    py: Python<'py>,
    field: &arrow_schema::Field,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema =
        FFI_ArrowSchema::try_from(field).map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}
