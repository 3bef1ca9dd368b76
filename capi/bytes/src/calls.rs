//! Requests that wait for their replies.
#![allow(unsafe_code)]

use bowstring_transport::call::Calls as Inner;
use bowstring_transport::{Meta, Receipt as Sent};

use crate::error::{Error, Failure};
use crate::guard::guard;
use crate::pointer::{may, out};

/// The requests that wait for their replies, up to 64. All zero is none.
#[repr(C)]
pub struct Calls {
    /// Their numbers; 0 marks a free place.
    pub open: [u64; 64],
}

const _: () = assert!(size_of::<Calls>() == size_of::<Inner>() && align_of::<Calls>() == align_of::<Inner>());

/// # Safety
/// As for [`may`].
unsafe fn inner<'a>(calls: *mut Calls) -> Result<&'a mut Inner, Failure> {
    // SAFETY: the caller's promise; `Inner` is transparent over the same array of numbers.
    unsafe { may(calls.cast::<Inner>()) }.ok_or(Failure::argument("calls are NULL"))
}

/// Notes the request that a receipt is for. `BOWSTRING_STATE` if 64 are open already.
///
/// Threads: one at a time for each `calls`.
///
/// # Safety
/// `calls` is NULL or points to calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_calls_sent(calls: *mut Calls, request: u64, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let calls = unsafe { inner(calls) }?;
        let request = Sent { number: request, receivers: 1, skipped: 0 };
        calls.sent(&request).map_err(|_| Failure::state("64 requests wait for their replies already"))
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Takes back the request that a message with this `reply_to` replies to, and returns its number in `request`; 0 if it
/// replies to none of them.
///
/// Threads: one at a time for each `calls`.
///
/// # Safety
/// As for `bowstring_calls_sent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_calls_answered(
    calls: *mut Calls,
    reply_to: u64,
    request: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(request) }?;
        // SAFETY: the caller's promise.
        let calls = unsafe { inner(calls) }?;
        place.set(calls.answered(&Meta { number: 0, tag: 0, reply_to }).unwrap_or(0));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
