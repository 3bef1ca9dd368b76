//! Names and paths.

use std::path::PathBuf;
use std::time::Duration;

use bowstring::transport::Listener;
use bowstring::transport::fd::OwnedFd;
use bowstring::transport::names::{Address, AddressError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;
use crate::wait::{self, Deadline};

/// The place of a channel: its name as the program says it, and the path of its socket.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) said: String,
    pub(crate) path: PathBuf,
    address: Address,
}

impl Place {
    /// Reads a name (`prices`), a path (with a slash in it) or an abstract name (`@prices`).
    pub(crate) fn of(said: &Bound<'_, PyAny>) -> PyResult<Place> {
        let said: PathBuf = said.extract()?;
        let address = Address::parse(&said).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let path = address.path().unwrap_or_else(|| said.clone());
        Ok(Place { said: said.display().to_string(), path, address })
    }

    pub(crate) fn listen(&self) -> Result<Listener, AddressError> {
        self.address.listen()
    }

    /// Connects to the channel; `None` if nobody listens there now.
    pub(crate) fn dial(&self) -> Result<Option<OwnedFd>, AddressError> {
        match self.address.connect() {
            Ok(socket) => Ok(Some(socket)),
            Err(error) if error.nobody_listens() => Ok(None),
            // The queue of those who wait to be let in is full.
            Err(AddressError::Meet(bowstring::transport::HandshakeError::Os(error)))
                if error.raw_os_error() == rustix::io::Errno::AGAIN.raw_os_error() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Connects; waits until the deadline for somebody to listen there. `None` if nobody does.
    pub(crate) fn dial_until(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Option<OwnedFd>> {
        let dialled = wait::until(py, deadline, |slice| match self.dial() {
            Ok(None) => {
                std::thread::sleep(slice.min(Duration::from_millis(5)));
                None
            }
            dialled => dialled.transpose(),
        })?;
        dialled.transpose().map_err(|error| errors::address(py, &error, &self.path))
    }
}
