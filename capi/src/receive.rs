//! Receiving tables.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::SchemaRef;
use bowstring_capi_bytes::address::Address;
use bowstring_capi_bytes::error::{BOWSTRING_AGAIN, BOWSTRING_CLOSED, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::handshake::{HandshakeOptions, Terms};
use bowstring_capi_bytes::listener::descriptor;
use bowstring_capi_bytes::pointer::{out, partly};
use bowstring_capi_bytes::time::{self, BOWSTRING_FOREVER};
use bowstring_query::Choice as Chosen;
use bowstring_table::c_data::{export_batch, export_schema};
use bowstring_table::transport::{Incoming, Wait};
use bowstring_table::{Missed, ReceiveError, Receiver as Inner};

use crate::failure::TableFailure;
use crate::stream::export;

pub mod choose;
pub mod missing;
pub mod waiting;

/// Receives the batches of one table.
pub struct TableReceiver {
    inner: Inner,
    /// The columns and rows that are wanted, if not all are.
    choice: Option<Chosen>,
    /// Sent by the senders before the present one, before this receiver came to them.
    before: Missed,
    /// Changes of the sender before the end of its table.
    interruptions: u64,
    /// True once the present sender has ended its table.
    whole: bool,
}

/// The counts of a receiver of tables, and its sender.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TableReceiverStats {
    /// The sender's process; 0 if this process cannot see it.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
    pub delivery: u32,
    /// 1 if the sender said how many rows will come in all.
    pub has_rows_hint: u32,
    /// That number.
    pub rows_hint: u64,
    /// Batches received.
    pub batches: u64,
    /// Rows of these.
    pub rows: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Bytes of batches that were copied out of the sender's memory before they were looked at.
    pub bytes_copied: u64,
    /// Dictionaries, and additions to dictionaries.
    pub dictionaries: u64,
    /// Buffers that lay in the memory shared with the sender.
    pub buffers_shared: u64,
    /// Buffers that lay anywhere else: copies.
    pub buffers_copied: u64,
    /// Batches that the sender did not give to this receiver because it was slow.
    pub missed: u64,
    /// Times it went to sleep, each a system call.
    pub sleeps: u64,
}

impl TableReceiver {
    /// The schema of what is wanted.
    fn schema(&self) -> &SchemaRef {
        self.choice.as_ref().map_or(self.inner.schema(), Chosen::schema)
    }

    /// The next batch, whole.
    fn next(&mut self, wait: Wait) -> Result<Option<RecordBatch>, TableFailure> {
        match self.inner.next_batch_with(wait)? {
            Some(batch) => Ok(Some(batch.into_record_batch()?)),
            None => {
                self.whole = true;
                Ok(None)
            }
        }
    }

    /// The next batch of which anything is wanted. `timeout` is the caller's, which `wait` is made of.
    fn next_chosen(&mut self, mut wait: Wait, timeout: i64) -> Result<Option<RecordBatch>, TableFailure> {
        let began = Instant::now();
        loop {
            if self.choice.as_ref().is_some_and(Chosen::is_satisfied) {
                return Ok(None);
            }
            let Some(batch) = self.next(wait)? else { return Ok(None) };
            let Some(choice) = &mut self.choice else { return Ok(Some(batch)) };
            let chosen = choice.of(&batch)?.into_owned();
            if chosen.num_rows() > 0 {
                return Ok(Some(chosen));
            }
            // What is there already is looked at without end, what is waited for is not.
            if let Ok(nanos @ 1..) = u64::try_from(timeout) {
                let left = Duration::from_nanos(nanos).checked_sub(began.elapsed());
                wait = wait.at_most(left.ok_or(ReceiveError::TimedOut)?);
            }
        }
    }
}

/// # Safety
/// As for [`out`].
unsafe fn give(
    place: *mut *mut Handle<TableReceiver>,
    meet: impl FnOnce() -> Result<Incoming, TableFailure>,
) -> Result<(), TableFailure> {
    // SAFETY: the caller's promise.
    let place = unsafe { out(place) }?;
    let incoming = meet()?;
    // SAFETY: pooled delivery is agreed to only if the caller asked for it, and with that declared the sender honest.
    let opened = unsafe { incoming.open() }.map_err(Failure::Os)?;
    let (inner, before) = (Inner::from_opened(opened)?, Missed::default());
    place.set(Handle::give(TableReceiver { inner, choice: None, before, interruptions: 0, whole: false })?);
    Ok(())
}

/// Connects to the sender of a table that listens at `address`. `BOWSTRING_NOT_FOUND` if nobody does.
///
/// If `options` ask for `BOWSTRING_POOLED`, the caller declares the sender honest: it does not write to a batch between
/// sending it and seeing it released. Everything else about the sender is checked, and every value that others rely on.
///
/// Threads: any; the receiver is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_connect(
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<TableReceiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect(address.dial()?).map_err(Failure::Meet)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Meets the sender of a table over a connected socket, such as one end of a pair whose other end a child has. `fd` belongs
/// to the library from now on, also if this fails.
///
/// Threads: any.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_meet(
    fd: i32,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<TableReceiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect(fd).map_err(Failure::Meet)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Returns the table's schema, or that of the columns that were chosen, as that of a struct. The caller releases it.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_schema(
    receiver: *mut Handle<TableReceiver>,
    schema: *mut FFI_ArrowSchema,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(schema) }?;
        // SAFETY: the caller's promise.
        let receiver = unsafe { Handle::enter(receiver) }?;
        place.set(export_schema(receiver.schema()).map_err(TableFailure::Schema)?);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Receives the next batch, as a struct array whose buffers are the memory it came in. `timeout` is in nanoseconds: 0
/// returns `BOWSTRING_AGAIN` if nothing is there, a negative one waits without end. `BOWSTRING_CLOSED` is the table's end.
///
/// After `bowstring_table_receiver_choose` only what was chosen comes: batches without wanted rows are passed over, and
/// the end comes once there are as many rows as were wanted.
///
/// The caller releases the batch, on any thread, before or after the receiver is closed. Until then it is taken out of the
/// sender's pool: release batches soon, or copy what is to be kept.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_next(
    receiver: *mut Handle<TableReceiver>,
    timeout: i64,
    batch: *mut FFI_ArrowArray,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(batch) }?;
        // SAFETY: the caller's promise.
        let mut receiver = unsafe { Handle::enter(receiver) }?;
        let wait = time::wait(timeout, Wait::sleeping());
        let at_once = Wait::sleeping().spins(0).at_most(Duration::ZERO);
        let next = match receiver.choice {
            None => receiver.next(wait.unwrap_or(at_once)),
            Some(_) => receiver.next_chosen(wait.unwrap_or(at_once), timeout),
        };
        match next {
            Ok(Some(next)) => place.set(export_batch(next)),
            Ok(None) => return Err(Failure::Plain(BOWSTRING_CLOSED, "the table has ended").into()),
            Err(TableFailure::Receive(ReceiveError::TimedOut)) if wait.is_none() => {
                return Err(Failure::Plain(BOWSTRING_AGAIN, "nothing is there now").into());
            }
            Err(failure) => return Err(failure),
        }
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Makes a stream of a receiver, which waits for each batch without end, and sets `*receiver` to NULL. The caller releases
/// the stream; batches may outlive it.
///
/// The stream of one that joined late ends like any other: ask `bowstring_table_receiver_get_missing` before.
///
/// Threads: any; the stream is then used by one thread at a time.
///
/// # Safety
/// `receiver` points to a pointer from this library, or to NULL; `stream` is NULL or points to what its type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_into_stream(
    receiver: *mut *mut Handle<TableReceiver>,
    stream: *mut FFI_ArrowArrayStream,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(stream) }?;
        // SAFETY: the caller's promise.
        let receiver = unsafe { Handle::close(receiver, |_| Ok(())) }?;
        let mut receiver = receiver.ok_or(Failure::argument("the receiver is NULL"))?;
        let schema = receiver.schema().clone();
        let mut next = move || receiver.next_chosen(Wait::sleeping(), BOWSTRING_FOREVER).transpose();
        place.set(export(schema, move || next().map(|batch| batch.map_err(|error| error.to_string()))));
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Reads the receiver's statistics, and what it knows of its sender; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_get_stats(
    receiver: *mut Handle<TableReceiver>,
    stats: *mut TableReceiverStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let receiver = unsafe { Handle::enter(receiver) }?;
        let (found, peer) = (receiver.inner.stats(), receiver.inner.peer());
        let rows = receiver.inner.hints().rows;
        let found = TableReceiverStats {
            pid: peer.pid,
            uid: peer.uid,
            delivery: receiver.inner.delivery() as u32,
            has_rows_hint: rows.is_some().into(),
            rows_hint: rows.unwrap_or(0),
            batches: found.batches,
            rows: found.rows,
            bytes: found.bytes,
            bytes_copied: found.bytes_copied,
            dictionaries: found.dictionaries,
            buffers_shared: found.buffer_stats.inside,
            buffers_copied: found.buffer_stats.outside,
            missed: found.transport.missed,
            sleeps: found.transport.sleeps,
        };
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Says good-bye to the sender and sets `*receiver` to NULL. Batches that were received stay until they are released.
///
/// Threads: the one that uses the receiver.
///
/// # Safety
/// `receiver` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_close(
    receiver: *mut *mut Handle<TableReceiver>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(receiver, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
