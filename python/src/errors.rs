//! Errors of the core as the exceptions of `bowstring._errors`.

use std::path::Path;

use bowstring::transport::names::{AddressError, NameError};
use bowstring::transport::{End, HandshakeError, OsError, RefusalCode};
use bowstring::{CopyError, MergeError, ReceiveError, SendError, SetUpError};
use bowstring_query::{ConditionError, QueryError};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{
    PyFileNotFoundError, PyKeyError, PyKeyboardInterrupt, PyOSError, PyPermissionError, PyValueError,
};
use pyo3::prelude::*;

/// An exception of the package, by the name of its class.
pub(crate) fn exception<'py, A>(py: Python<'py>, class: &str, arguments: A) -> PyErr
where
    A: PyCallArgs<'py>,
{
    let made = || -> PyResult<Bound<'py, PyAny>> {
        let class = py.import("bowstring._errors")?.getattr(class)?;
        class.call1(arguments)
    };
    made().map_or_else(|error| error, PyErr::from_value)
}

fn plain(py: Python<'_>, class: &str, message: impl std::fmt::Display) -> PyErr {
    exception(py, class, (message.to_string(),))
}

/// Ran out of time.
pub(crate) fn timed_out(py: Python<'_>, message: impl std::fmt::Display) -> PyErr {
    plain(py, "TimeoutError", message)
}

/// Data of another schema than what was agreed to.
pub(crate) fn schema_mismatch(py: Python<'_>, message: impl std::fmt::Display) -> PyErr {
    plain(py, "SchemaMismatch", message)
}

/// An error of the host, as the `OSError` with its number.
pub(crate) fn host(error: OsError) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), error.to_string()))
}

/// Nobody was found at a path.
pub(crate) fn nobody(path: &Path, waited: &str) -> PyErr {
    let advice = format!("nobody writes there{waited}. Start a writer first, or wait longer with timeout=");
    PyFileNotFoundError::new_err((2, advice, path.display().to_string()))
}

/// Returns the exception for an end that was not set up.
pub(crate) fn set_up(py: Python<'_>, error: &SetUpError, path: Option<&Path>) -> PyErr {
    let at = path.map(|path| format!(" ({})", path.display())).unwrap_or_default();
    match error {
        SetUpError::Interrupted => interrupted(py),
        SetUpError::Host(error) => host_at(*error, path),
        SetUpError::Layout(error) => plain(py, "SchemaMismatch", error),
        SetUpError::Schema(mismatch) => plain(
            py,
            "SchemaMismatch",
            format!("the writer that took the place of another has other columns: {mismatch}{at}"),
        ),
        SetUpError::NoColumn { name, there } => {
            query(QueryError::NoColumn { name: name.clone(), there: there.clone() })
        }
        SetUpError::Greeting(_) => plain(py, "Malformed", error),
        SetUpError::Meet(error) => meet(py, error, path, &at),
        other => plain(py, "Error", format!("{other}{at}")),
    }
}

/// Returns the exception for a name or path that cannot be listened at or connected to.
pub(crate) fn address(py: Python<'_>, error: &AddressError, path: &Path) -> PyErr {
    match error {
        AddressError::Meet(error) => set_up(py, &SetUpError::from(*error), Some(path)),
        AddressError::Name(NameError::Unsafe { path, why }) => {
            PyPermissionError::new_err((13, why.to_string(), path.display().to_string()))
        }
        AddressError::Name(NameError::Directory { path, error }) => PyOSError::new_err((
            error.raw_os_error().unwrap_or(5),
            error.to_string(),
            path.display().to_string(),
        )),
        other => PyValueError::new_err(other.to_string()),
    }
}

fn host_at(error: OsError, path: Option<&Path>) -> PyErr {
    match path {
        Some(path) => {
            PyOSError::new_err((error.raw_os_error(), error.to_string(), path.display().to_string()))
        }
        None => host(error),
    }
}

fn meet(py: Python<'_>, error: &HandshakeError, path: Option<&Path>, at: &str) -> PyErr {
    match error {
        HandshakeError::Os(error) => host_at(*error, path),
        HandshakeError::Refused(refusal) => {
            let reason = match refusal.reason() {
                "" => refusal.code.to_string(),
                said => said.to_owned(),
            };
            let message = format!("the other side refused: {} ({reason}){at}", refusal.code);
            if refusal.code == RefusalCode::Denied {
                return PyPermissionError::new_err((13, message));
            }
            exception(py, "Refused", (message, refusal.code as u32, reason))
        }
        HandshakeError::Declined(code) => {
            let message = format!("this side refused: {code}{at}");
            exception(py, "Refused", (message, *code as u32, code.to_string()))
        }
        HandshakeError::Denied { is_mapped: false, .. } => {
            PyPermissionError::new_err((13, format!("{error}{at}")))
        }
        HandshakeError::Denied { uid, .. } => PyPermissionError::new_err((
            13,
            format!("the other side runs as user {uid}, and only processes of the same user are let in{at}"),
        )),
        HandshakeError::HungUp => {
            plain(py, "PeerCrashed", format!("the other side hung up during the handshake{at}"))
        }
        HandshakeError::TimedOut(what) => {
            timed_out(py, format!("the other side did not send {what} in time{at}"))
        }
        HandshakeError::InUse => exception(
            py,
            "InUse",
            (98, format!("somebody else writes there{at}; choose another name, or end that process")),
        ),
        HandshakeError::Geometry(_) | HandshakeError::NotASocket => {
            PyValueError::new_err(format!("{error}{at}"))
        }
        other => plain(py, "Error", format!("{other}{at}")),
    }
}

/// Returns the exception for a batch that was not sent.
pub(crate) fn sending(py: Python<'_>, error: &SendError) -> PyErr {
    match error {
        SendError::Interrupted => interrupted(py),
        SendError::TimedOut => timed_out(
            py,
            "no reader made room in time: either none has come, or what they hold (live arrays are leases) fills the pool",
        ),
        SendError::Host(error) => host(*error),
        SendError::Encode(error) => schema_mismatch(py, error),
        SendError::NoReceiver(Some(End::Crashed)) => plain(
            py,
            "PeerCrashed",
            "the last reader died without closing, and this batch reached nobody; write again to wait for another reader",
        ),
        SendError::TooLarge { .. } => {
            PyValueError::new_err(format!("{error}; make the pool larger with Writer(size=…)"))
        }
        SendError::Build(error) => PyValueError::new_err(error.to_string()),
        other => plain(py, "Error", other),
    }
}

/// Returns the exception for a batch that was not received.
pub(crate) fn receiving(py: Python<'_>, error: &ReceiveError) -> PyErr {
    receiving_from(py, error, error)
}

fn receiving_from(py: Python<'_>, error: &ReceiveError, message: impl std::fmt::Display) -> PyErr {
    match error {
        ReceiveError::Crashed | ReceiveError::CutOff | ReceiveError::BrokenOff { .. } => {
            plain(py, "PeerCrashed", message)
        }
        ReceiveError::Missed { .. } => plain(py, "Incomplete", message),
        ReceiveError::TimedOut => timed_out(py, message),
        ReceiveError::Host(error) => host(*error),
        _ => plain(py, "Malformed", message),
    }
}

/// Returns the exception for several tables that are not one, or for one of them that did not come to its end.
pub(crate) fn merging(py: Python<'_>, error: &MergeError) -> PyErr {
    match error {
        MergeError::Receive { error: cause, .. } => receiving_from(py, cause, error),
        MergeError::Schema { .. } | MergeError::Arrow { .. } => plain(py, "SchemaMismatch", error),
        MergeError::ColumnTaken(_) | MergeError::Count(_) => PyValueError::new_err(error.to_string()),
        MergeError::TimedOut => timed_out(py, error),
        other => plain(py, "Error", other),
    }
}

/// Returns the exception for a condition that is invalid, or does not fit the table.
pub(crate) fn condition(error: ConditionError) -> PyErr {
    match (error.error, error.at) {
        (error @ QueryError::NoColumn { .. }, _) | (error, None) => query(error),
        (error, Some(at)) => PyValueError::new_err(format!("{error}; at byte {at} of where=")),
    }
}

/// Returns the exception for a condition that cannot be evaluated.
pub(crate) fn query(error: QueryError) -> PyErr {
    match error {
        QueryError::NoColumn { name, there } => {
            PyKeyError::new_err(format!("no column {name:?}; there are {}", there.join(", ")))
        }
        error => PyValueError::new_err(error.to_string()),
    }
}

/// Returns the exception for a batch that was not copied.
pub(crate) fn copying(py: Python<'_>, error: &CopyError) -> PyErr {
    plain(py, "Error", error)
}

/// The exception that a signal's handler raised, or `KeyboardInterrupt` where it was raised elsewhere.
pub(crate) fn interrupted(py: Python<'_>) -> PyErr {
    crate::wait::take_raised()
        .unwrap_or_else(|| py.check_signals().err().unwrap_or_else(|| PyKeyboardInterrupt::new_err(())))
}
