//! Takes a reader's channels for one call, and makes exceptions and warnings of what they say.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowstring::transport::fd::OwnedFd;
use bowstring::turn::{Taken, Turn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::Reader;
use super::channel::{Channel, Fault, Keeping, Next, OpenFault};
use super::missing::Missing;
use crate::errors;
use crate::names::Place;
use crate::process::Own;
use crate::wait::{self, Deadline};

impl Reader {
    pub(crate) fn over(channel: Channel, name: String) -> Reader {
        Reader {
            channel: Own::new(Turn::new(channel)),
            closed: Arc::default(),
            name,
            warned: Mutex::default(),
        }
    }

    pub(super) fn turn(&self) -> PyResult<&Turn<Channel>> {
        let turn = self.channel.get("Reader")?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(closed());
        }
        Ok(turn)
    }

    /// Takes the channel for one call. Another thread may be in the middle of one.
    pub(super) fn take(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Taken<Channel>> {
        let turn = self.turn()?;
        if let Some(taken) = turn.take(Duration::ZERO) {
            return Ok(taken);
        }
        wait::until(py, deadline, |slice| turn.take(slice))?
            .ok_or_else(|| errors::timed_out(py, "another thread was reading all that time"))
    }

    /// Takes the channel once the writers have said what the table looks like.
    pub(super) fn take_open(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Taken<Channel>> {
        let mut channel = self.take(py, deadline)?;
        if !channel.is_open() {
            let opened = wait::until(py, deadline, |slice| channel.open_within(slice))?;
            match opened {
                None => {
                    return Err(errors::timed_out(
                        py,
                        "the writer is there, and has not begun its table yet",
                    ));
                }
                Some(Err(fault)) => return Err(of_opening(py, fault, &channel.path)),
                Some(Ok(())) => {}
            }
        }
        Ok(channel)
    }

    pub(super) fn next(&self, py: Python<'_>, deadline: Deadline, keep: Keeping) -> PyResult<Option<Next>> {
        let mut channel = self.take_open(py, deadline)?;
        // The first look makes no system call, and is worth no slice.
        let outcome = match py.detach(|| channel.next_within(Duration::ZERO, keep)) {
            Some(outcome) => Some(outcome),
            None => wait::until(py, deadline, |slice| channel.next_within(slice, keep))?,
        };
        let next = match outcome {
            None => return Err(errors::timed_out(py, "nothing came in time")),
            Some(outcome) => outcome.map_err(|fault| of_reading(py, fault, &channel.path))?,
        };
        let (warning, missing) = (channel.take_warning(), channel.missing());
        drop(channel);
        if let Some(warning) = warning {
            warn(py, "LeaseWarning", warning)?;
        }
        if keep == Keeping::InPlace {
            self.warn_of(py, missing)?;
        }
        Ok(next)
    }

    /// Warns of rows that are missing, if more are than at the last warning.
    fn warn_of(&self, py: Python<'_>, missing: Missing) -> PyResult<()> {
        if missing == Missing::default() {
            return Ok(());
        }
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if *warned == missing {
            return Ok(());
        }
        *warned = missing;
        drop(warned);
        missing.words().map_or(Ok(()), |words| warn(py, "IncompleteWarning", words))
    }

    /// Takes the channel for a whole table, which must not lack rows.
    pub(super) fn take_whole(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Taken<Channel>> {
        let channel = self.take_open(py, deadline)?;
        match channel.missing().words() {
            None => Ok(channel),
            Some(words) => Err(errors::exception(py, "Incomplete", (words,))),
        }
    }
}

fn warn(py: Python<'_>, class: &str, message: String) -> PyResult<()> {
    let category = py.import("bowstring._errors")?.getattr(class)?;
    PyErr::warn(py, &category, &std::ffi::CString::new(message)?, 2)
}

pub(super) fn closed() -> PyErr {
    PyValueError::new_err("this reader is closed")
}

pub(super) fn of_opening(py: Python<'_>, fault: OpenFault, path: &Path) -> PyErr {
    match fault {
        OpenFault::SetUp(error) => errors::set_up(py, &error, Some(path)),
        OpenFault::Merge(error) => errors::merging(py, &error),
        OpenFault::Condition(error) => errors::condition(error),
    }
}

fn of_reading(py: Python<'_>, fault: Fault, path: &Path) -> PyErr {
    match fault {
        Fault::Receive(error) => errors::receiving(py, &error),
        Fault::Merge(error) => errors::merging(py, &error),
        Fault::SetUp(error) => errors::set_up(py, &error, Some(path)),
        Fault::Choice(error) => errors::query(error),
    }
}

/// Connects to a name; waits until the deadline for somebody to listen there.
pub(super) fn dial(
    py: Python<'_>,
    place: &Place,
    deadline: Deadline,
    timeout: Option<f64>,
) -> PyResult<OwnedFd> {
    place.dial_until(py, deadline)?.ok_or_else(|| {
        let waited = timeout.map(|t| format!(" (waited {t} s)")).unwrap_or_default();
        errors::nobody(&place.path, &waited)
    })
}
