//! Receiving through slots.

mod copying;
mod error;

use core::cell::{Cell, OnceCell};
use core::marker::PhantomData;
use core::time::Duration;

use rustix::event::PollFlags;
use rustix::fd::OwnedFd;

use crate::abi::{Closing, Geometry, Sleep};
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
/// `Receiver<Honest>` gives leases that are `&[u8]` in place; `Receiver<Foreign>` gives leases that can only be
/// copied. It can move to another thread, but only one thread receives at a time; its leases may go to any thread.
#[derive(Debug)]
pub struct Receiver<T: Trust> {
    taker: Taker,
    /// The number of the last message.
    last: Cell<u64>,
    /// The place where the next message is expected: right after the last one.
    expected: Cell<Spot>,
    /// Set once the channel has ended: every later call returns the same.
    over: Cell<Option<RecvError>>,
    /// The reason given by a sender that broke off.
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

/// Cold operations of receiving: see [`cold`](crate::send::fanout::cold).
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

    // The hot path is inlined into the caller, so that the lease is made where it is needed. Returned through memory,
    // it would be written in words and read back in pairs of them, which waits until the processor has carried out
    // every earlier store: among them those of the message that the caller is writing itself.

    /// Returns the next message, if there is one. Makes no system call while messages keep coming.
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

    /// Returns the next message if it is there now. `None` says nothing of the sender: [`try_recv`](Self::try_recv) and
    /// [`recv_with`](Self::recv_with) tell of its end and its faults. For callers that look before they wait.
    #[inline(always)]
    pub fn recv_at_once(&self) -> Option<Lease<'_, T>> {
        self.take().ok().flatten()
    }

    /// Returns the next message; waits for it forever, spinning first and then asleep.
    #[inline(always)]
    pub fn recv(&self) -> Result<Lease<'_, T>, RecvError> {
        self.recv_with(Wait::sleeping())
    }

    /// Returns the next message; waits as `wait` says.
    #[inline(always)]
    pub fn recv_with(&self, wait: Wait) -> Result<Lease<'_, T>, RecvError> {
        // One wait in total: a sender that takes back what it published does not restart it.
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

    /// Waits until the awaited entry changes.
    fn wait_for_change(&self, wait: Wait, waiting: &mut Option<Waiting>) -> Result<(), RecvError> {
        let board = self.channel.board();
        let waiting = waiting.get_or_insert_with(|| Waiting::begin(wait));
        loop {
            match waiting.step() {
                Step::Look => {
                    // Messages mostly follow each other in memory: with the entry, request the message's first line.
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

    /// Detects a sender that has closed, from the head word alone.
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

    /// Checks whether the sender has closed or died; if so, and nothing is left to take, the channel has ended.
    #[cold]
    fn look_for_the_end(&self) -> Result<(), RecvError> {
        // The process first, then the board: whatever it published before it died is then seen.
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

    /// Keeps the reason that the sender gives.
    fn broken_off(&self, how: BreakOff) -> RecvError {
        let _ = self.reason.set(Words::read(self.channel.board()));
        RecvError::BrokenOff(how)
    }

    /// Returns the reason of a sender that broke off, in its own words: escape them before printing to a terminal.
    /// Empty before [`RecvError::BrokenOff`], and if the sender gave none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.get().map_or("", Words::as_str)
    }

    /// Ends the channel because of a fault of the sender.
    #[cold]
    fn end<R>(&self, fault: SenderFault) -> Result<R, RecvError> {
        let end = RecvError::Fault(fault);
        self.over.set(Some(end));
        Err(end)
    }

    /// Returns a new descriptor for `poll`, `epoll` or an async runtime: after [`arm`](Self::arm) it becomes readable
    /// when a message comes or the sender is gone. The caller owns it; make it once.
    pub fn pollable(&self) -> Result<OwnedFd, OsError> {
        pollable(&self.channel.control)
    }

    /// Announces that this receiver will sleep on its [`pollable`](Self::pollable) descriptor. Returns `false` if
    /// there is a message or the end to receive instead.
    pub fn arm(&self) -> Result<bool, RecvError> {
        if self.over.get().is_some() {
            return Ok(false);
        }
        let check = self.taker.announce_sleep(self.channel.board(), self.channel.ledger(), Sleep::Socket);
        match check {
            SleepCheck::Sleep(_) => Ok(true),
            // `try_recv` will find it; the end is reported there and not here.
            other => self.conclude(other).map_or(Ok(false), |()| Ok(false)),
        }
    }

    /// Ends the sleep that [`arm`](Self::arm) announced: discards the wake-up, and checks whether the sender is gone.
    pub fn disarm(&self) -> Result<(), RecvError> {
        self.taker.awake(self.channel.ledger());
        if let Err(fault) = drain(&self.channel) {
            return self.end(SenderFault::Datagram(fault));
        }
        // The next receive reports the end, after what is left.
        let _ = self.look_for_the_end();
        Ok(())
    }

    /// Sets how often [`try_recv`](Self::try_recv) checks that the sender is alive; every 50 ms by default.
    pub fn watch_every(&self, interval: Duration) {
        self.watch.set(Watch::every(interval));
    }

    /// Returns what the sender sent before this channel and will not send on it; zeroes if the sender does not say.
    #[must_use]
    pub fn past(&self) -> Past {
        self.past
    }

    /// Returns the greeting of the sender's application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.channel.control.credentials()
    }

    /// Returns the sender's stats.
    #[must_use]
    pub fn sender_stats(&self) -> Stats {
        self.channel.stats_region.read()
    }

    /// Returns the sender's stats about the receiver in `place`, 0 to 63, if there is one.
    #[must_use]
    pub fn subscriber_stats(&self, place: usize) -> Option<SubscriberStats> {
        self.channel.stats_region.subscriber(place)
    }

    /// Returns this receiver's own stats.
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

    /// Returns the shape of the sender's pool.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.channel.geometry
    }

    /// Returns the addresses at which the sender's pool is mapped, to show that nothing was copied.
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
    /// Messages that the sender did not give to this receiver because it was slow, as the sender reports it.
    pub missed: u64,
    /// Times it went to sleep, each a system call.
    pub sleeps: u64,
    /// Bytes that it copied out of the pool.
    pub copied: u64,
}

/// Returns one descriptor that becomes readable by the peer's datagrams as well as by its death.
pub(crate) fn pollable(control: &crate::peer::Control) -> Result<OwnedFd, OsError> {
    match control.pidfd() {
        Some(pidfd) => sys::epoll(&[control.socket(), pidfd]),
        None => sys::epoll(&[control.socket()]),
    }
}

/// Discards a bounded number of wake-ups; anything else on the socket is a protocol violation.
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
