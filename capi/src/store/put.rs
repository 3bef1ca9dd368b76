//! Putting tables.
#![allow(unsafe_code)]

use std::ffi::c_char;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{self, may};
use bowstring_store::{Mode, Put, SegmentWriter, StoreError};

use super::Store;
use super::pairs::{self, Pair};
use crate::failure::TableFailure;
use crate::stream::Given;

/// A table of that name is replaced.
pub const BOWSTRING_PUT_REPLACE: u32 = 0;
/// There must be no table of that name.
pub const BOWSTRING_PUT_CREATE: u32 = 1;
/// The rows are added to the table, which must have the same schema.
pub const BOWSTRING_PUT_APPEND: u32 = 2;

/// Options for putting a table. Zero in a field means its default; NULL in place of the struct means all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PutOptions {
    /// `sizeof(bowstring_put_options)`.
    pub size: usize,
    /// `BOWSTRING_PUT_…`.
    pub mode: u32,
    /// 0.
    pub reserved: u32,
    /// The version that must be there; 0 means any.
    pub expected: u64,
    /// Keys and values to keep with the table, 16 KiB of them at most; NULL for none. They take the place of those of a
    /// table that is replaced. When rows are added they change those that are there: an empty value removes its key.
    pub metadata: *const Pair,
    /// Their number.
    pub metadata_len: usize,
}

/// Puts all batches of a stream under `name`, at once or not at all: readers see the version before or this one. They are
/// copied once, into memory that nobody can change. `stream` is the library's from the call on, also if this fails.
/// `version`, unless NULL, gets the table's version.
///
/// `BOWSTRING_CONFLICT` if another version is there than was expected, or a table that must not be.
///
/// Threads: one at a time for each connection.
///
/// # Safety
/// As for `bowstring_store_connect`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_put(
    store: *mut Handle<Store>,
    name: *const c_char,
    stream: *mut FFI_ArrowArrayStream,
    options: *const PutOptions,
    version: *mut u64,
    error: *mut Error,
) -> i32 {
    const DEFAULT: PutOptions = PutOptions {
        size: size_of::<PutOptions>(),
        mode: BOWSTRING_PUT_REPLACE,
        reserved: 0,
        expected: 0,
        metadata: std::ptr::null(),
        metadata_len: 0,
    };
    let body = || {
        // SAFETY: the caller's promise.
        let mut given = unsafe { Given::take(stream) }?;
        // SAFETY: the caller's promise.
        let mut store = unsafe { Handle::enter(store) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { super::name(name) }?;
        // SAFETY: the caller's promise; the struct begins with its size, and its pointers are checked before use.
        let options = unsafe { pointer::options(options, DEFAULT) }?;
        let mode = match options.mode {
            BOWSTRING_PUT_REPLACE => Mode::Put,
            BOWSTRING_PUT_CREATE => Mode::Create,
            BOWSTRING_PUT_APPEND => Mode::Append,
            _ => return Err(Failure::argument("mode is one of BOWSTRING_PUT_…").into()),
        };
        // SAFETY: the caller's promise.
        let metadata = unsafe { pairs::read(options.metadata, options.metadata_len) }?;
        let mut segments = SegmentWriter::new(given.schema().clone()).map_err(StoreError::Make)?;
        while let Some(batch) = given.next()? {
            segments.write(&batch).map_err(StoreError::Make)?;
        }
        let segments = segments.finish().map_err(StoreError::Make)?;
        let put = Put { mode, expected: options.expected, metadata };
        let done = store.client.put_segments(name, &segments, &put)?;
        // SAFETY: the caller's promise.
        if let Some(version) = unsafe { may(version) } {
            *version = done.version;
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
