//! The part of a table that a receiver lacks, and going on with another sender.
#![allow(unsafe_code)]

use bowstring_capi_bytes::error::{Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::partly;
use bowstring_table::{Missed, SetUpError};

use super::TableReceiver;
use crate::failure::TableFailure;

/// The parts of a table that a receiver was not given. All zero once the table has ended: it is whole.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Missing {
    /// Batches sent before the receiver came, and not kept for it. A sender in another language may not say so.
    pub batches_before: u64,
    /// Rows of these.
    pub rows_before: u64,
    /// Batches that the sender left out because this receiver was slow.
    pub batches_skipped: u64,
    /// Times at which the receiver went on with another sender although the one before had not ended its table.
    pub interruptions: u64,
}

impl TableReceiver {
    /// Returns the count of what this receiver was not given, of all its senders.
    fn missing(&self) -> Missing {
        let before = sum(self.before, self.inner.missed_before());
        Missing {
            batches_before: before.batches,
            rows_before: before.rows,
            batches_skipped: self.inner.stats().transport.missed,
            interruptions: self.interruptions,
        }
    }

    /// Goes on with the channel of another receiver.
    fn go_on(&mut self, next: TableReceiver) -> Result<(), TableFailure> {
        let before = self.inner.missed_before();
        self.inner.continue_with(next.inner).map_err(SetUpError::Schema)?;
        self.before = sum(self.before, before);
        self.interruptions += u64::from(!self.whole);
        self.whole = false;
        Ok(())
    }
}

/// Both are senders' words.
fn sum(a: Missed, b: Missed) -> Missed {
    Missed { batches: a.batches.saturating_add(b.batches), rows: a.rows.saturating_add(b.rows) }
}

/// Returns what the receiver was not given; `size` is `sizeof *missing`. Ask after the table's end before you take what
/// came for the whole table: one that joined late gets `BOWSTRING_CLOSED` too.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_get_missing(
    receiver: *mut Handle<TableReceiver>,
    missing: *mut Missing,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let found = unsafe { Handle::enter(receiver) }?.missing();
        // SAFETY: the caller's promise.
        unsafe { partly(missing, size, found) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Goes on with the channel of another receiver, such as one that connected again after `BOWSTRING_CRASHED`, and sets
/// `*next` to NULL, also if this fails. Counts and the choice stay those of `receiver`; batches of the old channel stay
/// valid. `BOWSTRING_SCHEMA`, and `receiver` is as it was, if the schemas differ in more than metadata.
///
/// Nobody knows how two senders' rows relate. The old one's were received up to where it ended; the new one may repeat or
/// leave out some of them: see `bowstring_table_receiver_get_missing`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`; `next` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_continue(
    receiver: *mut Handle<TableReceiver>,
    next: *mut *mut Handle<TableReceiver>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut receiver = unsafe { Handle::enter(receiver) }?;
        // SAFETY: the caller's promise.
        let next = unsafe { Handle::close(next, |_| Ok(())) }?;
        receiver.go_on(next.ok_or(Failure::argument("the receiver to go on with is NULL"))?)
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
