//! Receiving messages.
#![allow(unsafe_code)]

use core::cell::{Cell, RefCell};
use core::ffi::c_char;
use core::time::Duration;

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{
    CopyingReceiver, Honest, Incoming, Lease, Opened, PooledReceiver, RecvError, SealedReceiver, Wait,
};

use crate::address::Address;
use crate::error::{BOWSTRING_AGAIN, BOWSTRING_UNSUPPORTED, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{BOWSTRING_COPIED, BOWSTRING_POOLED, BOWSTRING_SEALED, HandshakeOptions, Terms};
use crate::listener::{Listener, descriptor, raw};
use crate::message::{Held, Message};
use crate::pointer::{may, out, partly};
use crate::stats::{ReceiverStats, SenderStats};
use crate::time;

/// The receiving end of a channel.
pub struct Receiver {
    channel: Channel,
    /// Messages that were received and not released or detached.
    out: Cell<u32>,
    wait: Cell<Wait>,
}

enum Channel {
    Pooled(PooledReceiver),
    Copied(RefCell<CopyingReceiver>),
    Sealed(RefCell<SealedReceiver>),
}

/// A cell is only ever borrowed for the length of a call, so this does not happen.
const ENTERED: Failure = Failure::state("the receiver was entered twice");

impl Receiver {
    /// Opens a channel as it was agreed.
    pub(crate) fn open(incoming: Incoming) -> Result<Receiver, Failure> {
        // SAFETY: pooled delivery is agreed to only if the caller asked for it, and with that declared the sender honest.
        let channel = match unsafe { incoming.open() }? {
            Opened::Pooled(receiver) => Channel::Pooled(receiver),
            Opened::Copied(receiver) => Channel::Copied(RefCell::new(receiver)),
            Opened::Sealed(receiver) => Channel::Sealed(RefCell::new(receiver)),
        };
        Ok(Receiver { channel, out: Cell::new(0), wait: Cell::new(Wait::sleeping()) })
    }

    /// A message was released or detached.
    #[inline(always)]
    pub(crate) fn count_returned(&self) {
        self.out.set(self.out.get().saturating_sub(1));
    }

    #[inline(always)]
    fn receive(
        &self,
        handle: *mut Handle<Receiver>,
        timeout: i64,
        into: &mut Message,
    ) -> Result<(), Failure> {
        let wait = time::wait(timeout, self.wait.get());
        let nothing = Failure::Plain(BOWSTRING_AGAIN, "nothing is there now");
        match &self.channel {
            Channel::Pooled(receiver) => {
                let lease = match wait {
                    Some(wait) => receiver.recv_with(wait)?,
                    None => match receiver.try_recv()? {
                        Some(lease) => lease,
                        None => return Err(nothing),
                    },
                };
                let (bytes, meta) = ((lease.as_ptr(), lease.len()), lease.meta());
                // SAFETY: the lease borrows the receiver, which stays where it is and does not close before the message
                // is released or detached: `bowstring_receiver_close` refuses to.
                let lease =
                    unsafe { core::mem::transmute::<Lease<'_, Honest>, Lease<'static, Honest>>(lease) };
                into.fill(bytes, meta, Held::Borrowed(lease, handle));
                self.out.set(self.out.get() + 1);
            }
            Channel::Copied(receiver) => {
                if self.out.get() != 0 {
                    return Err(Failure::state(
                        "the last message was not released: its copy is overwritten by the next",
                    ));
                }
                let mut receiver = receiver.try_borrow_mut().map_err(|_| ENTERED)?;
                let copied = match wait {
                    Some(wait) => receiver.recv_with(wait)?,
                    None => match receiver.try_recv()? {
                        Some(copied) => copied,
                        None => return Err(nothing),
                    },
                };
                into.fill((copied.bytes.as_ptr(), copied.bytes.len()), copied.meta, Held::Copied(handle));
                self.out.set(1);
            }
            Channel::Sealed(receiver) => {
                let mut receiver = receiver.try_borrow_mut().map_err(|_| ENTERED)?;
                let message = match wait {
                    Some(wait) => receiver.recv_with(wait)?,
                    None => match receiver.try_recv()? {
                        Some(message) => message,
                        None => return Err(nothing),
                    },
                };
                into.fill((message.as_ptr(), message.len()), message.meta(), Held::Sealed(message));
            }
        }
        Ok(())
    }

    fn pollable(&self) -> Result<OwnedFd, Failure> {
        Ok(match &self.channel {
            Channel::Pooled(receiver) => receiver.pollable(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().pollable(),
            Channel::Sealed(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.pollable(),
        }?)
    }

    /// Whether the receiver may sleep on its descriptor. That of a sealed channel needs no announcement.
    fn arm(&self) -> Result<bool, Failure> {
        let armed: Result<bool, RecvError> = match &self.channel {
            Channel::Pooled(receiver) => receiver.arm(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().arm(),
            Channel::Sealed(_) => Ok(true),
        };
        // The end is told by receiving, after whatever is left.
        match armed {
            Err(RecvError::Closed | RecvError::CutOff | RecvError::Crashed) => Ok(false),
            other => Ok(other?),
        }
    }

    fn disarm(&self) -> Result<(), Failure> {
        Ok(match &self.channel {
            Channel::Pooled(receiver) => receiver.disarm(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().disarm(),
            Channel::Sealed(_) => Ok(()),
        }?)
    }
}

/// # Safety
/// As for [`out`].
unsafe fn give(
    place: *mut *mut Handle<Receiver>,
    meet: impl FnOnce() -> Result<Incoming, Failure>,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let place = unsafe { out(place) }?;
    place.set(Handle::give(Receiver::open(meet()?)?)?);
    Ok(())
}

/// Connects to the sender that listens at `address`. `BOWSTRING_NOT_FOUND` if nobody does.
///
/// If `options` ask for `BOWSTRING_POOLED`, the caller declares the sender honest: it does not write to a message between
/// sending it and seeing it released. Everything else about the sender is checked.
///
/// Threads: any; the receiver is then used by one thread at a time.
///
/// # Safety
/// Pointers are NULL or point to what their types say; `address` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_connect(
    address: *const c_char,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let address = unsafe { Address::read(address) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect_socket(address.dial()?)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Waits for a sender to connect to `listener`, as long as the handshake's patience lasts.
///
/// Threads: one at a time for each listener.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_accept(
    listener: *mut Handle<Listener>,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let listener = unsafe { Handle::enter(listener) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().accept(&listener.0)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Meets a sender over a connected socket, such as one end of a pair whose other end a child has. The sender calls
/// `bowstring_sender_meet`. `fd` belongs to the library from now on, also if this fails.
///
/// Threads: any.
///
/// # Safety
/// As for `bowstring_receiver_connect`; nothing else uses `fd`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_meet(
    fd: i32,
    options: *const HandshakeOptions,
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let meet = || {
        // SAFETY: the caller's promise.
        let fd = unsafe { descriptor(fd) }?;
        // SAFETY: the caller's promise.
        let terms = unsafe { Terms::read(options) }?;
        Ok(terms.wanted().connect_socket(fd)?)
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { give(receiver, meet) };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Receives the next message. `timeout` is in nanoseconds: 0 returns `BOWSTRING_AGAIN` if nothing is there, a negative one
/// waits without end. `BOWSTRING_CLOSED` and `BOWSTRING_CRASHED` come after everything that was sent.
///
/// `message` is all zero, or was released. Release each message soon: the sender reuses its memory only then.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receive(
    receiver: *mut Handle<Receiver>,
    timeout: i64,
    message: *mut Message,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let message = unsafe { may(message) }.ok_or(Failure::argument("the message is NULL"))?;
        message.vacant()?;
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        entered.receive(receiver, timeout, message)
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sets how this receiver waits: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0, for a
/// thread that owns its processor.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_set_wait(
    receiver: *mut Handle<Receiver>,
    spins: u32,
    never_sleep: i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        entered.wait.set(time::base(spins, never_sleep));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Sets how often `bowstring_receive` with timeout 0 looks whether the sender lives; 50 ms if never called.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_watch_every(
    receiver: *mut Handle<Receiver>,
    nanoseconds: u64,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        let interval = Duration::from_nanos(nanoseconds);
        match &entered.channel {
            Channel::Pooled(receiver) => receiver.watch_every(interval),
            Channel::Copied(receiver) => {
                receiver.try_borrow().map_err(|_| ENTERED)?.inner().watch_every(interval);
            }
            Channel::Sealed(_) => {
                return Err(Failure::Plain(
                    BOWSTRING_UNSUPPORTED,
                    "each look of a sealed channel asks the socket",
                ));
            }
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns in `fd` a new descriptor for `poll` or `epoll`. After `bowstring_receiver_arm` it is readable when a message
/// comes or the sender is gone. It belongs to the caller; make it once.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_pollable(
    receiver: *mut Handle<Receiver>,
    fd: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        place.set(raw(entered.pollable()?));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Announces that the caller will sleep on the pollable descriptor, and returns 1 in `may_sleep`; 0 if it should receive
/// at once, because a message or the end is there. After the sleep call `bowstring_receiver_disarm`.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_arm(
    receiver: *mut Handle<Receiver>,
    may_sleep: *mut i32,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(may_sleep) }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { Handle::enter(receiver) }?;
        place.set(entered.arm()?.into());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Ends the sleep that `bowstring_receiver_arm` announced.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_disarm(
    receiver: *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::enter(receiver) }?.disarm();
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// What is known of a channel.
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
    /// What the sender's application said. It stays there as long as the receiver does.
    pub greeting: *const u8,
    /// Bytes of that.
    pub greeting_len: usize,
    /// Where the sender's pool is mapped; NULL for a sealed channel. For showing that nothing was copied.
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

/// Says good-bye to the sender and sets `*receiver` to NULL. `BOWSTRING_STATE`, and nothing happens, while pooled or
/// copied messages are neither released nor detached.
///
/// Threads: the one that uses the receiver.
///
/// # Safety
/// `receiver` points to a pointer from this library, or to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_receiver_close(
    receiver: *mut *mut Handle<Receiver>,
    error: *mut Error,
) -> i32 {
    let released = |receiver: &mut Receiver| match receiver.out.get() {
        0 => Ok(()),
        _ => Err(Failure::state("messages of this receiver were not released")),
    };
    // SAFETY: the caller's promise.
    let body = || unsafe { Handle::close(receiver, released) }.map(drop);
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
