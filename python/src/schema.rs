//! A schema.

use arrow_schema::SchemaRef;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule;

/// The names and types of a table's columns. Give it to ``pyarrow.schema`` or ``polars.Schema``.
#[pyclass(frozen, module = "bowstring")]
pub(crate) struct Schema(pub(crate) SchemaRef);

#[pymethods]
impl Schema {
    /// The names of the columns.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.0.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The types of the columns, as text.
    #[getter]
    fn types(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.data_type().to_string()).collect()
    }

    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    fn __eq__(&self, other: &Schema) -> bool {
        self.0 == other.0
    }

    fn __repr__(&self) -> String {
        let fields: Vec<_> =
            self.0.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
        format!("Schema({})", fields.join(", "))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::export_schema(py, &self.0)
    }
}
