//! Sending: one pool, any number of receivers that come and go.

mod config;
mod meet;

use core::time::Duration;

use rustix::fd::BorrowedFd;

use crate::error::OsError;
use crate::figures::{Figures, LaneFigures};
use crate::hub::lane::{End, OnSlow};
use crate::hub::room::LoanError;
use crate::hub::{Hub, LaneId};
use crate::loan::Loan;
use crate::lobby::Lobby;
use crate::peer::Credentials;
use crate::pool::MAX_LANES;
use crate::region::Pages;
use crate::region::private::MapBox;
use crate::wait::Wait;

pub use config::SenderConfig;
pub use meet::{Arrival, Introduction};

/// Sends messages to up to 64 receivers, all from one pool.
///
/// ```no_run
/// use bowstring_transport::{Answer, Listener, SenderConfig, Wait};
/// let listener = Listener::bind(b"/run/user/1000/ticks.sock")?;
/// let mut sender = SenderConfig::new().build()?;
/// sender.accept(&listener, Wait::sleeping(), &mut |_| Answer::Welcome(b"ticks"))?;
/// let mut loan = sender.loan(8)?;
/// loan.copy_from_slice(&42_u64.to_le_bytes());
/// loan.commit(8).map_err(|e| e.why)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    inner: MapBox<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    lobby: Lobby,
    patience: Duration,
}

impl Sender {
    // ---- messages ----

    /// Room for a message of up to `len` bytes; waits for it without end.
    #[inline(always)]
    pub fn loan(&mut self, len: usize) -> Result<Loan<'_>, LoanError> {
        self.loan_with(len, Wait::sleeping())
    }

    /// Room for a message of up to `len` bytes; waits as told.
    #[inline(always)]
    pub fn loan_with(&mut self, len: usize, wait: Wait) -> Result<Loan<'_>, LoanError> {
        self.lend(len, Some(wait))
    }

    /// Room for a message of up to `len` bytes, if there is some now.
    #[inline(always)]
    pub fn try_loan(&mut self, len: usize) -> Result<Loan<'_>, LoanError> {
        self.lend(len, None)
    }

    #[inline(always)]
    fn lend(&mut self, len: usize, wait: Option<Wait>) -> Result<Loan<'_>, LoanError> {
        let hub = &mut self.inner.hub;
        if hub.all_sealed() {
            return (hub.rare.lend_file)(hub, len, wait);
        }
        let Some(span) = hub.pool.as_ref().and_then(|pool| pool.geometry.span(len)) else {
            let most = hub.pool.as_ref().map_or(0, |pool| pool.geometry.pool_bytes());
            return Err(LoanError::TooLong { len, most });
        };
        let slot = hub.find_room(span, wait)?;
        Ok(Loan::in_slots(hub, slot, span, len))
    }

    /// Waits, as told, until a loan of `len` bytes would have room at once. Messages that travel as files of their own
    /// always have: what they wait for is told by their commit.
    ///
    /// For who does other things between two waits, such as tending newcomers.
    #[inline]
    pub fn await_room(&mut self, len: usize, wait: Wait) -> Result<(), LoanError> {
        let hub = &mut self.inner.hub;
        if hub.all_sealed() {
            return hub.somebody_is_there();
        }
        match hub.pool.as_ref().map(|pool| pool.geometry) {
            Some(geometry) => match geometry.span(len) {
                Some(span) => hub.find_room(span, Some(wait)).map(drop),
                None => Err(LoanError::TooLong { len, most: geometry.pool_bytes() }),
            },
            None => Ok(()),
        }
    }

    /// A message that is there already: loan, copy, commit.
    pub fn send(&mut self, message: &[u8]) -> Result<crate::Receipt, SendError> {
        let mut loan = self.loan(message.len()).map_err(SendError::Loan)?;
        loan.copy_from_slice(message);
        loan.commit(message.len()).map_err(|e| SendError::Commit(e.why))
    }

    /// Announces that this sender will sleep on [`descriptors`](Self::descriptors) until a message of `len` bytes has
    /// room. Answers `false` if there is room already.
    pub fn arm(&mut self, len: usize) -> bool {
        let hub = &mut self.inner.hub;
        let span = hub.pool.as_ref().and_then(|pool| pool.geometry.span(len));
        span.is_some_and(|span| hub.arm_for_room(span))
    }

    /// Ends the sleep that [`arm`](Self::arm) announced.
    pub fn disarm(&mut self) {
        self.inner.hub.disarm_for_room();
    }

    /// The sockets of the receivers: readable after [`arm`](Self::arm) when one has given something back, and whenever
    /// one is gone.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.inner.hub.lanes().map(|(_, lane)| lane.control.socket())
    }

    // ---- receivers ----

    /// How many receivers are given new messages.
    #[must_use]
    pub fn receivers(&self) -> u32 {
        self.inner.hub.receivers()
    }

    /// The receivers that are connected, those that are being wound up included.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.inner.hub.lanes().filter_map(|(_, lane)| lane.id)
    }

    /// Who a receiver is; `None` once it has gone.
    #[must_use]
    pub fn peer(&self, receiver: LaneId) -> Option<Credentials> {
        self.inner.hub.lane(receiver).map(|lane| lane.control.credentials())
    }

    /// Gives one receiver a policy of its own. Answers whether it is still there.
    pub fn set_on_slow(&mut self, receiver: LaneId, on_slow: OnSlow) -> bool {
        self.inner.hub.lane_mut(receiver).map(|lane| lane.on_slow = on_slow).is_some()
    }

    /// Looks at all receivers' processes now and takes back what the dead still held.
    pub fn reap(&mut self) -> Result<(), OsError> {
        self.inner.hub.reap()
    }

    /// The next receiver that has ended since this was last asked, and how.
    pub fn next_ended(&mut self) -> Option<(LaneId, End)> {
        self.inner.hub.take_ended()
    }

    /// How often a busy sender looks whether its receivers live; 50 ms unless said otherwise.
    pub fn watch_every(&mut self, interval: Duration) {
        self.inner.hub.watch_every(interval);
    }

    /// Ends without closing: to receivers it looks as if this process had died, once they have taken what was committed.
    /// For a sender that cannot send all that it was to, so that nobody takes a part for the whole.
    pub fn abandon(mut self) {
        self.inner.hub.abandon();
    }

    // ---- figures ----

    /// The figures of this sender.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.inner.hub.show();
        self.inner.hub.gauge.read()
    }

    /// The figures of one receiver; `None` once it has gone.
    #[must_use]
    pub fn lane_figures(&self, receiver: LaneId) -> Option<LaneFigures> {
        self.inner.hub.lane(receiver)?;
        self.inner.hub.show();
        self.inner.hub.gauge.lane(receiver.lane as usize)
    }

    /// The pages that the host granted for the pool; `None` without a pool.
    #[must_use]
    pub fn pages(&self) -> Option<Pages> {
        self.inner.hub.pool.as_ref().map(|pool| pool.region.pages())
    }

    /// The most receivers there can be.
    pub const MAX_RECEIVERS: usize = MAX_LANES;
}

/// Why [`Sender::send`] did not send.
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
