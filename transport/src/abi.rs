//! The layout of shared memory, word by word. `PROTOCOL.md` describes the same for a peer in another language.
//!
//! Everything here is atomic, because the other process reads it while we write. Words that one side writes often are
//! on cache lines that the other side does not write, and two such lines never share a 128-byte pair.

use core::mem::size_of;
use core::num::NonZeroU64;

use crate::error::{GeometryError, MAX_SLOTS};
use crate::sync::{AtomicU32, AtomicU64};

/// Padding. Atomic as well: no part of shared memory may have a type that must not change.
type Pad = core::sync::atomic::AtomicU64;
type HalfPad = core::sync::atomic::AtomicU32;

/// Bytes of a cache line on every supported machine; slots and entries are aligned to it.
pub(crate) const LINE: usize = 64;

/// The first words of a board: written by the sender, read by the receiver.
#[repr(C, align(128))]
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct BoardHead {
    /// Futex word that the receiver sleeps on: twice the low 31 bits of the next ticket, plus one once the sender has
    /// closed. It changes with every publication and with closing, so no wake-up is lost in between.
    pub(crate) head: AtomicU32,
    /// The reason that the sender closed, meaningful once the lowest bit of `head` is set: see [`Closing`].
    pub(crate) closing: AtomicU32,
    /// Messages that this receiver was not given because it was slow (for statistics).
    pub(crate) skipped: AtomicU64,
    /// Bytes of `reason`.
    pub(crate) reason_len: Pad,
    _apart: Pad,
    /// The reason in words; valid when `closing` is, if reasons were agreed to.
    pub(crate) reason: [Pad; REASON_WORDS],
    /// Not zero while the sender waits for slots to come back: see [`Sleep`].
    pub(crate) want_room: AtomicU32,
    _pad: HalfPad,
    _apart2: [Pad; 15],
}

/// One publication: written by the sender, polled by the receiver; a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Entry {
    /// The publication itself: equals the ticket awaited at this place once the other words are valid.
    pub(crate) ticket: AtomicU64,
    /// The sender's number of this message, the same for all receivers; a gap means that this one was skipped.
    pub(crate) number: AtomicU64,
    /// The message's bytes, from the start of its first slot.
    pub(crate) len: AtomicU64,
    /// The number of the request that this message replies to, or 0.
    pub(crate) reply_to: AtomicU64,
    /// The first slot of the message.
    pub(crate) slot: AtomicU32,
    /// A word that belongs to the application.
    pub(crate) tag: AtomicU32,
    _reserved: [Pad; 3],
}

/// The first words of a ledger: written by the receiver, read by the sender.
#[repr(C, align(128))]
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct LedgerHead {
    /// The receiver's [`Sleep`], with a count of its sleeps. The sender reads this after publishing.
    pub(crate) waiting: AtomicU32,
    _pad: HalfPad,
    _apart: [Pad; 15],
    /// Futex word that the sender sleeps on: counts the releases made while it waited for room.
    pub(crate) bell: AtomicU32,
    _pad2: HalfPad,
    /// Messages taken.
    pub(crate) taken: AtomicU64,
    /// Bytes taken.
    pub(crate) bytes: AtomicU64,
    /// Times the receiver went to sleep.
    pub(crate) sleeps: AtomicU64,
    /// Bytes the receiver copied out of the pool.
    pub(crate) copied: AtomicU64,
    _apart2: [Pad; 11],
}

/// For each slot, the number of the last message released that began there.
pub(crate) type Released = AtomicU64;

/// The sleep of a side, told to the other side in one word: how to wake it, and a count that differs with each sleep so
/// that one sleep costs one wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Awake.
    No,
    /// On the futex word.
    Futex,
    /// In `poll` on the socket: wake it with a datagram.
    Socket,
    /// Never again: the receiver has left.
    Left,
}

impl Sleep {
    pub(crate) const fn word(self, episode: u32) -> u32 {
        match self {
            Sleep::No => 0,
            Sleep::Futex => episode << 2 | 1,
            Sleep::Socket => episode << 2 | 2,
            Sleep::Left => 3,
        }
    }

    /// Decodes a peer's word; any value is valid.
    pub(crate) const fn read(word: u32) -> Sleep {
        match word & 3 {
            1 => Sleep::Futex,
            2 => Sleep::Socket,
            3 => Sleep::Left,
            _ => Sleep::No,
        }
    }
}

/// The words of a closing reason: 96 bytes.
pub(crate) const REASON_WORDS: usize = 12;

/// A reason that a sender ended a channel. The last two require agreement on reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Closing {
    /// It had nothing more to send.
    Done = 0,
    /// This receiver was too slow for its sender's policy.
    CutOff = 1,
    /// It cannot send the rest.
    Failed = 2,
    /// It was interrupted before the end.
    Interrupted = 3,
}

impl Closing {
    /// Decodes a code from a sender that may or may not give reasons.
    pub(crate) const fn read(code: u32, reasons: bool) -> Option<Closing> {
        match code {
            0 => Some(Closing::Done),
            1 => Some(Closing::CutOff),
            2 if reasons => Some(Closing::Failed),
            3 if reasons => Some(Closing::Interrupted),
            _ => None,
        }
    }
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<BoardHead>() == 256);
    assert!(size_of::<Entry>() == LINE);
    assert!(size_of::<LedgerHead>() == 256);
    assert!(core::mem::offset_of!(BoardHead, want_room) == 128);
    assert!(core::mem::offset_of!(LedgerHead, bell) == 128);
};

/// The shape of a pool and of its board and ledger.
///
/// A `Geometry` is always consistent: our own configuration and a peer's claim pass the same checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    slots: u32,
    slot_size: NonZeroU64,
}

impl Geometry {
    /// Checks a shape: `slots` of `slot_size` bytes each, in all no more than `most` bytes.
    pub const fn new(slots: u32, slot_size: u64, most: u64) -> Result<Geometry, GeometryError> {
        if slots == 0 || slots > MAX_SLOTS {
            return Err(GeometryError::Slots(slots));
        }
        let slot_size = match NonZeroU64::new(slot_size) {
            Some(size) if size.get().is_multiple_of(LINE as u64) => size,
            _ => return Err(GeometryError::SlotSize(slot_size)),
        };
        // Half the address space keeps every later sum of a length and an offset from overflowing.
        let most = if most < isize::MAX as u64 { most } else { isize::MAX as u64 };
        match slot_size.get().checked_mul(slots as u64) {
            Some(bytes) if bytes <= most => Ok(Geometry { slots, slot_size }),
            Some(bytes) => Err(GeometryError::TooLarge { bytes, most }),
            None => Err(GeometryError::TooLarge { bytes: u64::MAX, most }),
        }
    }

    /// Returns the number of slots.
    #[must_use]
    pub const fn slots(self) -> u32 {
        self.slots
    }

    /// Returns the number of bytes of a slot.
    #[must_use]
    pub const fn slot_size(self) -> usize {
        self.slot_size.get() as usize
    }

    /// Returns the size of the pool in bytes, which is also the longest message.
    #[must_use]
    pub const fn pool_bytes(self) -> usize {
        self.slot_size() * self.slots as usize
    }

    /// Returns the number of slots for a message of `len` bytes, or `None` if the pool is too small for it.
    #[must_use]
    pub const fn span(self, len: usize) -> Option<u32> {
        if len <= self.slot_size() {
            return Some(1);
        }
        if len > self.pool_bytes() {
            return None;
        }
        Some((len as u64).div_ceil(self.slot_size.get()) as u32)
    }

    /// Returns the number of entries on the board: at least as many as slots, and a power of two so that a mask maps
    /// a ticket to its place.
    #[must_use]
    pub(crate) const fn entries(self) -> usize {
        self.slots.next_power_of_two() as usize
    }

    /// Returns the size of a board in bytes.
    #[must_use]
    pub const fn board_bytes(self) -> usize {
        size_of::<BoardHead>() + self.entries() * size_of::<Entry>()
    }

    /// Returns the size of a ledger in bytes.
    #[must_use]
    pub const fn ledger_bytes(self) -> usize {
        size_of::<LedgerHead>() + self.slots as usize * size_of::<Released>()
    }
}
