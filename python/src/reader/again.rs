//! From one writer to the next of the same name.

use std::ffi::OsString;
use std::time::Duration;

use bowstring::{Connecting, ReceiveError, SetUpError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::channel::{Channel, Fault, Next, State};
use super::source::Source;
use crate::wait::SLICE;

/// A wish for another writer: its address, the patience, and the wait that goes on.
pub(crate) struct Again {
    pub(crate) when: Reconnect,
    pub(crate) address: OsString,
    pub(crate) patience: Duration,
    pub(crate) waiting: Option<Waiting>,
}

pub(crate) struct Waiting {
    connecting: Connecting,
    /// The error that the last writer ended with; `None` if its table ended.
    cause: Option<ReceiveError>,
}

/// The endings of a writer after which to wait for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// It died or broke off.
    Broken,
    /// Its table ended, or it died or broke off.
    Always,
}

impl Reconnect {
    pub(crate) fn of(said: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Reconnect>> {
        let Some(said) = said.filter(|said| !said.is_none()) else { return Ok(None) };
        match (said.extract::<bool>(), said.extract::<String>().as_deref()) {
            (Ok(false), _) => Ok(None),
            (Ok(true), _) => Ok(Some(Reconnect::Broken)),
            (_, Ok("always")) => Ok(Some(Reconnect::Always)),
            _ => Err(PyValueError::new_err(format!(
                "reconnect={}: True to wait for another writer if one breaks off, \"always\" to wait after the end of a \
                 table too",
                said.repr()?
            ))),
        }
    }
}

impl Channel {
    /// Begins to wait for another writer after the end of one, if that was asked for; otherwise that is the end.
    pub(super) fn wait_for_another(
        &mut self,
        cause: Option<ReceiveError>,
        end: impl FnOnce() -> Result<Option<Next>, Fault>,
    ) -> Option<Result<Option<Next>, Fault>> {
        let Some(again) =
            self.again.as_mut().filter(|again| cause.is_some() || again.when == Reconnect::Always)
        else {
            return Some(end());
        };
        let builder = self.wanted.builder().wait_for_sender(again.patience);
        match builder.connect_in_background(&again.address) {
            Ok(connecting) => again.waiting = Some(Waiting { connecting, cause }),
            Err(error) => return Some(Err(Fault::SetUp(error))),
        }
        None
    }

    /// Waits up to `slice` for another writer. Returns the end of the last one if none came in time.
    pub(super) fn look_for_another(&mut self, slice: Duration) -> Option<Result<Option<Next>, Fault>> {
        let again = self.again.as_mut()?;
        let connected = again.waiting.as_ref()?.connecting.wait(slice.min(SLICE))?;
        let cause = again.waiting.take()?.cause;
        let next = match connected {
            Ok(next) => next,
            Err(SetUpError::Address { error, .. }) if error.nobody_listens() => {
                return Some(cause.map_or(Ok(None), |cause| Err(Fault::Receive(cause))));
            }
            Err(error) => return Some(Err(Fault::SetUp(error))),
        };
        let State::Open(Source::One(receiver)) = &mut self.state else { return Some(Ok(None)) };
        let before = match receiver.continue_with(next) {
            Ok(before) => before,
            Err(mismatch) => return Some(Err(Fault::SetUp(SetUpError::Schema(mismatch)))),
        };
        self.missing.add_before(before);
        self.missing.interruptions += u64::from(cause.is_some());
        self.reconnects += 1;
        self.inherited.clear();
        None
    }
}
