//! Finds the places of things.

use std::path::PathBuf;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// The directory of this user's channels.
#[pyfunction]
pub(crate) fn runtime_directory() -> PyResult<PathBuf> {
    bowstring::transport::names::make_directory().map_err(|error| PyOSError::new_err(error.to_string()))
}
