//! Names that a server listens at and a client connects to: see the package's `_call`.

use std::os::fd::{AsFd, IntoRawFd};
use std::sync::{Mutex, PoisonError};

use bowstring::transport::Listener;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::errors;
use crate::names::Place;
use crate::process::Own;
use crate::wait::{self, Deadline};

/// A name that clients connect to.
#[pyclass(frozen, module = "bowstring._bowstring")]
pub(crate) struct Door(Own<Mutex<Option<Listener>>>);

#[pymethods]
impl Door {
    #[new]
    fn new(py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<Door> {
        let place = Place::of(name)?;
        let listener = place.listen().map_err(|error| errors::address(py, &error, &place.path))?;
        Ok(Door(Own::new(Mutex::new(Some(listener)))))
    }

    /// Waits up to ``timeout`` seconds for somebody to connect. Returns the descriptor, which is the caller's.
    fn accept(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<i32>> {
        let door = self.0.get("Server")?;
        let came = wait::until(py, Deadline::after(Some(timeout))?, |slice| {
            let listener = door.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(listener) = &*listener else { return Some(Err(None)) };
            let time = Timespec { tv_sec: 0, tv_nsec: slice.subsec_nanos().into() };
            let mut look = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
            // An interruption ends the slice, as its time does.
            let _ = poll(&mut look, Some(&time));
            listener.accept_socket().map_err(Some).transpose()
        })?;
        match came {
            None => Ok(None),
            Some(Ok(socket)) => Ok(Some(socket.into_raw_fd())),
            Some(Err(Some(error))) => Err(errors::host(error)),
            Some(Err(None)) => Err(PyValueError::new_err("this server is closed")),
        }
    }

    /// Gives the name up.
    fn close(&self, py: Python<'_>) {
        if self.0.is_ours() {
            py.detach(|| drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take()));
        }
    }
}

/// Connects to a name; waits up to ``timeout`` seconds for somebody to listen there. Returns the descriptor, which is the
/// caller's.
#[pyfunction]
pub(crate) fn dial(py: Python<'_>, name: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<i32> {
    let place = Place::of(name)?;
    let socket = place.dial_until(py, Deadline::after(timeout)?)?;
    socket.map(IntoRawFd::into_raw_fd).ok_or_else(|| errors::nobody(&place.path, ""))
}
