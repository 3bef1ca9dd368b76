//! Receiving through slots.

mod copying;
mod error;

use core::cell::{Cell, OnceCell};
use core::marker::PhantomData;
use core::time::Duration;

use rustix::event::PollFlags;
use rustix::fd::OwnedFd;

use crate::abi::{Closing, Sleep};
use crate::connect::session::driver::Greeting;
use crate::connect::session::wire::{self, Kind, Past};
use crate::error::OsError;
use crate::peer::{Credentials, Vital};
use crate::reason::{BreakOff, Words};
use crate::receive::channel::{Channel, Spot};
use crate::receive::lease::{Honest, Lease, Trust};
use crate::receive::prefetch;
use crate::region::private::MapArc;
use crate::ring::{HEAD_CLOSED, Note, Polled, SleepCheck, Taker};
use crate::stats::{Stats, SubscriberStats};
use crate::sync::{Ordering, futex};
use crate::sys;
use crate::wait::{Step, Wait, Waiting, Watch};

pub use copying::{Copied, CopyingReceiver};
pub use error::{RecvError, SenderFault};

/// The receiving end of a channel through slots.
///
/// `Receiver<Honest>` gives leases that are `&[u8]` in place; `Receiver<Foreign>` gives leases that can only be copied.
/// It can move to another thread, but only one thread receives at a time; its leases go anywhere.
#[derive(Debug)]
pub struct Receiver<T: Trust> {
    taker: Taker,
    /// The number of the last message.
    last: Cell<u64>,
    /// Where the next message probably lies: right after the last one.
    expected: Cell<Spot>,
    /// Set once the channel is over: every later call answers the same.
    over: Cell<Option<RecvError>>,
    /// The reason that a sender that broke off has given.
    reason: OnceCell<Words>,
    watch: Cell<Watch>,
    cold: Cold<T>,
    channel: MapArc<Channel>,
    greeting: Greeting,
    past: Past,
    _trust: PhantomData<T>,
}

/// A receiver that reads an honest sender's slots in place.
pub type PooledReceiver = Receiver<Honest>;

/// What receiving calls now and then: see [`rare`](crate::send::fanout::rare).
#[derive(Debug)]
struct Cold<T: Trust> {
    wait: WaitForChange<T>,
    look: fn(&Receiver<T>) -> Result<(), RecvError>,
}

type WaitForChange<T> = fn(&Receiver<T>, Wait, &mut Option<Waiting>) -> Result<(), RecvError>;

impl<T: Trust> Receiver<T> {
    pub(crate) fn new(channel: MapArc<Channel>, first: u64, greeting: Greeting, past: Past) -> Receiver<T> {
        Receiver {
            taker: Taker::new(first),
            last: Cell::new(0),
            expected: Cell::new(Spot::default()),
            over: Cell::new(None),
            reason: OnceCell::new(),
            watch: Cell::new(Watch::default()),
            cold: Cold { wait: Receiver::wait_for_change, look: Receiver::look_for_the_end },
            channel,
            greeting,
            past,
            _trust: PhantomData,
        }
    }

    // What a message passes through is inlined into the caller, so that the lease is made where it is wanted. Handed
    // over in memory, it would be written in words and read back in pairs of them, which waits until the processor has
    // carried out every store before: among them those of the message that the caller is writing itself.

    /// The next message, if one is there. Makes no system call as long as messages come.
    #[inline(always)]
    pub fn try_recv(&self) -> Result<Option<Lease<'_, T>>, RecvError> {
        let taken = self.take()?;
        if taken.is_none() {
            let mut watch = self.watch.get();
            let due = watch.is_due();
            self.watch.set(watch);
            if due {
                (self.cold.look)(self)?;
            }
        }
        Ok(taken)
    }

    /// The next message; waits for it without end, spinning first and then asleep.
    #[inline(always)]
    pub fn recv(&self) -> Result<Lease<'_, T>, RecvError> {
        self.recv_with(Wait::sleeping())
    }

    /// The next message; waits as told.
    #[inline(always)]
    pub fn recv_with(&self, wait: Wait) -> Result<Lease<'_, T>, RecvError> {
        // One wait for as long as this takes: a sender that takes back what it published does not begin it anew.
        let mut waiting = None;
        loop {
            if let Some(lease) = self.take()? {
                return Ok(lease);
            }
            (self.cold.wait)(self, wait, &mut waiting)?;
        }
    }

    #[inline(always)]
    fn take(&self) -> Result<Option<Lease<'_, T>>, RecvError> {
        if let Some(over) = self.over.get() {
            return Err(over);
        }
        match self.taker.poll(self.channel.board()) {
            Polled::Empty => Ok(None),
            Polled::Message(note) => self.accept(note).map(Some),
            Polled::Alien { awaited, found } => self.end(SenderFault::Ticket { awaited, found }),
        }
    }

    /// Checks a note and counts it.
    #[inline(always)]
    fn accept(&self, note: Note) -> Result<Lease<'_, T>, RecvError> {
        let Some(at) = self.channel.place(&note, self.expected.get()) else {
            return self.end(SenderFault::Place { slot: note.slot, len: note.len });
        };
        let last = self.last.get();
        if note.number <= last {
            return self.end(SenderFault::Number { last, found: note.number });
        }
        self.last.set(note.number);
        self.expected.set(self.channel.spot_after(&note));
        let ledger = self.channel.ledger().head;
        ledger.taken.store(ledger.taken.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        ledger.bytes.store(ledger.bytes.load(Ordering::Relaxed).wrapping_add(note.len), Ordering::Relaxed);
        Ok(Lease::new(&self.channel, note, at))
    }

    /// Waits until the awaited entry is another than before.
    fn wait_for_change(&self, wait: Wait, waiting: &mut Option<Waiting>) -> Result<(), RecvError> {
        let board = self.channel.board();
        let waiting = waiting.get_or_insert_with(|| Waiting::begin(wait));
        loop {
            match waiting.step() {
                Step::Look => {
                    // Messages mostly lie one after the other: with the entry comes the message's first line.
                    let first_line = self.channel.at(self.expected.get());
                    if self.taker.burst(board, || prefetch::to_read(first_line)) {
                        return Ok(());
                    }
                }
                Step::Glance => self.glance()?,
                Step::Watch => self.look_for_the_end()?,
                Step::Sleep(nanos) => self.sleep(nanos)?,
                Step::TimedOut => {
                    self.look_for_the_end()?;
                    return if self.taker.has_changed(board) { Ok(()) } else { Err(RecvError::TimedOut) };
                }
            }
            if self.taker.has_changed(board) {
                return Ok(());
            }
        }
    }

    /// Sees a sender that has closed, by the head word alone.
    fn glance(&self) -> Result<(), RecvError> {
        let closed = self.channel.board().head.head.load(Ordering::Relaxed) & HEAD_CLOSED != 0;
        if closed { self.look_for_the_end() } else { Ok(()) }
    }

    fn sleep(&self, nanos: u64) -> Result<(), RecvError> {
        let (board, ledger) = (self.channel.board(), self.channel.ledger());
        let check = self.taker.announce_sleep(board, ledger, Sleep::Futex);
        if let SleepCheck::Sleep(word) = check {
            let sleeps = &ledger.head.sleeps;
            sleeps.store(sleeps.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            let slept = futex::wait(&board.head.head, word, nanos);
            self.taker.awake(ledger);
            return Ok(slept?);
        }
        self.conclude(check)
    }

    /// Looks whether the sender has closed or died; if so, and nothing is left to take, that is the end.
    #[cold]
    fn look_for_the_end(&self) -> Result<(), RecvError> {
        // First the process, then the board: whatever it published before it died is then seen.
        let (vital, spoken) = self.channel.control.wait(PollFlags::IN, 0)?;
        if spoken && let Err(fault) = drain(&self.channel) {
            return self.end(SenderFault::Datagram(fault));
        }
        match self.taker.look(self.channel.board()) {
            SleepCheck::Sleep(_) if vital != Vital::Alive => {
                self.over.set(Some(RecvError::Crashed));
                Err(RecvError::Crashed)
            }
            SleepCheck::Sleep(_) => Ok(()),
            other => self.conclude(other),
        }
    }

    fn conclude(&self, check: SleepCheck) -> Result<(), RecvError> {
        let end = match check {
            SleepCheck::Sleep(_) | SleepCheck::Look => return Ok(()),
            SleepCheck::Ended(code) => match Closing::read(code, self.channel.reasons) {
                Some(Closing::Done) => RecvError::Closed,
                Some(Closing::CutOff) => RecvError::CutOff,
                Some(Closing::Failed) => self.broken_off(BreakOff::Failed),
                Some(Closing::Interrupted) => self.broken_off(BreakOff::Interrupted),
                None => RecvError::Fault(SenderFault::Closing(code)),
            },
            SleepCheck::Alien { awaited, found } => RecvError::Fault(SenderFault::Head { awaited, found }),
        };
        self.over.set(Some(end));
        Err(end)
    }

    /// Keeps what the sender says about it.
    fn broken_off(&self, how: BreakOff) -> RecvError {
        let _ = self.reason.set(Words::read(self.channel.board()));
        RecvError::BrokenOff(how)
    }

    /// Returns the reason of a sender that broke off, in its own words: quote them before a terminal sees them. Empty
    /// before [`RecvError::BrokenOff`], and where the sender gave none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.get().map_or("", Words::as_str)
    }

    /// Ends the channel for a fault of the sender's.
    #[cold]
    fn end<R>(&self, fault: SenderFault) -> Result<R, RecvError> {
        let end = RecvError::Fault(fault);
        self.over.set(Some(end));
        Err(end)
    }

    /// A descriptor for `poll`, `epoll` or an async runtime: after [`arm`](Self::arm) it becomes readable when a message
    /// comes or the sender is gone. It belongs to the caller; make it once.
    pub fn pollable(&self) -> Result<OwnedFd, OsError> {
        pollable(&self.channel.control)
    }

    /// Announces that this receiver will sleep on its [`pollable`](Self::pollable) descriptor. Answers `false` if it
    /// should rather receive at once, because a message or the end is there.
    pub fn arm(&self) -> Result<bool, RecvError> {
        if self.over.get().is_some() {
            return Ok(false);
        }
        let check = self.taker.announce_sleep(self.channel.board(), self.channel.ledger(), Sleep::Socket);
        match check {
            SleepCheck::Sleep(_) => Ok(true),
            // `try_recv` will find it; the end is told there and not here.
            other => self.conclude(other).map_or(Ok(false), |()| Ok(false)),
        }
    }

    /// Ends the sleep that [`arm`](Self::arm) announced: reads the wake-up away, and looks whether the sender is gone.
    pub fn disarm(&self) -> Result<(), RecvError> {
        self.taker.awake(self.channel.ledger());
        if let Err(fault) = drain(&self.channel) {
            return self.end(SenderFault::Datagram(fault));
        }
        // The end is told by the next receive, after whatever is left.
        let _ = self.look_for_the_end();
        Ok(())
    }

    /// How often [`try_recv`](Self::try_recv) looks whether the sender lives; 50 ms unless said otherwise.
    pub fn watch_every(&self, interval: Duration) {
        self.watch.set(Watch::every(interval));
    }

    /// What the sender sent before this channel and will not send on it; zeroes from a sender that does not say.
    #[must_use]
    pub fn past(&self) -> Past {
        self.past
    }

    /// What the sender's application said when the channel was made.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Who sends.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.channel.control.credentials()
    }

    /// The sender's stats.
    #[must_use]
    pub fn sender_stats(&self) -> Stats {
        self.channel.stats_region.read()
    }

    /// The sender's stats about the receiver in `place`, 0 to 63, if there is one.
    #[must_use]
    pub fn subscriber_stats(&self, place: usize) -> Option<SubscriberStats> {
        self.channel.stats_region.subscriber(place)
    }

    /// This receiver's own stats.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        let head = self.channel.ledger().head;
        ReceiverStats {
            messages: head.taken.load(Ordering::Relaxed),
            bytes: head.bytes.load(Ordering::Relaxed),
            missed: self.channel.board().head.skipped.load(Ordering::Relaxed),
            sleeps: head.sleeps.load(Ordering::Relaxed),
            copied: head.copied.load(Ordering::Relaxed),
        }
    }

    /// The range of addresses that the sender's pool is mapped at: for showing that nothing was copied.
    #[must_use]
    pub fn pool_addresses(&self) -> core::ops::Range<usize> {
        self.channel.pool_addresses()
    }
}

/// A receiver's own stats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Messages received.
    pub messages: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Messages that the sender says it did not give to this receiver because it was slow.
    pub missed: u64,
    /// Times it went to sleep, each a system call.
    pub sleeps: u64,
    /// Bytes that it copied out of the pool.
    pub copied: u64,
}

/// One descriptor that becomes readable by the peer's datagrams as well as by its death.
pub(crate) fn pollable(control: &crate::peer::Control) -> Result<OwnedFd, OsError> {
    match control.pidfd() {
        Some(pidfd) => sys::epoll(&[control.socket(), pidfd]),
        None => sys::epoll(&[control.socket()]),
    }
}

/// Reads wake-ups away, a bounded number; anything else on the socket is against the protocol.
fn drain(channel: &Channel) -> Result<(), wire::WireFault> {
    for _ in 0..16 {
        let mut datagram = [0; wire::PREFIX];
        let Some(heard) = channel.control.hear(&mut datagram) else { return Ok(()) };
        match wire::kind(heard?)? {
            Kind::Wake => {}
            kind => return Err(wire::WireFault::Unexpected(kind)),
        }
    }
    Ok(())
}

impl<T: Trust> Drop for Receiver<T> {
    fn drop(&mut self) {
        let wake = self.taker.leave(self.channel.board(), self.channel.ledger());
        self.channel.wake_sender(wake);
    }
}
