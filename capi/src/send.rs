//! Sending tables.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::time::Duration;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::address::Address;
use bowstring_capi_bytes::error::{BOWSTRING_AGAIN, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::listener::descriptor;
use bowstring_capi_bytes::pointer::{array, may, out, partly, text};
use bowstring_capi_bytes::sender::SenderOptions;
use bowstring_capi_bytes::stats::SenderStats;
use bowstring_table::c_data::{CDataError, import_batch, import_schema};
use bowstring_table::transport::{OnSlow, Wait};
use bowstring_table::{Hints, SendError, Sender as Inner};

use crate::build::Columns;
use crate::failure::{TableFailure, ended};

/// Sends the batches of one table.
pub struct TableSender {
    pub(crate) inner: Inner,
}

/// What a sender of tables has counted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TableSenderStats {
    /// Batches, as messages: one that was sent in slices counts as that many.
    pub batches: u64,
    /// Rows of these.
    pub rows: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Dictionaries, and additions to dictionaries.
    pub dictionaries: u64,
    /// Bytes of these.
    pub dictionary_bytes: u64,
    /// Batches that were larger than a message may be and were sent in slices.
    pub split: u64,
    /// Batches not given to a receiver because it was slow, added up over the receivers.
    pub skipped: u64,
    /// What the transport counts.
    pub transport: SenderStats,
}

/// Takes over a struct of the C data interface, whose place is then marked as released.
///
/// # Safety
/// Unless it is null, `at` points to such a struct, or to zeroes.
unsafe fn take_array(at: *mut FFI_ArrowArray) -> Result<FFI_ArrowArray, Failure> {
    // SAFETY: the caller's promise.
    let place = unsafe { may(at) }.ok_or(Failure::argument("the ArrowArray is NULL or not aligned"))?;
    Ok(std::mem::replace(place, FFI_ArrowArray::empty()))
}

/// Makes a sender of batches of this schema, which is that of a struct: its children are the columns. `schema` is the
/// library's from the call on, also if this fails.
///
/// Threads: any; the sender is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_open(
    schema: *mut FFI_ArrowSchema,
    options: *const SenderOptions,
    sender: *mut *mut Handle<TableSender>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let given =
            unsafe { may(schema) }.ok_or(Failure::argument("the ArrowSchema is NULL or not aligned"))?;
        let given = std::mem::replace(given, FFI_ArrowSchema::empty());
        // SAFETY: the caller's promise.
        let place = unsafe { out(sender) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { SenderOptions::read(options) }?;
        // SAFETY: the caller's promise.
        let schema = unsafe { import_schema(&given) }.map_err(TableFailure::Schema)?;
        let policy = options.policy()?;
        // Policies are the table's: it spares dictionaries.
        let mut inner = Inner::new(schema, options.config()?.on_slow(OnSlow::Block))?;
        inner.set_on_slow(policy);
        place.set(Handle::give(TableSender { inner })?);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Listens at `address`. Newcomers are let in while batches are sent, by `bowstring_table_sender_wait`, and by
/// `bowstring_table_sender_serve`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_listen(
    sender: *mut Handle<TableSender>,
    address: *const c_char,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        sender.inner.listen(address.listen()?);
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has. `fd` belongs to the
/// library from now on, also if this fails.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_meet(
    sender: *mut Handle<TableSender>,
    fd: i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(sender) }?.inner.accept_socket(fd)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Waits up to `timeout` nanoseconds until `count` receivers are there; a negative one waits without end.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_wait(
    sender: *mut Handle<TableSender>,
    count: u32,
    timeout: i64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let patience = u64::try_from(timeout).ok().map(Duration::from_nanos);
        sender.inner.wait_for_receivers(count, patience)?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Lets in whoever connects, without waiting. A program that pauses between batches calls it meanwhile. `came` and
/// `connected`, unless NULL, get how many came now and how many are there.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_serve(
    sender: *mut Handle<TableSender>,
    came: *mut u32,
    connected: *mut u32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let newcomers = sender.inner.poll_accept()?;
        // SAFETY: the caller's promise.
        if let Some(came) = unsafe { may(came) } {
            *came = newcomers;
        }
        // SAFETY: the caller's promise.
        if let Some(connected) = unsafe { may(connected) } {
            *connected = sender.inner.receivers();
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Tells receivers that come from now on what the table is called, unless `name` is NULL, and how many rows will come in
/// all, unless `rows` is negative.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_set_hints(
    sender: *mut Handle<TableSender>,
    name: *const c_char,
    rows: i64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let mut hints = Hints { rows: u64::try_from(rows).ok(), ..Hints::default() };
        if !name.is_null() {
            // SAFETY: the caller's promise.
            hints.name = Some(String::from_utf8_lossy(unsafe { text(name) }?).into_owned());
        }
        sender.inner.set_hints(&hints);
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Sets how long sending waits for room, in nanoseconds; negative, as at first, is without end.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_set_timeout(
    sender: *mut Handle<TableSender>,
    timeout: i64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        sender.inner.set_wait(Wait::sleeping(), u64::try_from(timeout).ok().map(Duration::from_nanos));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

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

/// What a stream says of its own failure, if it failed.
fn told(outcome: i32, stream: &mut FFI_ArrowArrayStream) -> Result<(), TableFailure> {
    if outcome == 0 {
        return Ok(());
    }
    let told = match stream.get_last_error() {
        // SAFETY: a function of the stream's, which was not released.
        Some(last) => unsafe { last(stream) },
        None => std::ptr::null(),
    };
    let words = match told.is_null() {
        true => "without a word".into(),
        // SAFETY: a text of the stream's, which stays until its next call.
        false => unsafe { std::ffi::CStr::from_ptr(told) }.to_string_lossy().into_owned(),
    };
    Err(TableFailure::Stream(format!("errno {outcome}: {words}")))
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
        let given =
            unsafe { may(stream) }.ok_or(Failure::argument("the ArrowArrayStream is NULL or not aligned"))?;
        let mut stream = std::mem::replace(given, FFI_ArrowArrayStream::empty());
        // SAFETY: the caller's promise.
        let mut sender = unsafe { Handle::enter(sender) }?;
        let (Some(get_schema), Some(get_next)) = (stream.get_schema(), stream.get_next()) else {
            return Err(TableFailure::Data(CDataError::Released));
        };
        if stream.release().is_none() {
            return Err(TableFailure::Data(CDataError::Released));
        }
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a function of the stream's, which was not released.
        let outcome = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        told(outcome, &mut stream)?;
        // SAFETY: the stream has just made it.
        let schema = unsafe { import_schema(&schema) }.map_err(TableFailure::Schema)?;
        if schema.fields() != sender.inner.schema().fields() {
            let why = CDataError::Arrow("the stream has another schema than the sender".into());
            return Err(TableFailure::Schema(why));
        }
        let mut sent = 0;
        loop {
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: as above.
            let outcome = unsafe { get_next(&raw mut stream, &raw mut array) };
            told(outcome, &mut stream)?;
            if array.is_released() {
                break;
            }
            // SAFETY: the stream has just made it.
            let batch = unsafe { import_batch(array, &schema) }.map_err(TableFailure::Data)?;
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

/// Returns in `how` how the next receiver has ended since this was last asked: `BOWSTRING_CLOSED`, `BOWSTRING_CRASHED`,
/// `BOWSTRING_CUT_OFF` or `BOWSTRING_PROTOCOL`. `BOWSTRING_AGAIN` if none has.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_next_ended(
    sender: *mut Handle<TableSender>,
    how: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(how) }?;
        // SAFETY: the caller's promise.
        let gone = unsafe { Handle::enter(sender) }?.inner.next_departed();
        let (_, end) = gone.ok_or(Failure::Plain(BOWSTRING_AGAIN, "no receiver has ended"))?;
        place.set(ended(end));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Reads the sender's statistics; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_table_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_get_stats(
    sender: *mut Handle<TableSender>,
    stats: *mut TableSenderStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let found = unsafe { Handle::enter(sender) }?.inner.stats();
        let found = TableSenderStats {
            batches: found.batches,
            rows: found.rows,
            bytes: found.bytes,
            dictionaries: found.dictionaries,
            dictionary_bytes: found.dictionary_bytes,
            split: found.split,
            skipped: found.skipped,
            transport: found.transport.into(),
        };
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Closes the table and sets `*sender` to NULL. Receivers get what was sent, and then the end.
///
/// Threads: the one that uses the sender.
///
/// # Safety
/// `sender` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_close(
    sender: *mut *mut Handle<TableSender>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(sender, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Gives the table up before its end and sets `*sender` to NULL. Receivers get what was sent, and then
/// `BOWSTRING_CRASHED`, so that nobody takes a part for the whole.
///
/// Threads: the one that uses the sender.
///
/// # Safety
/// As for `bowstring_table_sender_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_sender_abandon(
    sender: *mut *mut Handle<TableSender>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        if let Some(sender) = unsafe { Handle::close(sender, |_| Ok(())) }? {
            sender.inner.abandon();
        }
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
