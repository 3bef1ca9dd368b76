//! Ending a sender's waits from outside.
//!
//! # Safety
//!
//! The caller's function is called with the caller's context, on the thread that waits, until the sender is closed.
#![allow(unsafe_code)]

use std::ffi::c_void;

use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_table::Interrupt;

use super::TableSender;

/// A function of C's that says whether to stop.
struct Question {
    ask: unsafe extern "C" fn(context: *mut c_void) -> i32,
    context: *mut c_void,
}

// SAFETY: it is called by whoever uses the sender, which the caller has promised the context allows.
unsafe impl Send for Question {}
// SAFETY: one thread at a time uses a sender, so only one calls it at a time.
unsafe impl Sync for Question {}

impl Question {
    fn ask(&self) -> bool {
        // SAFETY: the caller's promise: it can be called with this context until the sender is closed.
        unsafe { (self.ask)(self.context) != 0 }
    }
}

/// Calls `question` about twenty times a second whenever the sender waits, for receivers or for room. Once it returns
/// anything but 0 the wait, and each one after it, ends with `BOWSTRING_INTERRUPTED`. It may look at a flag that a
/// signal handler or another thread sets. It must return: no `longjmp`, no C++ exception. It must not use `sender`.
///
/// Threads: one at a time for each sender; `question` is called on the thread that waits.
///
/// # Safety
/// As for `bowstring_table_sender_open`; `question` can be called with `context` until the sender is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_interrupt_by(
    sender: *mut Handle<TableSender>,
    question: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    context: *mut c_void,
    error: *mut Error,
) -> i32 {
    let body = || {
        let ask = question.ok_or(Failure::argument("the function that says whether to stop is NULL"))?;
        let question = Question { ask, context };
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        sender.inner.interrupt_by(Interrupt::asking(move || question.ask()));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
