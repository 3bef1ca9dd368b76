//! One receiver, as its sender sees it.

use crate::abi::{Closing, Geometry, Sleep};
use crate::connect::session::wire::{self, Bye, Kind, features};
use crate::error::OsError;
use crate::peer::Control;
use crate::reason::BreakOff;
use crate::region::{Pages, PeerMap, Published, Writable};
use crate::ring::{self, Board, BoardWords, Ledger, LedgerWords, Publisher};
use crate::sync::{Ordering, futex};
use crate::sys;

use super::ReceiverId;

/// The policy for a receiver that cannot keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSlow {
    /// Wait for it. It gets every message, and the others wait with it.
    Block,
    /// Let it hold at most this many slots; it is not given further messages, and sees the gap.
    Skip {
        /// The slots that it may hold.
        quota: u32,
    },
    /// Let it hold at most this many slots; disconnect it if it would need more.
    CutOff {
        /// The slots that it may hold.
        quota: u32,
    },
}

/// The end of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It said that it takes no more.
    Closed,
    /// It left without a word: its process died, or dropped the connection.
    Crashed,
    /// It was too slow for its policy.
    CutOff,
    /// It broke the protocol.
    Faulty,
}

/// Completes a sentence about a receiver: "it …".
impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            End::Closed => "took no more",
            End::Crashed => "died",
            End::CutOff => "was cut off for being slow",
            End::Faulty => "broke the protocol",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscriberState {
    Live,
    CutOff,
}

/// The memory of a channel through slots, on the sender's side.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) board: BoardWords<Published>,
    pub(crate) ledger: LedgerWords<PeerMap>,
    pub(crate) publisher: Publisher,
}

/// One receiver.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) control: Control,
    /// `None` if its messages travel as sealed files.
    pub(crate) slots: Option<Slots>,
    pub(crate) on_slow: OnSlow,
    pub(crate) state: SubscriberState,
    /// Set once it broke the protocol.
    pub(crate) fault: Option<wire::WireFault>,
    pub(crate) id: Option<ReceiverId>,
    /// Messages that it was not given because it was slow.
    skipped: u64,
    /// True if it said BYE; only sealed subscribers say so in a datagram.
    said_bye: bool,
    /// The features in force.
    features: u64,
}

/// Creates a board, ready to be handed over and published to.
pub(crate) fn new_board(geometry: Geometry, first: u64) -> Result<BoardWords<Published>, OsError> {
    let region = Writable::create(c"bowstring-board", geometry.board_bytes(), Pages::Normal)?.publish()?;
    let board = BoardWords::of(region, geometry);
    ring::begin(board.board(), first);
    Ok(board)
}

impl Slots {
    pub(crate) fn new(board: BoardWords<Published>, ledger: LedgerWords<PeerMap>, first: u64) -> Slots {
        Slots { board, ledger, publisher: Publisher::new(first) }
    }

    #[inline(always)]
    pub(crate) fn views(&mut self) -> (&mut Publisher, Board<'_>, Ledger<'_>) {
        (&mut self.publisher, self.board.board(), self.ledger.ledger())
    }

    #[inline(always)]
    pub(crate) fn board(&self) -> Board<'_> {
        self.board.board()
    }

    #[inline(always)]
    pub(crate) fn ledger(&self) -> Ledger<'_> {
        self.ledger.ledger()
    }
}

impl Subscriber {
    pub(crate) fn new(control: Control, slots: Option<Slots>, on_slow: OnSlow, features: u64) -> Subscriber {
        Subscriber {
            control,
            slots,
            on_slow,
            state: SubscriberState::Live,
            fault: None,
            id: None,
            skipped: 0,
            said_bye: false,
            features,
        }
    }

    /// Returns true if the receiver reports that it has given back the message `number` at `slot`.
    #[inline]
    pub(crate) fn has_released(&self, slot: u32, number: u64) -> bool {
        self.slots.as_ref().is_none_or(|s| ring::is_released(s.ledger(), slot, number))
    }

    /// Returns true if the receiver reports that it takes no more.
    pub(crate) fn has_left(&self) -> bool {
        self.said_bye || self.slots.as_ref().is_some_and(|s| ring::has_left(s.ledger()))
    }

    /// Returns the number of messages taken, as the receiver reports it: for the stats, not to rely on.
    pub(crate) fn taken(&self) -> u64 {
        self.slots.as_ref().map_or(0, |s| s.ledger().head.taken.load(Ordering::Relaxed))
    }

    /// Counts a message that it is not given because it is slow, where the receiver sees the count.
    #[cold]
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
        if let Some(slots) = &self.slots {
            slots.board().head.skipped.store(self.skipped, Ordering::Relaxed);
        }
    }

    /// Returns the number of messages that it was not given because it was slow.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Wakes the receiver in the way it asked for.
    #[cold]
    pub(crate) fn wake(&mut self, how: Sleep) {
        let Some(slots) = &mut self.slots else { return };
        let met = match how {
            Sleep::Futex => futex::wake(&slots.board().head.head),
            // A datagram waits for a sleeper that comes late.
            Sleep::Socket => {
                ring_socket(&self.control);
                true
            }
            Sleep::No | Sleep::Left => false,
        };
        if met {
            slots.publisher.has_woken();
        }
    }

    /// Reads a bounded number of datagrams from the socket: wake-ups are ignored, a BYE is recorded, and anything
    /// else is a protocol violation.
    pub(crate) fn drain_socket(&mut self) {
        for _ in 0..16 {
            let mut datagram = [0; wire::BYE];
            let Some(heard) = self.control.hear(&mut datagram) else { return };
            let understood = heard.and_then(|datagram| self.understand(datagram));
            self.fault = self.fault.or(understood.err());
        }
    }

    fn understand(&mut self, datagram: &[u8]) -> Result<(), wire::WireFault> {
        match wire::kind(datagram)? {
            Kind::Wake => Ok(()),
            // On slot channels, leaving is said in the ledger.
            Kind::Bye if self.slots.is_none() => {
                match Bye::decode(datagram, 0)?.code {
                    0 | 1 => self.said_bye = true,
                    code => return Err(wire::WireFault::Flags(code)),
                }
                Ok(())
            }
            kind => Err(wire::WireFault::Unexpected(kind)),
        }
    }

    /// Disconnects a receiver that cannot keep up.
    pub(crate) fn cut_off(&mut self) {
        self.state = SubscriberState::CutOff;
        self.end(Closing::CutOff, "");
    }

    /// Closes the channel in good order.
    pub(crate) fn close(&mut self) {
        if self.state == SubscriberState::Live {
            self.end(Closing::Done, "");
        }
    }

    /// Ends the channel early, with a reason if the receiver knows reasons.
    pub(crate) fn break_off(&mut self, how: BreakOff, reason: &str) {
        if self.state == SubscriberState::Live && self.features & features::REASONS != 0 {
            self.end(how.closing(), reason);
        }
    }

    fn end(&mut self, why: Closing, reason: &str) {
        let Some(slots) = &mut self.slots else {
            // Room for one more datagram, whatever is queued: the BYE must not be lost to a full buffer.
            let _ = sys::set_send_buffer(self.control.socket(), SEALED_WINDOW * 4);
            let bye = Bye { code: why as u32, missed: self.skipped, reason };
            let (head, len) = bye.head(self.features);
            let _ =
                sys::send(self.control.socket(), &[head.get(..len).unwrap_or(&head), reason.as_bytes()], &[]);
            return;
        };
        let (publisher, board, ledger) = slots.views();
        publisher.close(board, why, reason);
        ring::publish_fence();
        let sleeper = publisher.sleeper(ledger);
        self.wake(sleeper);
    }
}

/// The send buffer of a sealed channel: about a dozen messages in flight, each of which holds its file's memory.
pub(crate) const SEALED_WINDOW: usize = 8 << 10;

/// Rings a peer that sleeps on its socket. If the socket is full, there is something to wake it already.
pub(crate) fn ring_socket(control: &Control) {
    let _ = sys::send(control.socket(), &[&wire::prefix(Kind::Wake, wire::PREFIX), &[]], &[]);
}
