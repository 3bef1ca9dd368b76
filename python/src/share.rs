//! Tables in frozen files: see the package's `_share`.

use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

use bowstring::share::{self, ShareError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::table::Table;
use crate::{capsule, errors};

/// Writes a table into a frozen memory file. Returns its descriptor, which is the caller's, and its length.
#[pyfunction]
pub(crate) fn freeze(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<(i32, usize)> {
    let stream = capsule::import(data)?;
    let frozen = py.detach(|| share::freeze(stream.schema(), stream));
    let (file, len) = frozen.map_err(|error| raise(py, &error))?;
    Ok((file.into_raw_fd(), len))
}

/// Maps a frozen memory file as a table. The descriptor stays the caller's.
#[pyfunction]
pub(crate) fn attach(py: Python<'_>, file: i32, len: usize) -> PyResult<Table> {
    let file = duplicate(file)?;
    let attached = py.detach(|| share::attach(file.as_fd(), len));
    let (schema, batches) = attached.map_err(|error| raise(py, &error))?;
    Ok(Table { schema, batches, zero_copy: true })
}

/// The caller's number may be anything: `/proc` says whether there is such a descriptor, without an unsafe borrow of it.
fn duplicate(file: i32) -> PyResult<OwnedFd> {
    Ok(std::fs::File::open(format!("/proc/self/fd/{file}"))?.into())
}

fn raise(py: Python<'_>, error: &ShareError) -> PyErr {
    match error {
        ShareError::Host(errno) => PyOSError::new_err((errno.raw_os_error(), errno.to_string())),
        ShareError::Region(_) | ShareError::Import(_) => {
            errors::exception(py, "Malformed", (error.to_string(),))
        }
        ShareError::Layout(_) => errors::schema_mismatch(py, error),
        other => errors::exception(py, "Error", (other.to_string(),)),
    }
}
