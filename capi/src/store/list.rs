//! The tables that a store has.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_void};

use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;

use super::Store;
use crate::failure::TableFailure;

/// A table that a store has.
#[repr(C)]
pub struct StoreEntry {
    /// Its name.
    pub name: *const c_char,
    /// The source of its rows; empty if a program put them.
    pub source: *const c_char,
    /// The error of the source when it was read last; empty if there was none.
    pub trouble: *const c_char,
    /// Its version.
    pub version: u64,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its segments.
    pub bytes: u64,
    /// The time at which the version was made, in nanoseconds since 1970.
    pub made: u64,
    /// The number of requests for it.
    pub requests: u64,
    /// Its columns.
    pub columns: u32,
    /// Connections that follow it.
    pub followers: u32,
}

/// Calls `each` for each table of the store, until it returns anything but 0. What it is handed is good until it
/// returns. It must return: no `longjmp`, no C++ exception. It must not use `store`.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `each` can be called with `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_list(
    store: *mut Handle<Store>,
    each: Option<unsafe extern "C" fn(context: *mut c_void, entry: *const StoreEntry) -> i32>,
    context: *mut c_void,
    error: *mut Error,
) -> i32 {
    let body = || {
        let each = each.ok_or(Failure::argument("the function to call for each table is NULL"))?;
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        for found in store.client.list()? {
            let [name, source, trouble] =
                [&found.name, &found.source, &found.trouble].map(|text| words(text));
            let entry = StoreEntry {
                name: name.as_ptr(),
                source: source.as_ptr(),
                trouble: trouble.as_ptr(),
                version: found.version,
                rows: found.rows,
                bytes: found.bytes,
                made: found.made,
                requests: found.requests,
                columns: found.columns,
                followers: found.followers,
            };
            // SAFETY: a function of the caller's, with its own context; the entry outlives the call.
            if unsafe { each(context, &raw const entry) } != 0 {
                break;
            }
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Text as C has it. What the store sent may contain zeroes.
pub(super) fn words(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}
