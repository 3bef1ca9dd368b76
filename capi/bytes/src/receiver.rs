//! Receiving messages.
#![allow(unsafe_code)]

use core::cell::{Cell, RefCell};

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{
    Claim, CopyingReceiver, Honest, Incoming, Lease, Opened, PooledReceiver, RecvError, SealedReceiver, Wait,
};

use crate::error::{BOWSTRING_AGAIN, BOWSTRING_OK, Error, Failure};
use crate::guard::{failed, guard};
use crate::handle::Handle;
use crate::message::{Held, Message};
use crate::pointer::may;
use crate::time;

pub mod info;
pub mod join;
pub mod waiting;

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

    /// Puts a message in the sender's slots into C's struct.
    #[inline(always)]
    fn fill_from_slots(
        &self,
        handle: *mut Handle<Receiver>,
        lease: Lease<'_, Honest>,
        into: &mut Message,
    ) -> i32 {
        let (bytes, meta) = ((lease.as_ptr(), lease.len()), lease.meta());
        // SAFETY: the claim borrows the receiver, which stays where it is and does not close before the message is
        // released or detached: `bowstring_receiver_close` refuses to.
        let claim = unsafe { core::mem::transmute::<Claim<'_>, Claim<'static>>(lease.into_claim()) };
        into.fill(bytes, meta, Held::Borrowed(claim, handle));
        self.out.set(self.out.get() + 1);
        BOWSTRING_OK
    }

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
                    None => receiver.try_recv()?.ok_or(nothing)?,
                };
                self.fill_from_slots(handle, lease, into);
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

    /// Returns true if the receiver may sleep on its descriptor. That of a sealed channel needs no announcement.
    fn arm(&self) -> Result<bool, Failure> {
        let armed: Result<bool, RecvError> = match &self.channel {
            Channel::Pooled(receiver) => receiver.arm(),
            Channel::Copied(receiver) => receiver.try_borrow().map_err(|_| ENTERED)?.inner().arm(),
            Channel::Sealed(_) => Ok(true),
        };
        // Receiving reports the end, after what is left.
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
    // SAFETY: the caller's promise.
    if let Some(into) = unsafe { may(message) }
        && into.vacant().is_ok()
        // SAFETY: the caller's promise.
        && let Ok(entered) = unsafe { Handle::enter(receiver) }
        && let Channel::Pooled(pooled) = &entered.channel
        && let Some(lease) = pooled.recv_at_once()
    {
        return entered.fill_from_slots(receiver, lease, into);
    }
    // SAFETY: the caller's promise.
    unsafe { receive_later(receiver, timeout, message, error) }
}

/// Waits for a message in the sender's slots. A function of its own, so that neither way needs the other's room on the stack.
///
/// # Safety
/// As for `bowstring_receive`.
#[inline(never)]
unsafe fn receive_later(
    receiver: *mut Handle<Receiver>,
    timeout: i64,
    message: *mut Message,
    error: *mut Error,
) -> i32 {
    // SAFETY: the caller's promise.
    if let Some(into) = unsafe { may(message) }
        && into.vacant().is_ok()
        // SAFETY: the caller's promise.
        && let Ok(entered) = unsafe { Handle::enter(receiver) }
        && let Channel::Pooled(pooled) = &entered.channel
        && let Some(wait) = time::wait(timeout, entered.wait.get())
    {
        return match pooled.recv_with(wait) {
            Ok(lease) => entered.fill_from_slots(receiver, lease, into),
            // SAFETY: the caller's promise.
            Err(why) => unsafe { failed(error, &Failure::Receive(why)) },
        };
    }
    // SAFETY: the caller's promise.
    unsafe { receive_any(receiver, timeout, message, error) }
}

/// Receives whatever can be received, or says why it cannot: see [`guard`](crate::guard).
///
/// # Safety
/// As for `bowstring_receive`.
#[inline(never)]
unsafe fn receive_any(
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
