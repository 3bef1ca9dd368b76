//! Waits that let other Python threads run, and that Ctrl-C ends.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bowstring::Interrupt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The time that a wait goes on before signals are looked at.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

thread_local! {
    /// The exception that a signal's handler raised during a wait of this thread.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

pub(crate) fn take_raised() -> Option<PyErr> {
    RAISED.with_borrow_mut(Option::take)
}

/// Runs the handlers of signals that came, if any, and returns whether one of them raised.
fn signal_came() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let came = raised.is_some();
    if came {
        RAISED.with_borrow_mut(|place| *place = raised);
    }
    came
}

/// An interrupt for one call: it looks for signals, no more often than once a slice.
pub(crate) fn by_signals() -> Interrupt {
    let looked = Mutex::new(Instant::now());
    Interrupt::asking(move || {
        let Ok(mut looked) = looked.lock() else { return false };
        if looked.elapsed() < SLICE - Duration::from_millis(5) {
            return false;
        }
        *looked = Instant::now();
        signal_came()
    })
}

/// A deadline, from what a program says in seconds; `None` is without end.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(seconds: Option<f64>) -> PyResult<Deadline> {
        let Some(seconds) = seconds else { return Ok(Deadline(None)) };
        if seconds.is_nan() || seconds < 0.0 {
            return Err(PyValueError::new_err(format!(
                "timeout={seconds}: seconds from 0 on, or None to wait without end"
            )));
        }
        let length = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Ok(Deadline(Instant::now().checked_add(length)))
    }

    /// Returns the rest of it, for the core; `None` is without end.
    pub(crate) fn patience(self) -> Option<Duration> {
        self.0.map(|_| self.left())
    }

    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    /// The next slice of the wait; zero if it is over.
    pub(crate) fn slice(self) -> Duration {
        self.left().min(SLICE)
    }
}

/// Tries again and again, each time for a slice, until there is an outcome, the time is up (`None`), or a signal's handler
/// raises. The calling thread is not attached to Python meanwhile.
pub(crate) fn until<T: Send>(
    py: Python<'_>,
    deadline: Deadline,
    mut attempt: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    loop {
        let slice = deadline.slice();
        if let Some(outcome) = py.detach(|| attempt(slice)) {
            return Ok(Some(outcome));
        }
        py.check_signals()?;
        if slice.is_zero() || deadline.left().is_zero() {
            return Ok(None);
        }
    }
}
