//! A received message, in a struct of the caller's.
//!
//! # Safety
//!
//! The struct's private words hold what gives the message back; only these functions write them.
//! `state` says whether they hold something; releasing clears it, so that a second release is noticed.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use bowstring_transport::{Claim, Meta, SealedMessage};

use crate::error::{BOWSTRING_OK, BOWSTRING_UNSUPPORTED, Error, Failure};
use crate::guard::guard;
use crate::handle::Handle;
use crate::handshake::{BOWSTRING_COPIED, BOWSTRING_POOLED, BOWSTRING_SEALED};
use crate::listener::raw;
use crate::pointer::{may, out};
use crate::receiver::Receiver;

/// A message that was received. All zero before its first use; after that it is the library's to fill, until it is
/// released. It may be moved in memory, but there must be one copy of it.
#[repr(C)]
pub struct Message {
    /// The bytes: read-only.
    pub data: *const u8,
    /// Their number.
    pub len: usize,
    /// The sender's number of the message; a gap means messages that this receiver was not given.
    pub number: u64,
    /// The number of the request that this replies to, or 0.
    pub reply_to: u64,
    /// A word that belongs to the application.
    pub tag: u32,
    /// The delivery by which it came: `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
    pub delivery: u32,
    /// The library's.
    state: u64,
    /// The library's.
    held: MaybeUninit<[u64; 10]>,
}

const HELD: u64 = 0xb057_a1e0_4e1d_0001;

/// The way back of a message. It says no more than that: each word stored here is one more to be carried out between a
/// message that comes and the reply.
pub(crate) enum Held {
    /// Slots, on lease from a receiver that lives.
    Borrowed(Claim<'static>, *mut Handle<Receiver>),
    /// Slots, on lease, without the receiver.
    #[allow(dead_code, reason = "dropping it is its use")]
    Detached(Claim<'static>),
    /// The receiver's own copy.
    Copied(*mut Handle<Receiver>),
    /// A file.
    Sealed(SealedMessage),
}

const _: () = assert!(size_of::<Held>() <= 10 * 8 && align_of::<Held>() <= 8);

impl Message {
    /// Refuses a struct that still holds a message.
    #[inline(always)]
    pub(crate) fn vacant(&self) -> Result<(), Failure> {
        if self.state == HELD {
            return Err(Failure::state("the message struct holds a message: release it first"));
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn fill(&mut self, bytes: (*const u8, usize), meta: Meta, held: Held) {
        (self.data, self.len) = bytes;
        (self.number, self.reply_to, self.tag) = (meta.number, meta.reply_to, meta.tag);
        self.delivery = match held {
            Held::Borrowed(..) | Held::Detached(_) => BOWSTRING_POOLED,
            Held::Copied(_) => BOWSTRING_COPIED,
            Held::Sealed(_) => BOWSTRING_SEALED,
        };
        self.hold(held);
    }

    #[inline(always)]
    fn hold(&mut self, held: Held) {
        self.state = HELD;
        // SAFETY: the words are large and aligned enough, as is checked above.
        unsafe { self.held.as_mut_ptr().cast::<Held>().write(held) };
    }

    #[inline(always)]
    fn held(&self) -> Result<&Held, Failure> {
        match self.state {
            // SAFETY: `hold` has put it there, and whatever takes it out clears `state`.
            HELD => Ok(unsafe { &*self.held.as_ptr().cast::<Held>() }),
            _ => Err(Failure::state("the message was released already, or never received")),
        }
    }

    /// Gives a message back whose slots are on lease from a receiver that lives: the usual case, inlined. `None`, and
    /// nothing is done, in any other.
    #[inline(always)]
    fn give_back(&mut self) -> Option<()> {
        self.held().ok()?;
        // SAFETY: it is there, as `held` has seen.
        let held = unsafe { &mut *self.held.as_mut_ptr().cast::<Held>() };
        let Held::Borrowed(claim, receiver) = held else { return None };
        let claim: *mut Claim<'_> = claim;
        // SAFETY: a receiver does not close before its messages are released, so it lives.
        let receiver = unsafe { Handle::enter(*receiver) }.ok()?;
        receiver.count_returned();
        self.state = 0;
        (self.data, self.len) = (core::ptr::null(), 0);
        // SAFETY: `held` has seen it, and `state` says now that it is not there; the pointer next to it has no destructor.
        unsafe { claim.drop_in_place() };
        Some(())
    }

    /// Drops what is held where it lies: see [`guard`](crate::guard) for what moving it would cost.
    fn drop_held(&mut self) {
        self.state = 0;
        (self.data, self.len) = (core::ptr::null(), 0);
        // SAFETY: `held` has seen that it is there, and `state` says now that it is not.
        unsafe { self.held.as_mut_ptr().cast::<Held>().drop_in_place() };
    }

    /// Takes what is held out of the words, which then hold nothing.
    #[inline(always)]
    fn take(&mut self) -> Result<Held, Failure> {
        self.held()?;
        self.state = 0;
        (self.data, self.len) = (core::ptr::null(), 0);
        // SAFETY: it was there, as `held` has seen, and `state` says now that it is not.
        Ok(unsafe { self.held.as_ptr().cast::<Held>().read() })
    }
}

/// # Safety
/// As for [`may`].
unsafe fn check<'a>(at: *mut Message) -> Result<&'a mut Message, Failure> {
    // SAFETY: the caller's promise.
    unsafe { may(at) }.ok_or(Failure::argument("a message is NULL"))
}

/// Gives a message back to its sender. `BOWSTRING_STATE` if it was released already.
///
/// Threads: that of its receiver, whose messages it counts. A pooled message that was detached, and a sealed one, may be
/// released on any thread.
///
/// # Safety
/// `message` is NULL or points to a message struct; its receiver is open unless it was detached or is sealed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_message_release(message: *mut Message, error: *mut Error) -> i32 {
    // SAFETY: the caller's promise.
    if unsafe { may(message) }.and_then(Message::give_back).is_some() {
        return BOWSTRING_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { release_any(message, error) }
}

/// Releases whatever can be released, or says why it cannot: see [`guard`](crate::guard).
///
/// # Safety
/// As for `bowstring_message_release`.
#[inline(never)]
unsafe fn release_any(message: *mut Message, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let message = unsafe { check(message) }?;
        if let Held::Borrowed(_, receiver) | Held::Copied(receiver) = message.held()? {
            // SAFETY: a receiver does not close before its messages are released, so it lives.
            unsafe { Handle::enter(*receiver) }?.count_returned();
        }
        message.drop_held();
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Makes a message independent of its receiver: it may be released on any thread, and outlive the receiver. Costs two
/// counted references. `BOWSTRING_UNSUPPORTED` for a copied message, whose bytes are the receiver's: copy them.
///
/// Threads: that of its receiver.
///
/// # Safety
/// As for `bowstring_message_release`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_message_detach(message: *mut Message, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let message = unsafe { check(message) }?;
        match message.held()? {
            Held::Detached(_) | Held::Sealed(_) => return Ok(()),
            Held::Copied(_) => {
                let why = "a copied message lies in its receiver's memory: copy its bytes";
                return Err(Failure::Plain(BOWSTRING_UNSUPPORTED, why));
            }
            Held::Borrowed(_, receiver) => {
                // SAFETY: a receiver does not close before its messages are released, so it lives.
                unsafe { Handle::enter(*receiver) }?.count_returned();
            }
        }
        let bytes = (message.data, message.len);
        if let Held::Borrowed(claim, _) = message.take()? {
            message.hold(Held::Detached(claim.detach()));
        }
        (message.data, message.len) = bytes;
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}

/// Returns in `fd` a duplicate of the file that a sealed message is, to pass it on. It belongs to the caller.
/// `BOWSTRING_UNSUPPORTED` for any other message.
///
/// Threads: one at a time for each message.
///
/// # Safety
/// As for `bowstring_message_release`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_message_fd(message: *mut Message, fd: *mut i32, error: *mut Error) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { out(fd) }?;
        // SAFETY: the caller's promise.
        let Held::Sealed(sealed) = (unsafe { check(message) }?).held()? else {
            return Err(Failure::Plain(BOWSTRING_UNSUPPORTED, "only a sealed message is a file"));
        };
        place.set(raw(sealed.duplicate()?));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard(error, body) }
}
