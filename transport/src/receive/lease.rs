//! A message on lease: the receiver may read the sender's slots until it gives them back.
//!
//! # Safety
//!
//! A lease reads memory that another process can write. Whether that may be a `&[u8]` is a question of trust, and the
//! type decides it: `Lease<Honest>` exists only where the program has promised, in one `unsafe` at set-up, that the
//! sender does not write to leased slots. Every other lease can only be copied out of, by [`copy_changing`].

// claim: zero-copy
#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;

use crate::receive::channel::Channel;
use crate::receive::copy::copy_changing;
use crate::region::private::MapArc;
use crate::ring::Note;

/// A sender that was declared honest: it does not write to leased slots.
#[derive(Clone, Copy, Debug)]
pub enum Honest {}

/// A sender that is not trusted.
#[derive(Clone, Copy, Debug)]
pub enum Foreign {}

/// The level of trust in a sender.
pub trait Trust: sealed::Sealed {}
impl Trust for Honest {}
impl Trust for Foreign {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Honest {}
    impl Sealed for super::Foreign {}
}

/// The words that accompany a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The sender's number of the message; a gap means messages that this receiver was not given.
    pub number: u64,
    /// A word that belongs to the application.
    pub tag: u32,
    /// The number of the request that this replies to, or 0.
    pub reply_to: u64,
}

enum Owner<'a> {
    /// The receiver outlives the lease, as the compiler has checked.
    Borrowed(&'a MapArc<Channel>),
    /// The lease keeps the channel's memory alive itself.
    Counted(MapArc<Channel>),
}

/// The way back of a message, without its bytes: for callers that keep the bytes' address themselves, as the C interface
/// does. Dropping it, on any thread, gives the slots back.
pub struct Claim<'a> {
    owner: Owner<'a>,
    slot: u32,
    number: u64,
}

impl Claim<'_> {
    #[inline]
    fn channel(&self) -> &Channel {
        match &self.owner {
            Owner::Borrowed(channel) => channel,
            Owner::Counted(channel) => channel,
        }
    }

    /// Returns a claim that does not borrow the receiver and can outlive it. Costs two reference counts.
    #[must_use]
    pub fn detach(self) -> Claim<'static> {
        let this = ManuallyDrop::new(self);
        let owner = match &this.owner {
            Owner::Borrowed(channel) => Owner::Counted((*channel).clone()),
            // SAFETY: `this` is never dropped, so the handle is moved out once.
            Owner::Counted(channel) => Owner::Counted(unsafe { core::ptr::read(channel) }),
        };
        Claim { owner, slot: this.slot, number: this.number }
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        self.channel().release(self.slot, self.number);
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("number", &self.number).finish_non_exhaustive()
    }
}

/// A message that the receiver may read until it drops this. Dropping it, on any thread, gives the slots back.
pub struct Lease<'a, T: Trust> {
    claim: Claim<'a>,
    at: *const u8,
    len: u64,
    reply_to: u64,
    tag: u32,
    _trust: PhantomData<T>,
}

// SAFETY: `at` points into the pool's mapping, which lives as long as the channel that the lease holds, is read-only for
// this process, and belongs to no thread. Everything else in a lease is the channel, which must itself be `Sync`, since
// both kinds of owner refer to it: the bound asks for that, so that a channel that stops being so stops this too.
unsafe impl<T: Trust> Send for Lease<'_, T> where MapArc<Channel>: Send + Sync {}
// SAFETY: `&Lease` only reads through `at`; the channel is reached by `&` alone, which its `Sync` allows.
unsafe impl<T: Trust> Sync for Lease<'_, T> where MapArc<Channel>: Send + Sync {}

impl<'a, T: Trust> Lease<'a, T> {
    /// Creates a lease of `note`, whose checked address is `at`.
    #[inline]
    pub(crate) fn new(channel: &'a MapArc<Channel>, note: Note, at: *const u8) -> Lease<'a, T> {
        let Note { number, len, reply_to, slot, tag } = note;
        let claim = Claim { owner: Owner::Borrowed(channel), slot, number };
        Lease { claim, at, len, reply_to, tag, _trust: PhantomData }
    }

    /// Returns the length of the message in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns true if the message has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns what accompanies the message.
    #[must_use]
    pub fn meta(&self) -> Meta {
        Meta { number: self.claim.number, tag: self.tag, reply_to: self.reply_to }
    }

    /// Copies the message to the start of `into` and returns the copy; `None` if `into` is too short. The copy is
    /// private: it cannot change, so the result of any check stays valid.
    pub fn copy_into<'b>(&self, into: &'b mut [u8]) -> Option<&'b [u8]> {
        let into = into.get_mut(..self.len())?;
        // SAFETY: 1. the place of `len` bytes was checked to lie in the pool, which stays mapped as long as the channel
        // that this lease holds; 2. `into` has that length and is the caller's alone.
        unsafe { copy_changing(self.at, into.as_mut_ptr(), into.len()) };
        self.claim.channel().count_copied(into.len() as u64);
        Some(into)
    }

    /// Returns the message's address in this process, to show that nothing was copied.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.at
    }

    /// Returns a lease that does not borrow the receiver and can outlive it. Costs two reference counts.
    #[must_use]
    pub fn detach(self) -> Lease<'static, T> {
        let Lease { claim, at, len, reply_to, tag, _trust } = self;
        Lease { claim: claim.detach(), at, len, reply_to, tag, _trust }
    }

    /// Returns what gives the message back, and gives up its bytes.
    #[inline(always)]
    #[must_use]
    pub fn into_claim(self) -> Claim<'a> {
        self.claim
    }
}

impl Deref for Lease<'_, Honest> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: mapped and in bounds as in `copy_into`; that nobody writes here while this lease lives was promised
        // where `Honest` was declared (`Incoming::pooled`), and the seals keep everybody but the sender from it.
        unsafe { core::slice::from_raw_parts(self.at, self.len as usize) }
    }
}

impl AsRef<[u8]> for Lease<'_, Honest> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: Trust> fmt::Debug for Lease<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("len", &self.len()).field("meta", &self.meta()).finish_non_exhaustive()
    }
}
