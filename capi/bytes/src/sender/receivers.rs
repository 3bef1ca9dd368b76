//! Receivers that are connected or have gone, and statistics.
#![allow(unsafe_code)]

use bowstring_transport::{ReceiverId, Sender as Inner};

use super::join::number;
use super::options::policy;
use super::{Sender, idle};
use crate::error::{BOWSTRING_AGAIN, BOWSTRING_ARGUMENT, Error, Failure, end_code};
use crate::guard::guard;
use crate::handle::Handle;
use crate::pointer::{out, partly};
use crate::stats::{SenderStats, SubscriberStats};

/// The receiver that a number of C's stands for.
fn receiver_of(sender: &Inner, number: u64) -> Result<ReceiverId, Failure> {
    let gone = Failure::Plain(BOWSTRING_ARGUMENT, "no receiver of that number is connected");
    sender.subscribers().find(|id| id.to_bits() == number).ok_or(gone)
}

/// Gives one receiver a policy of its own.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_set_on_slow(
    sender: *mut Handle<Sender>,
    receiver: u64,
    on_slow: u32,
    quota: u32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        let receiver = receiver_of(&sender.inner, receiver)?;
        sender.inner.set_on_slow(receiver, policy(on_slow, quota)?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns the next receiver that has ended since this was last asked: its number, and how it ended (`BOWSTRING_CLOSED`,
/// `BOWSTRING_CRASHED`, `BOWSTRING_CUT_OFF` or `BOWSTRING_PROTOCOL`). `BOWSTRING_AGAIN` if none has. Looks at the receivers'
/// processes first.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_next_ended(
    sender: *mut Handle<Sender>,
    receiver: *mut u64,
    how: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(how) }?;
        // SAFETY: the caller's promise.
        let mut sender = unsafe { idle(sender) }?;
        sender.inner.reap()?;
        let ended = sender.inner.next_ended();
        let (id, end) = ended.ok_or(Failure::Plain(BOWSTRING_AGAIN, "no receiver has ended"))?;
        // SAFETY: the caller's promise.
        unsafe { number(receiver, id) };
        place.set(end_code(end));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the sender's statistics; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_get_stats(
    sender: *mut Handle<Sender>,
    stats: *mut SenderStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, sender.inner.stats().into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the statistics of one receiver; `size` is `sizeof *stats`. `BOWSTRING_ARGUMENT` once it has gone.
///
/// Threads: one at a time for each sender.
///
/// # Safety
/// As for `bowstring_sender_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_sender_get_subscriber(
    sender: *mut Handle<Sender>,
    receiver: u64,
    stats: *mut SubscriberStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let sender = unsafe { idle(sender) }?;
        let receiver = receiver_of(&sender.inner, receiver)?;
        let gone = Failure::argument("the receiver has gone");
        let found = sender.inner.subscriber_stats(receiver).ok_or(gone)?;
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found.into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
