//! The way into and out of every function: no panic gets through, and failures become codes.

use crate::error::{
    BOWSTRING_AGAIN, BOWSTRING_FAULT_OURS, BOWSTRING_OK, BOWSTRING_PANIC, Error, Failure, Reported,
};
use crate::pointer::may;

/// Runs the body of a function: catches panics, fills the caller's error object, and returns the code.
///
/// # Safety
/// `error` is null or points to an error object that is the caller's alone.
#[allow(unsafe_code)]
#[inline(always)]
pub unsafe fn guard_as<F: Reported>(error: *mut Error, body: impl FnOnce() -> Result<(), F>) -> i32 {
    match caught(body) {
        Some(Ok(())) => BOWSTRING_OK,
        Some(Err(failure)) => {
            let code = failure.code();
            // "Nothing now" is no failure, and comes often.
            if code == BOWSTRING_AGAIN {
                return code;
            }
            // SAFETY: the caller's promise.
            if let Some(error) = unsafe { may(error) } {
                error.fill(&failure);
            }
            code
        }
        None => {
            // SAFETY: the caller's promise.
            if let Some(error) = unsafe { may(error) } {
                error.say(
                    BOWSTRING_PANIC,
                    0,
                    BOWSTRING_FAULT_OURS,
                    format_args!("a bug in libbowstring: it panicked"),
                );
            }
            BOWSTRING_PANIC
        }
    }
}

/// As [`guard_as`], for the bytes layer.
///
/// # Safety
/// As for [`guard_as`].
#[allow(unsafe_code)]
#[inline(always)]
pub unsafe fn guard(error: *mut Error, body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// The outcome of `body`; `None` if it panicked.
#[cfg(feature = "std")]
#[inline(always)]
fn caught<R>(body: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).ok()
}

/// Without a standard library there is nothing to catch: the panic handler has ended the program.
#[cfg(not(feature = "std"))]
#[inline(always)]
fn caught<R>(body: impl FnOnce() -> R) -> Option<R> {
    Some(body())
}
