//! Keys and values that are kept with a table.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};

use bowstring_capi_bytes::error::Failure;
use bowstring_capi_bytes::pointer::{array, utf8};
use bowstring_store::Metadata;

use super::list::words;

/// A key and its value: UTF-8, each of which ends with a zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair {
    /// The key.
    pub key: *const c_char,
    /// The value.
    pub value: *const c_char,
}

/// Reads pairs of the caller's.
///
/// # Safety
/// Unless it is null, `at` points to `len` pairs as the header describes them.
pub(super) unsafe fn read(at: *const Pair, len: usize) -> Result<Metadata, Failure> {
    // SAFETY: the caller's promise.
    let pairs = unsafe { array(at, len) }?;
    let read = |pair: &Pair| {
        // SAFETY: the caller's promise.
        let key = unsafe { utf8(pair.key) }?;
        // SAFETY: the caller's promise.
        let value = unsafe { utf8(pair.value) }?;
        Ok((key.to_owned(), value.to_owned()))
    };
    pairs.iter().map(read).collect()
}

/// Calls a function of the caller's for each pair, until it returns anything but 0.
///
/// # Safety
/// `each` can be called with `context`.
pub(super) unsafe fn tell(
    metadata: &Metadata,
    each: unsafe extern "C" fn(context: *mut c_void, pair: *const Pair) -> i32,
    context: *mut c_void,
) {
    for (key, value) in metadata {
        let (key, value) = (words(key), words(value));
        let pair = Pair { key: key.as_ptr(), value: value.as_ptr() };
        // SAFETY: the caller's promise; the pair outlives the call.
        if unsafe { each(context, &raw const pair) } != 0 {
            break;
        }
    }
}
