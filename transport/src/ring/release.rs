//! Giving slots back, and waiting for them.

use super::{Board, Ledger};
use crate::abi::Sleep;
use crate::sync::{
    Ordering,
    order::{Place, acquire, full_fence, release as release_order},
};

/// Gives back the message `number` that began at `slot`. Any thread of the receiver may call this.
///
/// Answers how the sender sleeps if it waits for room; the bell has then been counted up, and the caller wakes.
#[inline(always)]
pub(crate) fn release(board: Board<'_>, ledger: Ledger<'_>, slot: u32, number: u64) -> Sleep {
    // The caller knows the slot to exist; one that did not could not have been taken.
    if let Some(released) = ledger.released.get(slot as usize) {
        released.store(number, release_order(Place::ReleaseSlot));
    }
    full_fence(Place::ReleaseFence);
    let sleep = Sleep::read(board.head.want_room.load(Ordering::Relaxed));
    if sleep != Sleep::No {
        ledger.head.bell.fetch_add(1, Ordering::Release);
    }
    sleep
}

/// Whether the receiver has given back the message `number` that began at `slot`.
///
/// The sender compares what it reads with what it knows itself: a ledger full of noise frees nothing but what was
/// handed out, and only in that receiver's name.
#[inline]
pub(crate) fn is_released(ledger: Ledger<'_>, slot: u32, number: u64) -> bool {
    let released = ledger.released.get(slot as usize);
    released.is_some_and(|released| released.load(acquire(Place::ReclaimSlot)) == number)
}

/// Whether the receiver says that it takes no more.
#[inline]
pub(crate) fn has_left(ledger: Ledger<'_>) -> bool {
    Sleep::read(ledger.head.waiting.load(Ordering::Acquire)) == Sleep::Left
}

/// The sender's announcement that it waits for room on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// The bell as it stood before the announcement: sleep while it still stands so.
    pub(crate) bell: u32,
}

impl Room {
    /// Announces the wait. The caller fences once with [`want_fence`] after announcing it on every channel, looks at
    /// the ledgers again, and only then sleeps.
    pub(crate) fn announce(board: Board<'_>, ledger: Ledger<'_>, how: Sleep) -> Room {
        let bell = ledger.head.bell.load(Ordering::Acquire);
        board.head.want_room.store(how.word(0), Ordering::Relaxed);
        Room { bell }
    }

    /// Says that the wait is over.
    pub(crate) fn withdraw(board: Board<'_>) {
        board.head.want_room.store(Sleep::No.word(0), Ordering::Relaxed);
    }
}

/// The fence between announcing a wait for room and looking again.
pub(crate) fn want_fence() {
    full_fence(Place::WantFence);
}
