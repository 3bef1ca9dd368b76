//! Sending: one pool, any number of receivers that come and go.

use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{BorrowedFd, OwnedFd};

use crate::abi::{Geometry, GeometryError};
use crate::error::OsError;
use crate::figures::{Figures, LaneFigures};
use crate::hub::lane::{End, OnSlow};
use crate::hub::room::LoanError;
use crate::hub::{Hub, LaneId};
use crate::incoming::Incoming;
use crate::join::{self, Joined, Joining, Step, Wants};
use crate::loan::Loan;
use crate::lobby::{Lobby, Terms};
use crate::peer::{Access, Credentials};
use crate::pool::MAX_LANES;
use crate::region::Pages;
use crate::region::private::MapBox;
use crate::session::parley::{Answer, Knock, MeetError};
use crate::session::{Deliveries, Listener, listen};
use crate::sys;
use crate::wait::Wait;

/// How a sender is made.
///
/// ```
/// use bowstring_transport::SenderConfig;
/// // 16 slots of 1 MiB: batches of up to a megabyte in a slot each, up to sixteen megabytes in all.
/// let sender = SenderConfig::new().slots(16, 1 << 20).build()?;
/// assert_eq!(sender.figures().slots, 16);
/// # Ok::<(), bowstring_transport::MeetError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SenderConfig {
    slots: u32,
    slot_size: u64,
    pages: Pages,
    deliveries: Deliveries,
    on_slow: OnSlow,
    first_ticket: u64,
}

impl SenderConfig {
    /// 64 slots of 64 KiB, which stay in the cache of most machines; every delivery; slow receivers are waited for.
    pub const fn new() -> SenderConfig {
        SenderConfig {
            slots: 64,
            slot_size: 64 << 10,
            pages: Pages::Normal,
            deliveries: Deliveries::ANY,
            on_slow: OnSlow::Block,
            first_ticket: 1,
        }
    }

    /// The shape of the pool. A message may be as long as the whole pool; it takes neighbouring slots.
    pub const fn slots(self, slots: u32, slot_size: usize) -> SenderConfig {
        SenderConfig { slots, slot_size: slot_size as u64, ..self }
    }

    /// The pages of the pool.
    pub const fn pages(self, pages: Pages) -> SenderConfig {
        SenderConfig { pages, ..self }
    }

    /// The deliveries to offer. A sender of sealed messages only has no pool.
    pub const fn deliveries(self, deliveries: Deliveries) -> SenderConfig {
        SenderConfig { deliveries, ..self }
    }

    /// What to do with receivers that are slow; each can be given its own policy later.
    pub const fn on_slow(self, on_slow: OnSlow) -> SenderConfig {
        SenderConfig { on_slow, ..self }
    }

    /// The ticket of the first message of every channel. Anything but 1 is for testing what happens when counts wrap.
    pub const fn first_ticket(self, first: u64) -> SenderConfig {
        SenderConfig { first_ticket: first, ..self }
    }

    /// Makes the sender: its pool is allocated and faulted in now.
    pub fn build(self) -> Result<Sender, MeetError> {
        let geometry = if self.deliveries.use_slots() {
            Some(Geometry::new(self.slots, self.slot_size, u64::MAX).map_err(MeetError::Geometry)?)
        } else {
            None
        };
        if self.first_ticket == 0 || self.first_ticket > u64::MAX / 2 {
            return Err(MeetError::Geometry(GeometryError::Slots(0)));
        }
        let hub = Hub::new(geometry, self.pages, self.deliveries, self.on_slow, self.first_ticket)?;
        let inner = MapBox::new(Inner { hub, lobby: Lobby::new(), patience: crate::incoming::PATIENCE })?;
        Ok(Sender { inner })
    }
}

impl Default for SenderConfig {
    fn default() -> SenderConfig {
        SenderConfig::new()
    }
}

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

/// A receiver that has come in.
#[derive(Debug)]
pub struct Arrival {
    /// Its place.
    pub receiver: LaneId,
    /// The channel towards this program, if both directions were agreed to.
    pub(crate) incoming: Option<Incoming>,
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

    /// Lets in whoever knocks, as far as that goes without waiting, and takes back what the dead still held. Call it
    /// now and then; a connection that says nothing costs nobody else anything.
    ///
    /// `answer` decides on each connector and says what to greet it with.
    pub fn tend<'g>(
        &mut self,
        listener: &Listener,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        self.tend_as(listener, Access::SameUser, None, answer)
    }

    /// As [`tend`](Self::tend), for receivers of other users too.
    pub fn tend_for<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        self.tend_as(listener, access, None, answer)
    }

    pub(crate) fn tend_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        let Inner { hub, lobby, patience } = &mut *self.inner;
        hub.reap_if_due()?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let terms = Terms { access, wants, patience };
        loop {
            match lobby.tend(listener, terms, Some(hub), answer)? {
                None => return Ok(None),
                Some(Ok(joined)) => return arrival(joined).map(Some),
                // A connector that fails is its own trouble.
                Some(Err(_)) => {}
            }
        }
    }

    /// Waits until a receiver has come in.
    pub fn accept<'g>(
        &mut self,
        listener: &Listener,
        wait: Wait,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Arrival, MeetError> {
        self.accept_as(listener, Access::SameUser, None, wait, answer)
    }

    pub(crate) fn accept_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        wait: Wait,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Arrival, MeetError> {
        use crate::wait::{Step as Next, Waiting};
        let mut waiting = Waiting::begin(wait.spins(0));
        loop {
            if let Some(arrival) = self.tend_as(listener, access, wants, answer)? {
                return Ok(arrival);
            }
            match waiting.step() {
                Next::TimedOut => return Err(MeetError::TimedOut("a connection")),
                Next::Sleep(nanos) => self.inner.lobby.sleep(listener, nanos)?,
                Next::Look | Next::Glance | Next::Watch => {}
            }
        }
    }

    /// Connects to a receiver that listens on `path`.
    pub fn connect(&mut self, path: &[u8], meeting: &Introduction<'_>) -> Result<Arrival, MeetError> {
        self.connect_over(listen::connect(path)?, meeting)
    }

    /// Connects to a receiver that listens on a name in the abstract namespace.
    pub fn connect_abstract(
        &mut self,
        name: &[u8],
        meeting: &Introduction<'_>,
    ) -> Result<Arrival, MeetError> {
        self.connect_over(listen::connect_abstract(name)?, meeting)
    }

    /// Meets a receiver over a connected socket, as the side that speaks first. The receiver must listen: see
    /// [`Meeting::hear_out`](crate::Meeting::hear_out).
    pub fn connect_over(
        &mut self,
        socket: OwnedFd,
        meeting: &Introduction<'_>,
    ) -> Result<Arrival, MeetError> {
        self.connect_as(socket, meeting.access, meeting.greeting, meeting.patience, None)
    }

    pub(crate) fn connect_as(
        &mut self,
        socket: OwnedFd,
        access: Access<'_>,
        greeting: &[u8],
        patience: Duration,
        wants: Option<&Wants>,
    ) -> Result<Arrival, MeetError> {
        let socket = listen::connected(socket)?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        arrival(join::connect(socket, patience, access, greeting, Some(&mut self.inner.hub), wants)?)
    }

    /// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has, as the side that
    /// listens. The receiver connects with [`Meeting::over`](crate::Meeting::over).
    pub fn meet(&mut self, socket: OwnedFd, introduction: &Introduction<'_>) -> Result<Arrival, MeetError> {
        self.meet_as(socket, introduction, None)
    }

    pub(crate) fn meet_as(
        &mut self,
        socket: OwnedFd,
        introduction: &Introduction<'_>,
        wants: Option<&Wants>,
    ) -> Result<Arrival, MeetError> {
        let socket = listen::connected(socket)?;
        let hub = &mut self.inner.hub;
        let patience = u64::try_from(introduction.patience.as_nanos()).unwrap_or(u64::MAX);
        let mut joining = Joining::new(socket, join::card(Some(hub), wants, false), patience)?;
        let answer = &mut |_: &Knock<'_>| Answer::Welcome(introduction.greeting);
        loop {
            match joining.advance(introduction.access, Some(hub), answer)? {
                Step::In(joined) => return arrival(joined),
                Step::Done => return Err(MeetError::HungUp),
                Step::Waiting => {
                    sys::poll(&mut [PollFd::new(&joining.socket(), PollFlags::IN)], 10_000_000)?;
                }
            }
        }
    }

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

    /// How long a connection may take for the handshake; two seconds unless said otherwise.
    pub fn set_patience(&mut self, patience: Duration) {
        self.inner.patience = patience;
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

fn arrival(joined: Joined) -> Result<Arrival, MeetError> {
    let Joined { lane, incoming } = joined;
    Ok(Arrival { receiver: lane.ok_or(MeetError::HungUp)?, incoming })
}

/// How a sender introduces itself to a receiver over a connection.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Introduction<'a> {
    access: Access<'a>,
    greeting: &'a [u8],
    patience: Duration,
}

impl<'a> Introduction<'a> {
    /// Says `greeting` to the other application.
    pub const fn new(greeting: &'a [u8]) -> Introduction<'a> {
        Introduction { access: Access::SameUser, greeting, patience: crate::incoming::PATIENCE }
    }

    /// Whom to talk to; by default, processes of the same user.
    pub const fn access(self, access: Access<'a>) -> Introduction<'a> {
        Introduction { access, ..self }
    }

    /// How long the other side may take; by default two seconds.
    pub const fn patience(self, patience: Duration) -> Introduction<'a> {
        Introduction { patience, ..self }
    }
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
