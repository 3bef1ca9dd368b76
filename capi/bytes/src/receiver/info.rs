//! A channel's peer and delivery, and statistics.
#![allow(unsafe_code)]

use super::{Channel, ENTERED, Receiver};
use crate::error::{BOWSTRING_UNSUPPORTED, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{BOWSTRING_COPIED, BOWSTRING_POOLED, BOWSTRING_SEALED};
use crate::pointer::partly;
use crate::stats::{ReceiverStats, SenderStats};

/// A channel's sender, its delivery and its memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ChannelInfo {
    /// The sender's process; 0 if this process cannot see it.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
    pub delivery: u32,
    /// 0.
    pub reserved: u32,
    /// The greeting of the sender's application. It stays there as long as the receiver does.
    pub greeting: *const u8,
    /// Bytes of that.
    pub greeting_len: usize,
    /// The address at which the sender's pool is mapped; NULL for a sealed channel. For showing that nothing was copied.
    pub pool: *const u8,
    /// Bytes of that.
    pub pool_len: usize,
}

/// Returns what is known of the channel; `size` is `sizeof *info`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_get_info(
    receiver: *mut Handle<Receiver>,
    info: *mut ChannelInfo,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        let (peer, delivery, greeting, pool) = match &entered.channel {
            Channel::Pooled(r) => (r.peer(), BOWSTRING_POOLED, spot(r.greeting()), r.pool_addresses()),
            Channel::Copied(r) => {
                let r = r.try_borrow().map_err(|_| ENTERED)?;
                (r.inner().peer(), BOWSTRING_COPIED, spot(r.inner().greeting()), r.inner().pool_addresses())
            }
            Channel::Sealed(r) => {
                let r = r.try_borrow().map_err(|_| ENTERED)?;
                (r.peer(), BOWSTRING_SEALED, spot(r.greeting()), 0..0)
            }
        };
        let found = ChannelInfo {
            pid: peer.pid,
            uid: peer.uid,
            delivery,
            reserved: 0,
            greeting: greeting.0,
            greeting_len: greeting.1,
            pool: core::ptr::without_provenance(pool.start),
            pool_len: pool.end - pool.start,
        };
        // SAFETY: the caller's promise.
        unsafe { partly(info, size, found) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

fn spot(bytes: &[u8]) -> (*const u8, usize) {
    (bytes.as_ptr(), bytes.len())
}

/// Reads this receiver's statistics; `size` is `sizeof *stats`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_get_stats(
    receiver: *mut Handle<Receiver>,
    stats: *mut ReceiverStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        let found = match &entered.channel {
            Channel::Pooled(receiver) => receiver.stats(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().stats(),
            Channel::Sealed(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.stats(),
        };
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found.into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Reads the sender's statistics; `size` is `sizeof *stats`. `BOWSTRING_UNSUPPORTED` on a sealed channel.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_get_sender_stats(
    receiver: *mut Handle<Receiver>,
    stats: *mut SenderStats,
    size: usize,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        let found = match &entered.channel {
            Channel::Pooled(receiver) => receiver.sender_stats(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().sender_stats(),
            Channel::Sealed(_) => {
                return Err(Failure::Plain(
                    BOWSTRING_UNSUPPORTED,
                    "a sealed channel shows no statistics of its sender",
                ));
            }
        };
        // SAFETY: the caller's promise.
        unsafe { partly(stats, size, found.into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
