//! Sending tables.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::time::Duration;

use arrow_array::ffi::FFI_ArrowSchema;
use bowstring_capi_bytes::address::Address;
use bowstring_capi_bytes::error::{BOWSTRING_AGAIN, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::listener::descriptor;
use bowstring_capi_bytes::pointer::{may, out, partly, text};
use bowstring_capi_bytes::sender::SenderOptions;
use bowstring_capi_bytes::stats::SenderStats;
use bowstring_table::c_data::import_schema;
use bowstring_table::transport::{OnSlow, Wait};
use bowstring_table::{Hints, Sender as Inner};

use crate::failure::{TableFailure, ended};

pub mod batch;
pub mod interrupt;

/// Sends the batches of one table.
pub struct TableSender {
    pub(crate) inner: Inner,
}

/// The counts of a sender of tables.
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
    /// The counts of the channel below.
    pub transport: SenderStats,
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
