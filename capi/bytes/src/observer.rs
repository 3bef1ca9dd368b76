//! Looking at a running sender's statistics.
#![allow(unsafe_code)]

use core::ffi::c_char;

use bowstring_transport::Observer as Inner;

use crate::address::Address;
use crate::error::{BOWSTRING_ARGUMENT, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{HandshakeOptions, Terms};
use crate::pointer::{out, partly};
use crate::stats::{SenderStats, SubscriberStats};

/// A view of a sender's statistics. The sender waits for nothing of it.
pub struct Observer(Inner);

/// Attaches to the sender at `address`. Of `options`, only the users are used.
///
/// Threads: any; the observer is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_observer_open(
    address: *const c_char,
    options: *const HandshakeOptions,
    observer: *mut *mut Handle<Observer>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(observer) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        place.set(Handle::give(Observer(address.observe(terms.access)?))?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the sender's statistics; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each observer.
///
/// # Safety
/// As for `bowstring_observer_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_observer_get_stats(
    observer: *mut Handle<Observer>,
    stats: *mut SenderStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let observer = unsafe { Handle::enter(observer) }?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, observer.0.stats().into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the statistics of the sender's receiver number `index`, counted from 0. `BOWSTRING_ARGUMENT` beyond the last.
///
/// Threads: one at a time for each observer.
///
/// # Safety
/// As for `bowstring_observer_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_observer_get_subscriber(
    observer: *mut Handle<Observer>,
    index: usize,
    stats: *mut SubscriberStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let observer = unsafe { Handle::enter(observer) }?;
        let found = observer.0.receivers().nth(index);
        let found = found.ok_or(Failure::Plain(BOWSTRING_ARGUMENT, "the sender has fewer receivers"))?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found.into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns in `alive` whether the sender's process lives: 1 or 0.
///
/// Threads: one at a time for each observer.
///
/// # Safety
/// As for `bowstring_observer_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_observer_is_alive(
    observer: *mut Handle<Observer>,
    alive: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(alive) }?;
        // SAFETY: the caller's promise.
        let observer = unsafe { Handle::enter(observer) }?;
        place.set(observer.0.is_alive()?.into());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Lets go of the sender's statistics and sets `*observer` to NULL.
///
/// Threads: the one that uses the observer.
///
/// # Safety
/// `observer` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_observer_close(
    observer: *mut *mut Handle<Observer>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(observer, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
