//! The hand-off of one channel: one sender, one receiver, two pieces of shared memory.
//!
//! The **board** is the sender's and the **ledger** is the receiver's; each side only ever stores to its own. A message
//! is published by storing its *ticket* (1, 2, 3 … for this channel) into the entry that the ticket's low bits name. It
//! is given back by storing its *number* (the sender's count over all channels) into the ledger's word for its slot.
//!
//! **Why an untaken entry is never overwritten.** There are at least as many entries as slots. Every published
//! message occupies at least one slot until the sender has seen its release, so at most `slots` messages are
//! published and not yet seen released. The entry for ticket `t` is reused by ticket `t + entries`; by then the
//! message of `t` has been released, and an honest receiver releases only what it has taken. A receiver that releases
//! early harms only its own view: it then finds a ticket that it does not expect, which is an error on its side.
//! [`Publisher::publish`] checks the sender's half of the argument, and publishes nothing if it does not hold.
//!
//! **Why no wake-up is lost.** Publishing stores the head, then fences, then checks whether the receiver sleeps;
//! going to sleep stores `waiting`, then fences, then checks the entry and the head again. Of two sequentially
//! consistent fences one comes first, and the side whose fence comes second sees what the other stored before its
//! own. In either order, the sender sees the sleeper or the sleeper sees the message. Between that check and the
//! sleep itself the futex compares the head once more. Waiting for room is the same with the roles exchanged.
//!
//! **Why a receiver that leaves strands no slot.** Leaving stores "left" into `waiting`, fences, and then gives back
//! unread whatever is published. A message that this misses was published after the fence, and its sender, who checks
//! `waiting` after every publication, takes it back itself.

// claim: hand-off, hand-off-model, hand-off-model-deep, hot-path-panics

mod publish;
mod release;
mod take;

#[cfg(test)]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use publish::{Publisher, begin, publish_fence};
pub(crate) use release::{Room, has_left, is_released, release, want_fence};
pub(crate) use take::{Polled, SleepCheck, Taker};

use crate::abi::{BoardHead, Entry, Geometry, LedgerHead, Released};
use crate::region::{Mapped, Words};

/// A board, as either side sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Board<'a> {
    pub(crate) head: &'a BoardHead,
    pub(crate) entries: &'a [Entry],
}

impl<'a> Board<'a> {
    /// Returns the entry of `ticket`: every board has entries, a power of two of them.
    #[inline(always)]
    fn entry(self, ticket: u64) -> Option<&'a Entry> {
        self.entries.get(ticket as usize & self.entries.len().wrapping_sub(1))
    }
}

/// A ledger, as either side sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger<'a> {
    pub(crate) head: &'a LedgerHead,
    pub(crate) released: &'a [Released],
}

/// A board in a region.
pub(crate) type BoardWords<M> = Words<M, BoardHead, Entry>;
/// A ledger in a region.
pub(crate) type LedgerWords<M> = Words<M, LedgerHead, Released>;

impl<M: Mapped> BoardWords<M> {
    /// Views `region` as a board; it was created, or checked, to have this shape's size.
    pub(crate) fn of(region: M, geometry: Geometry) -> BoardWords<M> {
        Words::new(region, geometry.entries())
    }

    #[inline(always)]
    pub(crate) fn board(&self) -> Board<'_> {
        Board { head: self.head(), entries: self.items() }
    }
}

impl<M: Mapped> LedgerWords<M> {
    /// Views `region` as a ledger; it was created, or checked, to have this shape's size.
    pub(crate) fn of(region: M, geometry: Geometry) -> LedgerWords<M> {
        Words::new(region, geometry.slots() as usize)
    }

    #[inline(always)]
    pub(crate) fn ledger(&self) -> Ledger<'_> {
        Ledger { head: self.head(), released: self.items() }
    }
}

/// The content of an entry, copied out of shared memory once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) len: u64,
    pub(crate) reply_to: u64,
    pub(crate) slot: u32,
    pub(crate) tag: u32,
}

/// Returns the head word of an open channel whose next ticket is `next`.
pub(crate) const fn head_word(next: u64) -> u32 {
    (next as u32) << 1
}

/// The bit of the head word that says "closed".
pub(crate) const HEAD_CLOSED: u32 = 1;
