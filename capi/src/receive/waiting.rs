//! Waiting for batches together with other things.
#![allow(unsafe_code)]

use std::os::fd::IntoRawFd;

use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::out;

use super::TableReceiver;
use crate::failure::TableFailure;

/// Returns in `fd` a new descriptor for `poll` or `epoll`. After `bowstring_table_receiver_arm` it is readable when a
/// message comes or the sender is gone. It belongs to the caller; make it once.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_pollable(
    receiver: *mut Handle<TableReceiver>,
    fd: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        place.set(unsafe { Handle::enter(receiver) }?.inner.pollable()?.into_raw_fd());
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Announces that the caller will sleep on the pollable descriptor, and returns 1 in `may_sleep`; 0 if it should receive
/// at once, because a message or the end is there. After the sleep call `bowstring_table_receiver_disarm`, and then receive
/// with timeout 0 until that returns `BOWSTRING_AGAIN`: a message may be a dictionary, which is no batch.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_arm(
    receiver: *mut Handle<TableReceiver>,
    may_sleep: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(may_sleep) }?;
        // SAFETY: the caller's promise.
        place.set(unsafe { Handle::enter(receiver) }?.inner.arm().into());
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Ends the sleep that `bowstring_table_receiver_arm` announced.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_disarm(
    receiver: *mut Handle<TableReceiver>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(receiver) }?.inner.disarm();
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
