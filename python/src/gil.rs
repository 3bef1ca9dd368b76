//! Waiting in a function that another library calls, with Python's lock held or not.
//!
//! # Safety
//!
//! `PyGILState_Check` looks at the calling thread's own state and may be called at any time. It is not part of the stable
//! ABI's headers, but every CPython has it; there is no other way to ask.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::prelude::*;

unsafe extern "C" {
    fn PyGILState_Check() -> c_int;
}

/// A signal's handler raised. The exception was put back, to be raised once the library returns.
pub(crate) struct Interrupted;

/// Does some waiting without Python's lock, if this thread holds it, and looks for signals afterwards. A library's own
/// threads do not hold it, and must not ask for it: their caller may hold it while it waits for them.
pub(crate) fn released<T: Send>(wait: impl FnOnce() -> T + Send) -> Result<T, Interrupted> {
    // SAFETY: see the top of this file.
    let held = unsafe { PyGILState_Check() } == 1;
    if !held {
        return Ok(wait());
    }
    Python::attach(|py| {
        let outcome = py.detach(wait);
        match py.check_signals() {
            Ok(()) => Ok(outcome),
            Err(_) => {
                // The library raises an error of its own over ours, so the signal is sent again.
                let again = py.import("_thread").and_then(|thread| thread.call_method0("interrupt_main"));
                drop(again);
                Err(Interrupted)
            }
        }
    })
}
