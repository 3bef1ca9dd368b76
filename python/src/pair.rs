//! Ends of a channel without a name: see the package's `_pair`.
//!
//! # Safety
//!
//! Descriptors come from Python as numbers. A number is borrowed for one `fcntl` alone, which fails if nothing is open
//! there.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};

use bowstring::transport;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;

/// Makes a pair of connected sockets. Both descriptors are the caller's.
#[pyfunction]
pub(crate) fn socket_pair() -> PyResult<(i32, i32)> {
    let (one, other) = transport::socket_pair().map_err(errors::host)?;
    Ok((one.into_raw_fd(), other.into_raw_fd()))
}

/// A descriptor of this process's own for what is open at a number, which stays the caller's.
pub(crate) fn duplicate(number: i32) -> PyResult<OwnedFd> {
    if number < 0 {
        return Err(PyValueError::new_err(format!("{number} is no descriptor")));
    }
    // SAFETY: the number is not -1, and the borrow ends with this function: see the module's page.
    let file = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(file.try_clone_to_owned()?)
}
