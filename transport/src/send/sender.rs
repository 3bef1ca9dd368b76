//! Sending: one pool, any number of receivers that come and go.

mod config;
mod handshake;
mod meet;

use core::time::Duration;

use rustix::fd::BorrowedFd;

use crate::connect::pending::PendingHandshakes;
use crate::connect::session::wire::Past;
use crate::error::OsError;
use crate::peer::Credentials;
use crate::reason::BreakOff;
use crate::region::Pages;
use crate::region::private::MapBox;
use crate::send::fanout::pending::Unfinished;
use crate::send::fanout::room::LoanError;
use crate::send::fanout::subscriber::{End, OnSlow};
use crate::send::fanout::{Fanout, ReceiverId};
use crate::send::file_loan::FileLoan;
use crate::send::loan::Loan;
use crate::send::pool::MAX_RECEIVERS;
use crate::stats::{Stats, SubscriberStats};
use crate::wait::Wait;

pub use config::SenderConfig;
pub use handshake::HandshakeConfig;
pub use meet::Arrival;

/// Sends messages to up to 64 receivers, all from one pool.
///
/// ```no_run
/// use bowstring_transport::{HandshakeConfig, Listener, SenderConfig};
/// let listener = Listener::bind(b"/run/user/1000/ticks.sock")?;
/// let mut sender = SenderConfig::new().build()?;
/// sender.accept(&listener, &HandshakeConfig::new(b"ticks"))?;
/// let mut loan = sender.loan(8)?;
/// loan.copy_from_slice(&42_u64.to_le_bytes());
/// loan.commit(8)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    inner: MapBox<Inner>,
}

#[derive(Debug)]
struct Inner {
    fanout: Fanout,
    pending: PendingHandshakes,
}

impl Sender {
    // ---- messages ----

    /// Lends room for a message of up to `len` bytes; waits for it forever.
    #[inline(always)]
    pub fn loan(&mut self, len: usize) -> Result<Loan<'_>, LoanError> {
        self.loan_with(len, Wait::sleeping())
    }

    /// Lends room for a message of up to `len` bytes; waits as `wait` says.
    #[inline(always)]
    pub fn loan_with(&mut self, len: usize, wait: Wait) -> Result<Loan<'_>, LoanError> {
        self.lend(len, Some(wait))
    }

    /// Lends room for a message of up to `len` bytes, if there is some now.
    #[inline(always)]
    pub fn try_loan(&mut self, len: usize) -> Result<Loan<'_>, LoanError> {
        self.lend(len, None)
    }

    /// Lends one slot, if a message of `len` bytes fits into one and the next one is known to be free. `None`, and nothing
    /// is done, in any other case: the other calls lend then, or say why not. For callers that keep the loan in memory, as
    /// for [`Loan::commit_kept`]: this calls no function, so it saves no registers either.
    #[inline(always)]
    pub fn loan_slot(&mut self, len: usize) -> Option<Loan<'_>> {
        let fanout = &mut self.inner.fanout;
        let slot = fanout.next_slot(len)?;
        Some(Loan::in_slots(fanout, slot, 1, len))
    }

    #[inline(always)]
    fn lend(&mut self, len: usize, wait: Option<Wait>) -> Result<Loan<'_>, LoanError> {
        let fanout = &mut self.inner.fanout;
        if fanout.sealed != 0 || fanout.pool.is_none() {
            return (fanout.cold.lend_to_files)(fanout, len, wait);
        }
        let extent = fanout.extent(len)?;
        let slot = fanout.find_room(extent, wait)?;
        Ok(Loan::in_slots(fanout, slot, extent.span, len))
    }

    /// Lends a file to write a message of `len` bytes into, if every receiver is sent files now and pages are of the
    /// usual size. What is written goes to the kernel at once, so nothing is copied a second time.
    ///
    /// ```
    /// use bowstring_transport::{Connector, Deliveries, HandshakeConfig, Label, SenderConfig, socket_pair};
    /// # let (here, there) = socket_pair()?;
    /// # let receiving = std::thread::spawn(move || Connector::new(Deliveries::SEALED).connect(there).map(drop));
    /// let mut sender = SenderConfig::new().build()?;
    /// # sender.accept(here, &HandshakeConfig::new(b""))?;
    /// if let Some(mut file) = sender.try_file(8)? {
    ///     file.write(4, &[&[5, 6], &[7, 8]]);
    ///     file.write(0, &[&[1, 2, 3, 4]]);
    ///     file.commit_as(Label::default())?;
    /// }
    /// # receiving.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_file(&mut self, len: usize) -> Result<Option<FileLoan<'_>>, LoanError> {
        self.inner.fanout.lend_file(len)
    }

    /// Lends the same room as an earlier loan that was dropped: its length, and the [slot](Loan::slot) it began at. If
    /// nothing was sent in between, it holds what was written there.
    ///
    /// # Errors
    /// [`LoanError::Full`] if something lies there now, or messages do not go through slots any more.
    pub fn try_loan_at(&mut self, len: usize, slot: u32) -> Result<Loan<'_>, LoanError> {
        let fanout = &mut self.inner.fanout;
        fanout.somebody_is_there()?;
        let extent = fanout.extent(len)?;
        let pool = fanout.pool.as_ref().filter(|_| fanout.sealed == 0);
        match pool.is_some_and(|pool| pool.occupation.is_free(slot, extent.span)) {
            true => Ok(Loan::in_slots(fanout, slot, extent.span, len)),
            false => Err(LoanError::Full),
        }
    }

    /// Waits until a loan of `len` bytes would be lent at once.
    ///
    /// For a program that does other things between two waits, such as accepting receivers.
    #[inline]
    pub fn await_room(&mut self, len: usize, wait: Wait) -> Result<(), LoanError> {
        self.inner.fanout.await_room(len, wait)
    }

    /// Waits until every receiver has been given what was committed.
    ///
    /// There is something to wait for only after [`CommitFault::Unfinished`](crate::CommitFault::Unfinished). However
    /// often this returns an error, nothing is lost, and nothing is sent twice.
    pub fn finish(&mut self, wait: Wait) -> Result<(), Unfinished> {
        self.inner.fanout.finish(Some(wait)).map(drop)
    }

    /// Returns the message that some receiver has not been given yet, with that receiver.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.inner.fanout.unfinished()
    }

    /// Sends a message that exists elsewhere: loan, copy, commit.
    pub fn send(&mut self, message: &[u8]) -> Result<crate::Receipt, SendError> {
        let mut loan = self.loan(message.len()).map_err(SendError::Loan)?;
        loan.copy_from_slice(message);
        loan.commit(message.len()).map_err(SendError::Commit)
    }

    /// Announces that this sender will sleep on [`descriptors`](Self::descriptors) until a message of `len` bytes has
    /// room. Returns `false` if there is room already.
    pub fn arm(&mut self, len: usize) -> bool {
        let fanout = &mut self.inner.fanout;
        fanout.extent(len).is_ok_and(|extent| fanout.arm_for_room(extent))
    }

    /// Ends the sleep that [`arm`](Self::arm) announced.
    pub fn disarm(&mut self) {
        self.inner.fanout.disarm_for_room();
    }

    /// Returns the sockets of the receivers: readable after [`arm`](Self::arm) when one has given something back, and
    /// whenever one is gone.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.inner.fanout.subscribers().map(|(_, subscriber)| subscriber.control.socket())
    }

    // ---- receivers ----

    /// Returns the number of receivers that are given new messages.
    #[must_use]
    pub fn receivers(&self) -> u32 {
        self.inner.fanout.receivers()
    }

    /// Returns the number of connections that were accepted and have not finished their handshake.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.inner.pending.len()
    }

    /// Returns the connected receivers, including those being wound up.
    pub fn subscribers(&self) -> impl Iterator<Item = ReceiverId> {
        self.inner.fanout.subscribers().filter_map(|(_, subscriber)| subscriber.id)
    }

    /// Returns the identity of a receiver; `None` once it has gone.
    #[must_use]
    pub fn peer(&self, receiver: ReceiverId) -> Option<Credentials> {
        self.inner.fanout.subscriber(receiver).map(|subscriber| subscriber.control.credentials())
    }

    /// Sets the policy of one receiver. Returns `false` if it has gone.
    pub fn set_on_slow(&mut self, receiver: ReceiverId, on_slow: OnSlow) -> bool {
        self.inner.fanout.subscriber_mut(receiver).map(|subscriber| subscriber.on_slow = on_slow).is_some()
    }

    /// Checks all receivers' processes now and takes back what the dead still held.
    pub fn reap(&mut self) -> Result<(), OsError> {
        self.inner.fanout.reap()
    }

    /// Returns the next receiver that has ended since the last call, and how.
    pub fn next_ended(&mut self) -> Option<(ReceiverId, End)> {
        self.inner.fanout.take_ended()
    }

    /// Sets how often a busy sender checks that its receivers are alive; every 50 ms by default.
    pub fn watch_every(&mut self, interval: Duration) {
        self.inner.fanout.watch_every(interval);
    }

    /// Ends without closing: once receivers have taken what was committed, it looks to them as if this process had
    /// died. For a sender that cannot send everything, so that nobody takes a part for the whole.
    pub fn abandon(mut self) {
        self.inner.fanout.abandon(None);
    }

    /// Ends without closing, with a reason: receivers get [`RecvError::BrokenOff`](crate::RecvError::BrokenOff) and
    /// the first 96 bytes of `reason` once they have taken what was committed. Receivers that do not know reasons see
    /// the same as after [`abandon`](Self::abandon).
    pub fn abandon_with(mut self, how: BreakOff, reason: &str) {
        self.inner.fanout.abandon(Some((how, reason)));
    }

    /// Sets what later receivers learn was sent before them and will not be sent to them.
    pub fn set_past(&mut self, past: Past) {
        self.inner.fanout.past = past;
    }

    // ---- stats ----

    /// Returns the stats of this sender.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.fanout.show();
        self.inner.fanout.stats_region.read()
    }

    /// Returns the stats of one receiver; `None` once it has gone.
    #[must_use]
    pub fn subscriber_stats(&self, receiver: ReceiverId) -> Option<SubscriberStats> {
        self.inner.fanout.subscriber(receiver)?;
        self.inner.fanout.show();
        self.inner.fanout.stats_region.subscriber(receiver.subscriber as usize)
    }

    /// Returns the kind of pages that the host granted for the pool; `None` without a pool.
    #[must_use]
    pub fn pages(&self) -> Option<Pages> {
        self.inner.fanout.pool.as_ref().map(|pool| pool.region.pages())
    }

    /// The most receivers of one sender.
    pub const MAX_RECEIVERS: usize = MAX_RECEIVERS;
}

/// Reasons why [`Sender::send`] did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// There was no room.
    Loan(LoanError),
    /// It could not be committed.
    Commit(crate::CommitFault),
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SendError::Loan(e) => e.fmt(f),
            SendError::Commit(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for SendError {}
