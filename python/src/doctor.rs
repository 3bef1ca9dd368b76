//! Where things are.

use std::path::PathBuf;

use pyo3::prelude::*;

/// The directory of this user's channels.
#[pyfunction]
pub(crate) fn runtime_directory() -> PyResult<PathBuf> {
    crate::names::directory()
}
