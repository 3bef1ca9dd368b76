//! Named tables: a connection to a store, and what is asked of it.
#![allow(unsafe_code)]

use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use bowstring_capi_bytes::error::{BOWSTRING_ADDRESS, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{out, text};
use bowstring_store::Client;
use bowstring_table::transport::names;

use crate::failure::TableFailure;

pub mod follow;
pub mod get;
pub mod list;
pub mod pairs;
pub mod put;

/// A connection to a store.
pub struct Store {
    client: Client,
}

/// A name of the caller's.
///
/// # Safety
/// As for [`text`].
unsafe fn name<'a>(at: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { text(at) }?;
    str::from_utf8(bytes).map_err(|_| Failure::Plain(BOWSTRING_ADDRESS, "a table's name is not UTF-8"))
}

/// Connects to the store at `address`: a path, or `@name` in the abstract namespace; NULL means the user's own store.
/// `BOWSTRING_NOT_FOUND` if none runs there. It must belong to the same user or to root.
///
/// Threads: any; the connection is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_connect(
    address: *const c_char,
    store: *mut *mut Handle<Store>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(store) }?;
        let path = if address.is_null() {
            names::store_socket()
        } else {
            // SAFETY: the caller's promise.
            PathBuf::from(OsStr::from_bytes(unsafe { text(address) }?))
        };
        place.set(Handle::give(Store { client: Client::connect(&path)? })?);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sets how long the store may take to answer, in nanoseconds; 30 seconds if never called.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_set_timeout(
    store: *mut Handle<Store>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(store) }?.client.set_patience(Duration::from_nanos(nanoseconds));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Takes a table away, if its version is `expected` or that is 0. Whoever has opened it keeps it.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_remove(
    store: *mut Handle<Store>,
    name: *const c_char,
    expected: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        store.client.remove(unsafe { self::name(name) }?, expected)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Gives a table another name, which must be free. Followers go on.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` and `to` end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_rename(
    store: *mut Handle<Store>,
    name: *const c_char,
    to: *const c_char,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { self::name(name) }?;
        // SAFETY: the caller's promise.
        store.client.rename(name, unsafe { self::name(to) }?)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Hangs up and sets `*store` to NULL. What was got stays.
///
/// Threads: the one that uses the connection.
///
/// # Safety
/// `store` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_close(store: *mut *mut Handle<Store>, error: *mut Error) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(store, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
