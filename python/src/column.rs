//! One column: Arrow data, and a buffer where its values are numbers.
//!
//! # Safety
//!
//! A buffer that is lent out points into the column's own values, and holds a reference to the column until it is given
//! back.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use arrow_array::ArrayRef;
use arrow_array::ffi::to_ffi;
use arrow_schema::{DataType, FieldRef, Schema, TimeUnit};
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::capsule;

/// A column of a batch.
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Column {
    field: FieldRef,
    array: ArrayRef,
    /// The numbers that a lent buffer's shape points to.
    shape: [isize; 1],
    strides: [isize; 1],
}

impl Column {
    pub(crate) fn new(field: FieldRef, array: ArrayRef) -> Column {
        let width = values(field.data_type()).map_or(0, |values| values.width);
        Column { shape: [array.len() as isize], strides: [width as isize], field, array }
    }
}

/// A type's values, as `struct` and NumPy see them.
pub(crate) struct Values {
    pub(crate) format: &'static CStr,
    pub(crate) width: usize,
    /// NumPy's type to view them as, where `format` cannot say it.
    pub(crate) view: Option<String>,
}

/// Returns the form of a type's values in a buffer; `None` if they are not of a fixed width that NumPy knows.
pub(crate) fn values(data_type: &DataType) -> Option<Values> {
    let plain = |format, width| Some(Values { format, width, view: None });
    let view = |format, width, view: String| Some(Values { format, width, view: Some(view) });
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match data_type {
        DataType::Int8 => plain(c"b", 1),
        DataType::Int16 => plain(c"h", 2),
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => plain(c"i", 4),
        DataType::Int64 | DataType::Time64(_) => plain(c"q", 8),
        DataType::UInt8 => plain(c"B", 1),
        DataType::UInt16 => plain(c"H", 2),
        DataType::UInt32 => plain(c"I", 4),
        DataType::UInt64 => plain(c"Q", 8),
        DataType::Float16 => plain(c"e", 2),
        DataType::Float32 => plain(c"f", 4),
        DataType::Float64 => plain(c"d", 8),
        DataType::Date64 => view(c"q", 8, "datetime64[ms]".into()),
        DataType::Timestamp(of, _) => view(c"q", 8, format!("datetime64[{}]", unit(of))),
        DataType::Duration(of) => view(c"q", 8, format!("timedelta64[{}]", unit(of))),
        _ => None,
    }
}

#[pymethods]
impl Column {
    /// The column's name.
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    /// Its type, as text.
    #[getter]
    fn r#type(&self) -> String {
        self.field.data_type().to_string()
    }

    /// The number of its values that are null.
    #[getter]
    fn null_count(&self) -> usize {
        self.array.logical_null_count()
    }

    /// A NumPy array over the same memory, which cannot be written to.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let Some(values) = values(this.field.data_type()) else {
            return Err(PyTypeError::new_err(format!(
                "column {:?} is {}, which NumPy has no type for: convert it with to_pyarrow() or to_polars()",
                this.field.name(),
                this.field.data_type()
            )));
        };
        let array = py.import("numpy")?.call_method1("asarray", (slf,))?;
        match values.view {
            Some(view) => array.call_method1("view", (view,)),
            None => Ok(array),
        }
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    fn __repr__(&self) -> String {
        format!("Column({:?}, {}, {} rows)", self.field.name(), self.field.data_type(), self.array.len())
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        if let Some(requested) = requested_schema.filter(|requested| !requested.is_none()) {
            let has = Schema::new(vec![self.field.clone()]);
            capsule::refuse_another_type(&has, requested)?;
        }
        let of = |error: arrow_schema::ArrowError| PyValueError::new_err(error.to_string());
        let (array, _) = to_ffi(&self.array.to_data()).map_err(of)?;
        let schema = self.__arrow_c_schema__(py)?;
        PyTuple::new(py, [schema, PyCapsule::new_with_value(py, array, c"arrow_array")?])
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_field(py, &self.field)
    }

    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        // SAFETY: not null; the interpreter hands over a view to be filled, of which `obj` is to be null on failure.
        let view = unsafe { &mut *view };
        view.obj = std::ptr::null_mut();
        let Some(values) = values(this.field.data_type()) else {
            return Err(PyBufferError::new_err(format!(
                "{} has no values of a fixed width",
                this.field.data_type()
            )));
        };
        if this.array.null_count() > 0 {
            return Err(PyBufferError::new_err(format!("column {:?} has nulls", this.field.name())));
        }
        if flags & ffi::PyBUF_WRITABLE != 0 {
            return Err(PyBufferError::new_err("what was received cannot be written to: copy it first"));
        }
        let data = this.array.to_data();
        let bytes = data.buffers()[0].as_slice();
        let start = data.offset() * values.width;
        let len = data.len() * values.width;
        // The slice checks what the array promises; its buffer lives as long as the column, which `obj` holds.
        let bytes = &bytes[start..start + len];
        view.buf = bytes.as_ptr().cast_mut().cast();
        view.len = len as isize;
        view.readonly = 1;
        view.itemsize = values.width as isize;
        view.ndim = 1;
        view.format = if flags & ffi::PyBUF_FORMAT == 0 {
            std::ptr::null_mut()
        } else {
            values.format.as_ptr().cast_mut()
        };
        view.shape = this.shape.as_ptr().cast_mut();
        view.strides = this.strides.as_ptr().cast_mut();
        view.suboffsets = std::ptr::null_mut();
        view.internal = std::ptr::null_mut();
        view.obj = slf.into_any().into_ptr();
        Ok(())
    }
}
