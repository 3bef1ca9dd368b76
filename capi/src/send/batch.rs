//! Sending batches, one by one, as a stream, or computed in place.
#![allow(unsafe_code)]

use std::ffi::c_void;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{array, may};
use bowstring_table::SendError;
use bowstring_table::c_data::{CDataError, import_batch};

use super::TableSender;
use crate::build::Columns;
use crate::failure::TableFailure;
use crate::stream::{Given, take_array};

/// Sends a batch: a struct array of the sender's schema, copied once into the slots where receivers read it. Before that
/// it is checked against the schema, and its values as those of a message are. `batch` is the library's from the call on,
/// also if this fails.
///
/// Threads: one at a time for each sender. The batch may be released on any thread, during this call or, if it has
/// dictionaries, later.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_send(
    sender: *mut Handle<TableSender>,
    batch: *mut FFI_ArrowArray,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let batch = unsafe { take_array(batch) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        // SAFETY: the caller's promise.
        let batch = unsafe { import_batch(batch, sender.inner.schema()) }.map_err(TableFailure::Data)?;
        sender.inner.send(&batch)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sends all batches of a stream, which must have the sender's schema. `stream` is the library's from the call on, also if
/// this fails. `batches`, unless NULL, gets how many were sent.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_send_stream(
    sender: *mut Handle<TableSender>,
    stream: *mut FFI_ArrowArrayStream,
    batches: *mut u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut given = unsafe { Given::take(stream) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        if given.schema().fields() != sender.inner.schema().fields() {
            let why = CDataError::Arrow("the stream has another schema than the sender".into());
            return Err(TableFailure::Schema(why));
        }
        let mut sent = 0;
        while let Some(batch) = given.next()? {
            sender.inner.send(&batch)?;
            sent += 1;
        }
        // SAFETY: the caller's promise.
        if let Some(batches) = unsafe { may(batches) } {
            *batches = sent;
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Goes on with what `BOWSTRING_UNFINISHED` left behind, and waits for it as sending does.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_resume(
    sender: *mut Handle<TableSender>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(sender) }?.inner.resume()?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sends a batch whose columns are computed where receivers will read them. There is room for `rows` rows; for each
/// field of variable size, parents before their children, `capacities` says how much room it has: bytes of text or binary,
/// rows below a list, runs. `build` is called once, during this call. It fills the columns by `bowstring_column_…`, stores
/// the number of rows in `rows`, and returns 0; anything else sends nothing, and `BOWSTRING_INTERRUPTED` is returned.
///
/// `build` must return: no `longjmp`, no C++ exception. It must not use `sender`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`; `capacities` points to `capacities_len` numbers. What the columns point to is not
/// used after `build` has returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_build(
    sender: *mut Handle<TableSender>,
    rows: usize,
    capacities: *const usize,
    capacities_len: usize,
    build: Option<unsafe extern "C" fn(context: *mut c_void, columns: *mut Columns, rows: *mut usize) -> i32>,
    context: *mut c_void,
    error: *mut Error,
) -> i32 {
    let body = || {
        let build = build.ok_or(Failure::argument("the function that builds is NULL"))?;
        // SAFETY: the caller's promise.
        let capacities = unsafe { array(capacities, capacities_len) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let mut rooms = capacities.iter();
        let mut missing = false;
        let shape = sender.inner.shape(rows, |_| {
            rooms.next().copied().unwrap_or_else(|| {
                missing = true;
                0
            })
        });
        if missing || rooms.next().is_some() {
            let why = "as many capacities are needed as the schema has fields of variable size";
            return Err(Failure::argument(why).into());
        }
        let shape = shape.map_err(SendError::Build)?;
        let mut stopped = false;
        let sent = sender.inner.build(&shape, |fields| {
            let mut columns = Columns::new(fields);
            let mut rows = 0;
            // SAFETY: a function of the caller's, with its own context; what it is handed lives until it returns.
            let verdict = unsafe { build(context, &raw mut columns, &raw mut rows) };
            stopped = verdict != 0;
            if stopped {
                return Err(columns.stopped());
            }
            columns.finish(rows)?;
            Ok(rows)
        });
        match sent {
            Err(_) if stopped => Err(TableFailure::Send(SendError::Interrupted)),
            other => Ok(other?),
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
