//! Receivers that come.
#![allow(unsafe_code)]

use core::ffi::c_char;

use bowstring_transport::{Arrival, ConnectRequest, HandshakeConfig, ReceiverId, Wait};

use super::{Sender, idle};
use crate::address::Address;
use crate::error::{BOWSTRING_AGAIN, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{HandshakeOptions, Terms};
use crate::listener::{Listener, descriptor};
use crate::pointer;
use crate::time;

/// Waits up to `timeout` nanoseconds for a receiver to connect to `listener`; 0 lets in whoever is there and returns
/// `BOWSTRING_AGAIN` if nobody is, a negative one waits without end. Also notices receivers that have died: call it now
/// and then with 0. `receiver`, unless NULL, gets the receiver's number.
///
/// Threads: one at a time for each sender and each listener.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_accept(
    sender: *mut Handle<Sender>,
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    timeout: i64,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let answer = |request: &ConnectRequest<'_>| terms.answer(request);
        let arrival = accept(&mut sender, &listener, &terms.introduction().decide(&answer), timeout)?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Accepts the next connection; 0 does not wait for it.
pub(super) fn accept(
    sender: &mut Sender,
    listener: &Listener,
    config: &HandshakeConfig<'_>,
    timeout: i64,
) -> Result<Arrival, Failure> {
    match time::wait(timeout, Wait::sleeping()) {
        Some(wait) => Ok(sender.inner.accept(&listener.0, &config.wait(wait))?),
        None => sender
            .inner
            .poll_accept(&listener.0, config)?
            .ok_or(Failure::Plain(BOWSTRING_AGAIN, "nobody connects now")),
    }
}

/// # Safety
/// As for [`pointer::may`].
pub(super) unsafe fn number(place: *mut u64, receiver: ReceiverId) {
    // SAFETY: the caller's promise.
    if let Some(place) = unsafe { pointer::may(place) } {
        *place = receiver.to_bits();
    }
}

/// Connects to a receiver that listens at `address`. `receiver`, unless NULL, gets its number.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_connect(
    sender: *mut Handle<Sender>,
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let arrival = sender.inner.connect(address.dial()?, &terms.introduction())?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has. The receiver calls
/// `bowstring_receiver_meet`. `fd` belongs to the library from now on, also if this fails. `receiver`, unless NULL, gets
/// the receiver's number.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_meet(
    sender: *mut Handle<Sender>,
    fd: i32,
    options: *const HandshakeOptions,
    receiver: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let arrival = sender.inner.accept(fd, &terms.introduction())?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, arrival.receiver) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
