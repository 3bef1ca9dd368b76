//! Joining a sender.
#![allow(unsafe_code)]

use core::ffi::c_char;

use bowstring_transport::Incoming;

use super::Receiver;
use crate::address::Address;
use crate::error::{Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{HandshakeOptions, Terms};
use crate::listener::{Listener, descriptor};
use crate::pointer::out;

/// # Safety
/// As for [`out`].
unsafe fn give(
    place: *mut *mut Handle<Receiver>,
    meet: impl FnOnce() -> Result<Incoming, Failure>,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let place = unsafe { out(place) }?;
    place.set(Handle::give(Receiver::open(meet()?)?)?);
    Ok(())
}

/// Connects to the sender that listens at `address`. `BOWSTRING_NOT_FOUND` if nobody does.
///
/// If `options` ask for `BOWSTRING_POOLED`, the caller declares the sender honest: it does not write to a message between
/// sending it and seeing it released. Everything else about the sender is checked.
///
/// Threads: any; the receiver is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_connect(
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect(address.dial()?)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Waits for a sender to connect to `listener`, as long as the handshake's patience lasts.
///
/// Threads: one at a time for each listener.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_accept(
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().accept(&listener.0)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Meets a sender over a connected socket, such as one end of a pair whose other end a child has. The sender calls
/// `bowstring_sender_meet`. `fd` belongs to the library from now on, also if this fails.
///
/// Threads: any.
///
/// # Safety
/// As for `bowstring_receiver_connect`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_meet(
    fd: i32,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect(fd)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
