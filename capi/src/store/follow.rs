//! Following a table: what is there, then what comes.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use bowstring_capi_bytes::error::{BOWSTRING_AGAIN, BOWSTRING_CLOSED, BOWSTRING_TIMED_OUT, Error, Failure};
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;
use bowstring_capi_bytes::pointer::{out, partly};
use bowstring_store::{Event, Follower as Inner, Position, Table};

use super::get::{TableInfo, stream_of};
use super::{Store, name};
use crate::choice::{Asked, Choice};
use crate::failure::TableFailure;

/// Rows came behind those before.
pub const BOWSTRING_EVENT_ROWS: u32 = 1;
/// The table was replaced: the rows are all of the new one.
pub const BOWSTRING_EVENT_REPLACED: u32 = 2;

/// A connection that follows a table.
pub struct Follower {
    inner: Inner,
    /// The columns and rows that are wanted, if not all are.
    asked: Option<Asked>,
    /// An event that could not be handed on, such as rows that the choice does not fit: it comes again.
    pending: Option<(u32, Table)>,
}

impl Follower {
    /// Waits for the next event, unless one is left over.
    fn event(&mut self, timeout: i64) -> Result<(u32, Table), TableFailure> {
        if let Some(left) = self.pending.take() {
            return Ok(left);
        }
        let patience = u64::try_from(timeout).ok().map(Duration::from_nanos);
        let failure = match self.inner.next_event(patience)? {
            Some(Event::Rows(table)) => return Ok((BOWSTRING_EVENT_ROWS, table)),
            Some(Event::Replaced(table)) => return Ok((BOWSTRING_EVENT_REPLACED, table)),
            Some(Event::Removed) => Failure::Plain(BOWSTRING_CLOSED, "the table was removed"),
            None if timeout == 0 => Failure::Plain(BOWSTRING_AGAIN, "no rows have come"),
            None => Failure::Plain(BOWSTRING_TIMED_OUT, "no rows came in time"),
        };
        Err(failure.into())
    }
}

/// Follows a table: what is there now, and then whatever comes, without a gap and without a repetition. With `base` and
/// `row` of a table that was got before (its `base` and `end_row`), only what comes behind that; `base` is 0 for all of it.
/// The connection becomes the follower: `*store` is set to NULL, also if this fails, unless it is in use.
///
/// Threads: the one that uses the connection; the follower is then used by one thread at a time.
///
/// # Safety
/// `store` points to a pointer from this library; other pointers are NULL or point to what their types say; `table` ends
/// with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_store_follow(
    store: *mut *mut Handle<Store>,
    table: *const c_char,
    base: u64,
    row: u64,
    follower: *mut *mut Handle<Follower>,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(follower) }?;
        // SAFETY: the caller's promise.
        let table = unsafe { name(table) }?;
        // SAFETY: the caller's promise.
        let store = unsafe { Handle::close(store, |_| Ok(())) }?;
        let store = store.ok_or(Failure::argument("the connection to the store is NULL"))?;
        let since = (base != 0).then_some(Position { base, row });
        let inner = store.client.follow(table, since)?;
        place.set(Handle::give(Follower { inner, asked: None, pending: None })?);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Waits up to `timeout` nanoseconds for the next rows, and returns them as a stream: 0 returns `BOWSTRING_AGAIN` if none
/// have come, a negative one waits without end. `event` gets `BOWSTRING_EVENT_ROWS` or `BOWSTRING_EVENT_REPLACED`; `info`,
/// unless NULL, what is known of the version, and `info_size` is `sizeof *info`. `BOWSTRING_CLOSED` once the table was
/// removed, `BOWSTRING_NOT_FOUND` if there is none. The caller releases the stream.
///
/// After `bowstring_follower_choose` the stream has only what was chosen, which may be no row at all. `BOWSTRING_CHOICE`
/// if the choice does not fit the table, such as one of other columns that took its place: nothing is lost, and the same
/// rows come again once another choice was made.
///
/// Threads: one at a time for each follower.
///
/// # Safety
/// Pointers are NULL or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_follower_next(
    follower: *mut Handle<Follower>,
    timeout: i64,
    event: *mut u32,
    stream: *mut FFI_ArrowArrayStream,
    info: *mut TableInfo,
    info_size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let kind = unsafe { out(event) }?;
        // SAFETY: the caller's promise.
        let place = unsafe { out(stream) }?;
        // SAFETY: the caller's promise.
        let mut follower = unsafe { Handle::enter(follower) }?;
        let (what, table) = follower.event(timeout)?;
        let opened = match stream_of(&table, follower.asked.as_ref()) {
            Ok(opened) => opened,
            Err(failure) => {
                follower.pending = Some((what, table));
                return Err(failure);
            }
        };
        if !info.is_null() {
            // SAFETY: the caller's promise; it is not null, which alone this refuses.
            unsafe { partly(info, info_size, TableInfo::from(&table)) }?;
        }
        kind.set(what);
        place.set(opened);
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Chooses the columns and rows of what comes from now on. NULL in place of the choice wants everything again. The limit is
/// that of each stream. Columns that are not needed are neither read nor checked.
///
/// The choice is fitted to each table when its rows come: see `bowstring_follower_next`.
///
/// Threads: one at a time for each follower.
///
/// # Safety
/// As for `bowstring_follower_next`; `choice` is NULL or as its type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_follower_choose(
    follower: *mut Handle<Follower>,
    choice: *const Choice,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let asked = unsafe { Asked::read(choice) }?;
        // SAFETY: the caller's promise.
        unsafe { Handle::enter(follower) }?.asked = asked;
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Returns the connection's descriptor in `fd`, for `poll` or `epoll`: it is readable when something has come. It stays the
/// follower's.
///
/// Threads: one at a time for each follower.
///
/// # Safety
/// As for `bowstring_follower_next`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_follower_fd(
    follower: *mut Handle<Follower>,
    fd: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        let follower = unsafe { Handle::enter(follower) }?;
        place.set(follower.inner.client().as_fd().as_raw_fd());
        Ok::<(), Failure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}

/// Hangs up and sets `*follower` to NULL. What was got stays.
///
/// Threads: the one that uses the follower.
///
/// # Safety
/// `follower` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_follower_close(
    follower: *mut *mut Handle<Follower>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(follower, |_| Ok(())) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
