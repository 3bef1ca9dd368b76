//! Waiting for room.
#![allow(unsafe_code)]

use core::time::Duration;

use bowstring_transport::fd::AsRawFd;

use super::{Sender, idle};
use crate::error::{Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::pointer::out;
use crate::time;

/// Sets how this sender waits for room: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_set_wait(
    sender: *mut Handle<Sender>,
    spins: u32,
    never_sleep: i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(sender) }?.wait = time::base(spins, never_sleep);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sets how often a busy sender looks whether its receivers live; 50 ms if never called.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_watch_every(
    sender: *mut Handle<Sender>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { idle(sender) }?.inner.watch_every(Duration::from_nanos(nanoseconds));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Writes the descriptors of the receivers' sockets to `fds`, which has room for `room` of them, and their number to
/// `count`, which may be larger than `room`. They are readable when a receiver is gone, and after `bowstring_sender_arm`
/// when one has given something back. They stay the sender's.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; `fds` has room for `room` descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_fds(
    sender: *mut Handle<Sender>,
    fds: *mut i32,
    room: usize,
    count: *mut usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(count) }?;
        if room != 0 && (fds.is_null() || !fds.is_aligned()) {
            return Err(Failure::argument("the place for descriptors is NULL or not aligned"));
        }
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        let mut found = 0;
        for fd in sender.inner.descriptors() {
            if found < room {
                // SAFETY: within the room that the caller vouches for.
                unsafe { fds.wrapping_add(found).write(fd.as_raw_fd()) };
            }
            found += 1;
        }
        place.set(found);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Announces that the caller will sleep on `bowstring_sender_fds` until a message of `len` bytes has room, and returns 1
/// in `may_sleep`; 0 if there is room already. After the sleep call `bowstring_sender_disarm`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_arm(
    sender: *mut Handle<Sender>,
    len: usize,
    may_sleep: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(may_sleep) }?;
        // SAFETY: the caller's promise.
        place.set(unsafe { idle(sender) }?.inner.arm(len).into());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Ends the sleep that `bowstring_sender_arm` announced.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_disarm(sender: *mut Handle<Sender>, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { idle(sender) }?.inner.disarm();
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
