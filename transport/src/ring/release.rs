//! Gives slots back, and waits for them.

use super::{Board, Ledger};
use crate::abi::Sleep;
use crate::sync::{
    Ordering,
    order::{Place, acquire, full_fence, release as release_order},
};

/// Gives back the message `number` that began at `slot`. Any thread of the receiver may call this.
///
/// Returns how the sender sleeps if it waits for room; the bell has then been incremented, and the caller wakes it.
#[inline(always)]
pub(crate) fn release(board: Board<'_>, ledger: Ledger<'_>, slot: u32, number: u64) -> Sleep {
    // The caller knows that the slot exists; otherwise it could not have been taken.
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

/// Returns true if the receiver has given back the message `number` that began at `slot`.
///
/// The sender compares the word with its own records: a ledger full of noise frees nothing but what was handed out,
/// and only in that receiver's name.
#[inline]
pub(crate) fn is_released(ledger: Ledger<'_>, slot: u32, number: u64) -> bool {
    let released = ledger.released.get(slot as usize);
    released.is_some_and(|released| released.load(acquire(Place::ReclaimSlot)) == number)
}

/// Returns true if the receiver says that it takes no more.
#[inline]
pub(crate) fn has_left(ledger: Ledger<'_>) -> bool {
    Sleep::read(ledger.head.waiting.load(Ordering::Acquire)) == Sleep::Left
}

/// The sender's announcement that it waits for room on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// The bell's value before the announcement: sleep while it has not changed.
    pub(crate) bell: u32,
}

impl Room {
    /// Announces the wait. The caller fences once with [`want_fence`] after announcing it on every channel, checks
    /// the ledgers again, and only then sleeps.
    pub(crate) fn announce(board: Board<'_>, ledger: Ledger<'_>, how: Sleep) -> Room {
        let bell = ledger.head.bell.load(Ordering::Acquire);
        board.head.want_room.store(how.word(0), Ordering::Relaxed);
        Room { bell }
    }

    /// Withdraws the announcement.
    pub(crate) fn withdraw(board: Board<'_>) {
        board.head.want_room.store(Sleep::No.word(0), Ordering::Relaxed);
    }
}

/// The fence between announcing a wait for room and checking again.
pub(crate) fn want_fence() {
    full_fence(Place::WantFence);
}
