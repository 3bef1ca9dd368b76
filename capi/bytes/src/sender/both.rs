//! Channels in both directions, for requests and replies.
#![allow(unsafe_code)]

use core::ffi::c_char;

use bowstring_transport::{ConnectRequest, HandshakeConfig};

use super::join::{accept, number as give_number};
use super::{Sender, idle};
use crate::address::Address;
use crate::error::Error;
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{HandshakeOptions, Terms};
use crate::listener::Listener;
use crate::pointer::out;
use crate::receiver::Receiver;

// ---- both directions ----

/// Connects for both directions: what `sender` sends goes there, and what comes back is received by `receiver`. `address`
/// is that of a sender which calls `bowstring_sender_accept_both`. `number`, unless NULL, gets the other side's number as a
/// receiver of `sender`.
///
/// Threads: one at a time for each sender; the receiver may then be used by another thread.
///
/// # Safety
/// As for `bowstring_sender_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_connect_both(
    sender: *mut Handle<Sender>,
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    number: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(receiver) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let config = HandshakeConfig::both_ways(&terms.wanted());
        let (id, incoming) = sender.inner.connect(address.dial()?, &config)?.both_ways()?;
        place.set(Handle::give(Receiver::open(incoming)?)?);
        // SAFETY: the caller's promise.
        unsafe { give_number(number, id) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Waits up to `timeout` nanoseconds until somebody has connected for both directions; 0 does not wait, a negative one
/// waits without end.
///
/// Threads: one at a time for each sender and each listener; the receiver may then be used by another thread.
///
/// # Safety
/// As for `bowstring_sender_accept`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_accept_both(
    sender: *mut Handle<Sender>,
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    timeout: i64,
    receiver: *mut *mut Handle<Receiver>,
    number: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(receiver) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        let answer = |request: &ConnectRequest<'_>| terms.answer(request);
        let config = HandshakeConfig::both_ways(&terms.wanted()).decide(&answer);
        let (id, incoming) = accept(&mut sender, &listener, &config, timeout)?.both_ways()?;
        place.set(Handle::give(Receiver::open(incoming)?)?);
        // SAFETY: the caller's promise.
        unsafe { give_number(number, id) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
