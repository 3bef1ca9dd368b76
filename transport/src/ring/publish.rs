//! The sender's end of a channel: publishing and closing.

use super::{Board, HEAD_CLOSED, Ledger, Note, head_word};
use crate::abi::{Closing, Sleep};
use crate::sync::{
    Ordering,
    order::{Place, full_fence, release},
};

/// The reason's words are ordinary atomics even under loom, which need not know them.
const RELAXED: core::sync::atomic::Ordering = core::sync::atomic::Ordering::Relaxed;

/// The sender's private state of a channel.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// The ticket of the next message.
    next: u64,
    /// The sleep found last.
    found: u32,
    /// The sleep that the receiver was already woken from.
    woken: u32,
}

impl Publisher {
    /// Starts at `first`, which both sides know from the handshake. [`begin`] has prepared the board for it.
    pub(crate) fn new(first: u64) -> Publisher {
        Publisher { next: first, found: 0, woken: 0 }
    }

    /// Publishes a message whose bytes are already in its slot; returns true if it did.
    ///
    /// `outstanding` is the number of this channel's messages whose release the sender has not seen, without this
    /// one; the module's page argues why it stays below the number of entries. If it did not, publishing could
    /// overwrite an entry that was not taken, so nothing is published.
    #[inline(always)]
    #[must_use]
    pub(crate) fn publish(&mut self, board: Board<'_>, note: Note, outstanding: u32) -> bool {
        let fits = (outstanding as usize) < board.entries.len();
        debug_assert!(fits, "more messages are out than there are slots");
        let Some(entry) = board.entry(self.next).filter(|_| fits) else { return false };
        entry.number.store(note.number, Ordering::Relaxed);
        entry.len.store(note.len, Ordering::Relaxed);
        entry.reply_to.store(note.reply_to, Ordering::Relaxed);
        entry.slot.store(note.slot, Ordering::Relaxed);
        entry.tag.store(note.tag, Ordering::Relaxed);
        entry.ticket.store(self.next, release(Place::PublishTicket));
        self.next += 1;
        board.head.head.store(head_word(self.next), release(Place::PublishHead));
        true
    }

    /// Returns how the receiver sleeps, if it has not been woken from this sleep yet. Call it after publishing, once
    /// for any number of channels: the caller fences with [`publish_fence`] in between, and afterwards calls
    /// [`has_woken`](Self::has_woken) if it woke somebody.
    #[inline(always)]
    pub(crate) fn sleeper(&mut self, ledger: Ledger<'_>) -> Sleep {
        let word = ledger.head.waiting.load(Ordering::Relaxed);
        if word == 0 {
            return Sleep::No;
        }
        let sleep = Sleep::read(word);
        if sleep != Sleep::Left && word == self.woken {
            return Sleep::No;
        }
        self.found = word;
        sleep
    }

    /// Records that the sleep found last is over: the wake-up met the sleeper, or will be waiting for it.
    ///
    /// A futex wakes only threads that already sleep. A receiver can announce its sleep between a publication and the
    /// check that goes with it, when it has taken that very message; a wake-up that comes before it sleeps is then
    /// lost on it, and must not count, or the next message would find it "woken" and asleep.
    pub(crate) fn has_woken(&mut self) {
        self.woken = self.found;
    }

    /// Ends the channel with a reason, which the receiver reads with the head word. The reason is cut to the room
    /// there is.
    pub(crate) fn close(&mut self, board: Board<'_>, why: Closing, reason: &str) {
        let mut len = 0;
        for (word, bytes) in board.head.reason.iter().zip(reason.as_bytes().chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(padded), RELAXED);
            len += bytes.len() as u64;
        }
        board.head.reason_len.store(len, RELAXED);
        board.head.closing.store(why as u32, Ordering::Relaxed);
        board.head.head.store(head_word(self.next) | HEAD_CLOSED, release(Place::PublishHead));
    }
}

/// Prepares a board whose first ticket will be `first`: before the receiver has it, because it looks at once.
pub(crate) fn begin(board: Board<'_>, first: u64) {
    board.head.head.store(head_word(first), Ordering::Relaxed);
}

/// The fence between publishing (or closing) and checking for a sleeper.
#[inline]
pub(crate) fn publish_fence() {
    full_fence(Place::PublishFence);
}
