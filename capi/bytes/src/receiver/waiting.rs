//! Waiting for messages.
#![allow(unsafe_code)]

use core::time::Duration;

use super::{Channel, ENTERED, Receiver};
use crate::error::{BOWSTRING_UNSUPPORTED, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::listener::raw;
use crate::pointer::out;
use crate::time;

/// Sets how this receiver waits: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0, for a
/// thread that owns its processor.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_set_wait(
    receiver: *mut Handle<Receiver>,
    spins: u32,
    never_sleep: i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        entered.wait.set(time::base(spins, never_sleep));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sets how often `bowstring_receive` with timeout 0 looks whether the sender lives; 50 ms if never called.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_watch_every(
    receiver: *mut Handle<Receiver>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        let interval = Duration::from_nanos(nanoseconds);
        match &entered.channel {
            Channel::Pooled(receiver) => receiver.watch_every(interval),
            Channel::Copied(receiver) => {
                receiver.try_borrow().map_err(|_| ENTERED)?.inner().watch_every(interval);
            }
            Channel::Sealed(_) => {
                return Err(Failure::Plain(
                    BOWSTRING_UNSUPPORTED,
                    "each look of a sealed channel asks the socket",
                ));
            }
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns in `fd` a new descriptor for `poll` or `epoll`. After `bowstring_receiver_arm` it is readable when a message
/// comes or the sender is gone. It belongs to the caller; make it once.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_pollable(
    receiver: *mut Handle<Receiver>,
    fd: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        place.set(raw(entered.pollable()?));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Announces that the caller will sleep on the pollable descriptor, and returns 1 in `may_sleep`; 0 if it should receive
/// at once, because a message or the end is there. After the sleep call `bowstring_receiver_disarm`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_arm(
    receiver: *mut Handle<Receiver>,
    may_sleep: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(may_sleep) }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        place.set(entered.arm()?.into());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Ends the sleep that `bowstring_receiver_arm` announced.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_disarm(
    receiver: *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::enter(receiver) }?.disarm();
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
