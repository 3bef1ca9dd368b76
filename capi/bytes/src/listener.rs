//! Listening at an address.
#![allow(unsafe_code)]

use core::ffi::c_char;

use bowstring_transport::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use bowstring_transport::{Listener as Inner, socket_pair};

use crate::address::Address;
use crate::error::{Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::pointer::out;

/// A socket that others can connect to.
pub struct Listener(pub(crate) Inner);

/// Takes over a descriptor of the caller's.
///
/// # Safety
/// Nothing else uses or closes the descriptor from now on.
pub unsafe fn descriptor(fd: RawFd) -> Result<OwnedFd, Failure> {
    if fd < 0 {
        return Err(Failure::argument("a descriptor is negative"));
    }
    // SAFETY: not -1; the rest is the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Listens at `address`: a name, a path (with a slash), or `@name` in the abstract namespace.
///
/// A socket that nobody listens on any more is taken over; one that somebody listens on is `BOWSTRING_IN_USE`.
///
/// Threads: any; the listener is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_listener_open(
    address: *const c_char,
    listener: *mut *mut Handle<Listener>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(listener) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        place.set(Handle::give(Listener(address.listen()?))?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Takes over a socket that listens already, such as one handed down by a service manager. `fd` belongs to the library
/// from now on, also if this fails.
///
/// Threads: any.
///
/// # Safety
/// As for `bowstring_listener_open`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_listener_from_fd(
    fd: i32,
    listener: *mut *mut Handle<Listener>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let place = unsafe { out(listener) }?;
        place.set(Handle::give(Listener(Inner::inherited(fd)?))?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns the listening socket in `fd`: it is readable when somebody wants to connect. It stays the listener's.
///
/// Threads: one at a time for each listener.
///
/// # Safety
/// As for `bowstring_listener_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_listener_fd(
    listener: *mut Handle<Listener>,
    fd: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        place.set(listener.0.as_fd().as_raw_fd());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Stops listening, removes the path, and sets `*listener` to NULL. Connections that were made stay.
///
/// Threads: the one that uses the listener.
///
/// # Safety
/// `listener` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_listener_close(
    listener: *mut *mut Handle<Listener>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(listener, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Makes a pair of connected sockets, for a program that starts the other side itself and lets it inherit one end. Both
/// are close-on-exec.
///
/// Threads: any.
///
/// # Safety
/// As for `bowstring_listener_open`: `fds` has room for two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_socket_pair(fds: *mut i32, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise: two places.
        let place = unsafe { out(fds.cast::<[i32; 2]>()) }?;
        let (near, far) = socket_pair()?;
        place.set([raw(near), raw(far)]);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Gives a descriptor to the caller.
pub(crate) fn raw(fd: OwnedFd) -> i32 {
    use bowstring_transport::fd::IntoRawFd;
    fd.into_raw_fd()
}
