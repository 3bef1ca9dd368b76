//! The way into and out of every function: no panic gets through, and failures become codes.
//!
//! To catch a panic, a call hands its arguments and its result over in memory. What is written there in words and read back
//! in pairs of them waits until the processor has carried out every store before, those of a message among them. So the
//! four calls that a message passes through (loan, commit, receive, release) first try what is usual without [`guard`],
//! and leave the rest to a function of its own with it. The usual way cannot panic, which the transport's proof covers; one
//! all the same would end the program, since nothing unwinds out of `extern "C"`.

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
        // SAFETY: the caller's promise.
        Some(Err(failure)) => unsafe { failed(error, &failure) },
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

/// Fills the caller's error object and returns the code.
///
/// # Safety
/// As for [`guard_as`].
#[allow(unsafe_code)]
#[cold]
#[inline(never)]
pub unsafe fn failed<F: Reported>(error: *mut Error, failure: &F) -> i32 {
    let code = failure.code();
    // "Nothing now" is no failure, and comes often.
    if code != BOWSTRING_AGAIN
        // SAFETY: the caller's promise.
        && let Some(error) = unsafe { may(error) }
    {
        error.fill(failure);
    }
    code
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
