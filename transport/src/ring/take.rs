//! The receiver's end of a channel: taking, and going to sleep when there is nothing to take.

use core::cell::Cell;

use super::{Board, HEAD_CLOSED, Ledger, Note, head_word, release};
use crate::abi::Sleep;
use crate::sync::{
    Ordering,
    order::{Place, acquire, full_fence},
};

/// Checks in a burst.
const BURST: u32 = 32;

/// The receiver's private state of a channel: used by one thread at a time, and in cells, so that taking needs no
/// borrow.
#[derive(Debug)]
pub(crate) struct Taker {
    /// The ticket awaited.
    next: Cell<u64>,
    /// The ticket of the awaited entry before it is published: that of one round ago, or the initial value.
    stale: Cell<u64>,
    /// Counts the sleeps, so that the sender can tell them apart.
    episode: Cell<u32>,
    first: u64,
}

/// The result of checking the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// A message: the entry's words, copied once and not yet checked.
    Message(Note),
    /// Nothing yet.
    Empty,
    /// The entry holds a ticket that no honest sender can have stored.
    Alien {
        /// The ticket awaited.
        awaited: u64,
        /// The ticket found.
        found: u64,
    },
}

/// The outcome of announcing a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SleepCheck {
    /// Sleep on the head word while it holds this value.
    Sleep(u32),
    /// Do not sleep: check again, something has come.
    Look,
    /// The sender has closed and everything it published has been taken; carries its closing code, unchecked.
    Ended(u32),
    /// The head refers to a message whose entry is not there, or to fewer messages than were taken, apart from the
    /// last.
    Alien {
        /// The head word that was expected.
        awaited: u32,
        /// The head word that was found.
        found: u32,
    },
}

impl Taker {
    /// Starts at the ticket named in the handshake.
    pub(crate) fn new(first: u64) -> Taker {
        Taker { next: Cell::new(first), stale: Cell::new(0), episode: Cell::new(0), first }
    }

    /// Takes the next message if there is one.
    #[inline(always)]
    pub(crate) fn poll(&self, board: Board<'_>) -> Polled {
        let next = self.next.get();
        let Some(entry) = board.entry(next) else { return Polled::Empty };
        let ticket = entry.ticket.load(acquire(Place::TakeTicket));
        if ticket != next {
            return self.not_yet(ticket);
        }
        let note = Note {
            number: entry.number.load(Ordering::Relaxed),
            len: entry.len.load(Ordering::Relaxed),
            reply_to: entry.reply_to.load(Ordering::Relaxed),
            slot: entry.slot.load(Ordering::Relaxed),
            tag: entry.tag.load(Ordering::Relaxed),
        };
        let next = next + 1;
        self.next.set(next);
        // The next entry was used one round ago, unless the first round is not over.
        let round = board.entries.len() as u64;
        self.stale.set(if next - self.first >= round { next - round } else { 0 });
        Polled::Message(note)
    }

    #[inline(always)]
    fn not_yet(&self, found: u64) -> Polled {
        if found == self.stale.get() {
            Polled::Empty
        } else {
            Polled::Alien { awaited: self.next.get(), found }
        }
    }

    /// Returns true if the awaited entry has changed, so that [`poll`](Self::poll) finds more than `Empty`.
    #[inline(always)]
    pub(crate) fn has_changed(&self, board: Board<'_>) -> bool {
        let entry = board.entry(self.next.get());
        entry.is_some_and(|entry| entry.ticket.load(acquire(Place::TakeTicket)) != self.stale.get())
    }

    /// Checks the awaited entry some dozens of times; returns true if it changed. `meanwhile` runs between two
    /// checks.
    #[inline(always)]
    pub(crate) fn burst(&self, board: Board<'_>, meanwhile: impl Fn()) -> bool {
        for _ in 0..BURST {
            if self.has_changed(board) {
                return true;
            }
            meanwhile();
            core::hint::spin_loop();
        }
        false
    }

    /// Announces a sleep and checks once more. Anything that comes after this check wakes the sleeper.
    pub(crate) fn announce_sleep(&self, board: Board<'_>, ledger: Ledger<'_>, how: Sleep) -> SleepCheck {
        self.episode.set(self.episode.get().wrapping_add(1) & (u32::MAX >> 2));
        ledger.head.waiting.store(how.word(self.episode.get()), Ordering::Relaxed);
        full_fence(Place::SleepFence);
        let check = self.look(board);
        if !matches!(check, SleepCheck::Sleep(_)) {
            self.awake(ledger);
        }
        check
    }

    /// Checks the head and the awaited entry, without announcing anything.
    pub(crate) fn look(&self, board: Board<'_>) -> SleepCheck {
        let next = self.next.get();
        let awaited = head_word(next);
        let found = board.head.head.load(acquire(Place::SleepHead));
        if found == awaited || self.is_about_to_come(found) {
            return SleepCheck::Sleep(found);
        }
        // The head moved: by a publication, whose entry was stored before it, or by closing.
        let entry = board.entry(next);
        if entry.is_some_and(|entry| entry.ticket.load(acquire(Place::TakeTicket)) == next) {
            return SleepCheck::Look;
        }
        if found == awaited | HEAD_CLOSED {
            return SleepCheck::Ended(board.head.closing.load(Ordering::Relaxed));
        }
        SleepCheck::Alien { awaited, found }
    }

    /// Returns true if `head` is the word from before the last message taken: its sender has stored the ticket and
    /// not yet the head, or died in between. It can be no further behind, because every head is stored before the
    /// next ticket. Sleeping on the old word loses no wake-up: the coming store changes it, and a check for sleepers
    /// follows.
    fn is_about_to_come(&self, head: u32) -> bool {
        self.next.get() > self.first && head == head_word(self.next.get() - 1)
    }

    /// Ends the announced sleep.
    pub(crate) fn awake(&self, ledger: Ledger<'_>) {
        ledger.head.waiting.store(Sleep::No.word(0), Ordering::Relaxed);
    }

    /// Leaves: announces that no more will be taken, and gives back unread what is published already. The module's
    /// page argues why nothing is missed. Returns how to wake the sender if it waits for room.
    pub(crate) fn leave(&self, board: Board<'_>, ledger: Ledger<'_>) -> Sleep {
        ledger.head.waiting.store(Sleep::Left.word(0), Ordering::Release);
        full_fence(Place::SleepFence);
        let mut wake = Sleep::No;
        // At most a board's worth can be out; a sender that goes on publishing takes its messages back itself.
        for _ in 0..board.entries.len() {
            let Polled::Message(note) = self.poll(board) else { break };
            if (note.slot as usize) < ledger.released.len() {
                let sleep = release(board, ledger, note.slot, note.number);
                wake = if sleep == Sleep::No { wake } else { sleep };
            }
        }
        wake
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::abi::Geometry;
    use crate::receive::channel::new_ledger;
    use crate::send::fanout::subscriber::new_board;

    #[test]
    fn a_head_may_stay_one_message_behind_and_no_more() {
        let geometry = Geometry::new(4, 64, u64::MAX).unwrap();
        let (board, ledger) = (new_board(geometry, 1).unwrap(), new_ledger(geometry).unwrap());
        let (board, ledger) = (board.board(), ledger.ledger());
        let taker = Taker::new(1);
        // The sender is between its two stores: the ticket is there, the head is not.
        board.entries[1].ticket.store(1, Ordering::Relaxed);
        assert!(matches!(taker.poll(board), Polled::Message(_)));
        let asleep = taker.announce_sleep(board, ledger, Sleep::Futex);
        assert_eq!(asleep, SleepCheck::Sleep(head_word(1)), "asleep until the head comes");
        board.entries[2].ticket.store(2, Ordering::Relaxed);
        assert!(matches!(taker.poll(board), Polled::Message(_)));
        assert_eq!(taker.look(board), SleepCheck::Alien { awaited: head_word(3), found: head_word(1) });
        // Before the first message there is nothing that a head could be behind.
        board.head.head.store(head_word(2), Ordering::Relaxed);
        let fresh = Taker::new(3).look(board);
        assert_eq!(fresh, SleepCheck::Alien { awaited: head_word(3), found: head_word(2) });
    }
}
