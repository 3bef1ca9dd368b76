//! From an agreement to a channel: each side makes its own regions, hands over their descriptors, and checks the
//! other's.
//!
//! Both ends of a connection do the same, with the steps in another order; so the steps are here once.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::abi::Geometry;
use crate::channel::{self, Channel, SenderMaps};
use crate::error::{RegionFault, RegionKind};
use crate::figures::PeerGauge;
use crate::hub::lane::{Lane, SEALED_WINDOW, Slots, new_board};
use crate::hub::{Hub, LaneId};
use crate::incoming::{Incoming, Kept};
use crate::peer::{Access, Control};
use crate::region::private::MapArc;
use crate::region::{PeerMap, Published};
use crate::ring::{BoardWords, LedgerWords};
use crate::session::machine::{Agreement, Heard, Incoming as Direction, Side};
use crate::session::parley::{Answer, Greeting, Knock, MeetError, Parley};
use crate::session::wire::{Card, Kind, Receives, Sends, WireFault};
use crate::session::{Deliveries, RefusalCode, listen};
use crate::sys;

/// What a receiving side wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) deliveries: Deliveries,
    pub(crate) max_pool: u64,
    pub(crate) huge_tlb: bool,
}

/// What a side brings to the table.
pub(crate) fn card(hub: Option<&Hub>, wants: Option<&Wants>, observer: bool) -> Card {
    let sends = hub.map_or(Sends::default(), |hub| Sends {
        deliveries: hub.deliveries.bits(),
        slots: hub.pool.as_ref().map_or(0, |p| p.geometry.slots()),
        slot_size: hub.pool.as_ref().map_or(0, |p| p.geometry.slot_size() as u64),
        first: hub.first_ticket,
        huge_tlb: hub.pages == crate::region::Pages::HugeTlb && hub.pool.is_some(),
    });
    let receives = wants.map_or(Receives::default(), |w| Receives {
        deliveries: w.deliveries.bits(),
        max_pool: w.max_pool,
        huge_tlb: w.huge_tlb,
    });
    Card {
        features: 0,
        pid: sys::own_pid() as u32,
        observer,
        sends,
        receives,
        greeting: 0,
        greeting_in_descriptor: false,
    }
}

/// The regions that this side makes for a connection.
#[derive(Debug)]
struct Ours {
    /// Of the outgoing direction, with the shape of its pool.
    board: Option<(BoardWords<Published>, Geometry)>,
    /// Of the incoming direction.
    ledger: Option<LedgerWords<Published>>,
}

impl Ours {
    fn make(agreement: &Agreement, hub: Option<&Hub>) -> Result<Ours, MeetError> {
        let pool = hub.and_then(|hub| Some((hub.pool.as_ref()?.geometry, hub.first_ticket)));
        let board = match (agreement.outgoing, pool) {
            (Some(delivery), Some((geometry, first))) if delivery.uses_slots() => {
                Some((new_board(geometry, first)?, geometry))
            }
            _ => None,
        };
        let ledger = match agreement.incoming {
            Some(Direction::Slots { geometry, .. }) => Some(channel::new_ledger(geometry)?),
            _ => None,
        };
        Ok(Ours { board, ledger })
    }

    /// Calls `f` with the descriptors to hand over, in the order of the protocol.
    fn with_descriptors<R>(&self, hub: Option<&Hub>, f: impl FnOnce(&[BorrowedFd<'_>]) -> R) -> R {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.owner().as_fd());
        match (&self.board, hub.and_then(|hub| Some((hub, hub.pool.as_ref()?))), ledger) {
            (Some((board, _)), Some((hub, pool)), Some(ledger)) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), hub.gauge.fd(), ledger])
            }
            (Some((board, _)), Some((hub, pool)), None) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), hub.gauge.fd()])
            }
            (_, _, Some(ledger)) => f(&[ledger]),
            _ => f(&[]),
        }
    }
}

/// The regions that the other side made, checked and mapped.
#[derive(Debug)]
struct Theirs {
    maps: Option<SenderMaps>,
    ledger: Option<LedgerWords<PeerMap>>,
}

impl Theirs {
    /// Takes the descriptors of a datagram in the order of the protocol. The machine has checked their number.
    fn attach(parley: &mut Parley, agreement: &Agreement, ours: &Ours) -> Result<Theirs, MeetError> {
        let maps = match agreement.incoming {
            Some(Direction::Slots { geometry, huge_tlb, .. }) => {
                let fds = [parley.fds.take()?, parley.fds.take()?, parley.fds.take()?];
                Some(
                    SenderMaps::attach(fds, geometry, huge_tlb)
                        .map_err(|(kind, e)| MeetError::Region(kind, e))?,
                )
            }
            _ => None,
        };
        let ledger = match &ours.board {
            Some((_, geometry)) => {
                let fd = parley.fds.take()?;
                let map = PeerMap::attach(fd.as_fd(), geometry.ledger_bytes(), false);
                let map = map.map_err(|e: RegionFault| MeetError::Region(RegionKind::Ledger, e))?;
                Some(LedgerWords::of(map, *geometry))
            }
            None => None,
        };
        Ok(Theirs { maps, ledger })
    }
}

/// What came of a meeting.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The new receiver of this side's sender.
    pub(crate) lane: Option<LaneId>,
    /// The channel towards this side.
    pub(crate) incoming: Option<Incoming>,
}

/// The two directions, built and not yet open: all that can fail is done.
#[derive(Debug)]
struct Ready {
    lane: Option<Lane>,
    incoming: Option<Incoming>,
}

impl Ready {
    /// Opens the directions. The caller has made sure that `hub` has a place.
    fn open(self, hub: Option<&mut Hub>) -> Result<Joined, MeetError> {
        let lane = match (self.lane, hub) {
            (Some(lane), Some(hub)) => Some(hub.admit(lane).ok_or(MeetError::Full)?),
            _ => None,
        };
        Ok(Joined { lane, incoming: self.incoming })
    }
}

/// Builds the two directions. `sockets` are for the direction of this side's messages and for that of the other's.
fn build(
    agreement: &Agreement,
    ours: Ours,
    theirs: Theirs,
    greeting: Greeting,
    (out, into): (Option<Control>, Option<Control>),
    hub: Option<&Hub>,
) -> Result<Ready, MeetError> {
    let incoming = match (agreement.incoming, into) {
        (Some(Direction::Slots { delivery, geometry, first, .. }), Some(control)) => {
            let (Some(maps), Some(ledger)) = (theirs.maps, ours.ledger) else {
                return Err(MeetError::WrongSocket);
            };
            let channel = MapArc::new(Channel::new(maps, ledger, control, geometry))?;
            Some(Incoming { delivery, kept: Kept::Slots { channel, first }, greeting })
        }
        (Some(direction), Some(control)) => {
            Some(Incoming { delivery: direction.delivery(), kept: Kept::Sealed(control), greeting })
        }
        _ => None,
    };
    let lane = match (agreement.outgoing, out, hub) {
        (Some(_), Some(control), Some(hub)) => {
            let slots = match (ours.board, theirs.ledger) {
                (Some((board, _)), Some(ledger)) => Some(Slots::new(board, ledger, hub.first_ticket)),
                _ => {
                    sys::set_send_buffer(control.socket(), SEALED_WINDOW)?;
                    None
                }
            };
            Some(Lane::new(control, slots, hub.on_slow))
        }
        _ => None,
    };
    Ok(Ready { lane, incoming })
}

/// Meets as the side that speaks first; waits for the other.
pub(crate) fn connect(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
    greeting: &[u8],
    hub: Option<&mut Hub>,
    wants: Option<&Wants>,
) -> Result<Joined, MeetError> {
    if hub.as_ref().is_some_and(|hub| !hub.has_place()) {
        return Err(MeetError::Full);
    }
    let ours = card(hub.as_deref(), wants, false);
    let mut parley = Parley::new(socket, Side::Connector, ours, patience)?;
    let uid = parley.control.credentials().uid;
    if !access.permits(uid) {
        return Err(MeetError::Denied { uid });
    }
    parley.introduce(Kind::Hello, ours, greeting, &[]).map_err(|e| parley.or_last_words(e))?;
    let (agreement, ours, theirs, second) = answer_welcome(&mut parley, hub.as_deref())
        .map_err(|e| parley.or_last_words(e))
        .inspect_err(|e| parley.tell(e))?;
    let Heard::Start(_) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let Parley { control, greeting, .. } = parley;
    // From the connector's side, the first socket carries what comes in, unless nothing does.
    let sockets = match second {
        Some(second) => (Some(control.beside(second)?), Some(control)),
        None if agreement.incoming.is_some() => (None, Some(control)),
        None => (Some(control), None),
    };
    build(&agreement, ours, theirs, greeting, sockets, hub.as_deref())?.open(hub)
}

/// Hears the WELCOME, attaches what came with it, and answers with this side's descriptors.
fn answer_welcome(
    parley: &mut Parley,
    hub: Option<&Hub>,
) -> Result<(Agreement, Ours, Theirs, Option<OwnedFd>), MeetError> {
    let Heard::Welcome(agreement) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let ours = Ours::make(&agreement, hub)?;
    let theirs = Theirs::attach(parley, &agreement, &ours)?;
    let (second, far) = match agreement.is_duplex() {
        true => {
            let (near, far) = sys::socket_pair()?;
            (Some(near), Some(far))
        }
        false => (None, None),
    };
    ours.with_descriptors(hub, |fds| match &far {
        None => parley.say(Kind::Attach, fds),
        Some(far) => {
            let mut all = [far.as_fd(); sys::MAX_FDS];
            for (place, fd) in all[1..].iter_mut().zip(fds) {
                *place = *fd;
            }
            parley.say(Kind::Attach, &all[..=fds.len()])
        }
    })?;
    Ok((agreement, ours, theirs, second))
}

/// Asks a sender for its figures.
pub(crate) fn observe(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
) -> Result<(PeerGauge, Control), MeetError> {
    let ours = card(None, None, true);
    let mut parley = Parley::new(socket, Side::Connector, ours, patience)?;
    let uid = parley.control.credentials().uid;
    if !access.permits(uid) {
        return Err(MeetError::Denied { uid });
    }
    parley.introduce(Kind::Hello, ours, &[], &[]).map_err(|e| parley.or_last_words(e))?;
    let Heard::Welcome(_) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let fd = parley.fds.take()?;
    let gauge = PeerGauge::attach(fd.as_fd())
        .map_err(|e| MeetError::Region(RegionKind::Gauge, e))
        .inspect_err(|e| parley.tell(e))?;
    Ok((gauge, parley.control))
}

/// A connection that has knocked and is on its way in.
#[derive(Debug)]
pub(crate) struct Joining {
    parley: Parley,
    ours: Option<Ours>,
}

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Step {
    /// It waits for the other side.
    Waiting,
    /// It is done and needs nothing more: an observer that has what it came for.
    Done,
    /// It is in.
    In(Joined),
}

impl Joining {
    /// Begins to listen to a connection that was accepted. `ours` is this side's card.
    pub(crate) fn new(socket: OwnedFd, ours: Card, patience: u64) -> Result<Joining, MeetError> {
        Ok(Joining { parley: Parley::new(socket, Side::Listener, ours, patience)?, ours: None })
    }

    /// Whether it has said nothing yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.parley.machine.is_silent()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.parley.control.socket()
    }

    /// Goes as far as it can without waiting.
    pub(crate) fn advance<'g>(
        &mut self,
        access: Access<'_>,
        mut hub: Option<&mut Hub>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Step, MeetError> {
        loop {
            let Some(heard) = self.parley.hear()? else { return Ok(Step::Waiting) };
            let step = match heard {
                Heard::Hello(theirs) => self.welcome(theirs, access, hub.as_deref(), answer),
                Heard::Attach(agreement) => self.finish(&agreement, hub.as_deref_mut()),
                Heard::Welcome(_) | Heard::Start(_) | Heard::Refused(_) => Err(MeetError::HungUp),
            };
            match step.inspect_err(|e| self.parley.tell(e))? {
                Step::Waiting => {}
                done => return Ok(done),
            }
        }
    }

    fn welcome<'g>(
        &mut self,
        theirs: Card,
        access: Access<'_>,
        hub: Option<&Hub>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Step, MeetError> {
        let peer = self.parley.control.credentials();
        if !access.permits(peer.uid) {
            return Err(MeetError::Denied { uid: peer.uid });
        }
        if !theirs.observer && hub.is_some_and(|hub| !hub.has_place()) {
            return Err(MeetError::Full);
        }
        if theirs.observer && hub.is_none() {
            return Err(MeetError::Declined(RefusalCode::NoSender));
        }
        let (welcome, agreement) = self.parley.machine.decide(theirs).map_err(MeetError::Declined)?;
        let knock = Knock { peer, greeting: &self.parley.greeting, observer: theirs.observer };
        let greeting = match answer(&knock) {
            Answer::Welcome(greeting) => greeting,
            Answer::Refuse(reason) => {
                self.parley.refuse(RefusalCode::Application, reason);
                return Err(MeetError::Refused(crate::session::Refusal::ours(reason)));
            }
        };
        if let (true, Some(hub)) = (agreement.observer, hub) {
            hub.show();
            self.parley.introduce(Kind::Welcome, welcome, greeting, &[hub.gauge.fd()])?;
            return Ok(Step::Done);
        }
        let ours = Ours::make(&agreement, hub)?;
        ours.with_descriptors(hub, |fds| self.parley.introduce(Kind::Welcome, welcome, greeting, fds))?;
        self.ours = Some(ours);
        Ok(Step::Waiting)
    }

    fn finish(&mut self, agreement: &Agreement, hub: Option<&mut Hub>) -> Result<Step, MeetError> {
        let second = match agreement.is_duplex() {
            true => Some(listen::connected(self.parley.fds.take()?).map_err(|e| match e {
                MeetError::WrongSocket => WireFault::Socket.into(),
                other => other,
            })?),
            false => None,
        };
        let Some(ours) = self.ours.take() else { return Err(MeetError::HungUp) };
        if hub.as_ref().is_some_and(|hub| !hub.has_place()) {
            return Err(MeetError::Full);
        }
        let theirs = Theirs::attach(&mut self.parley, agreement, &ours)?;
        // The rest of the conversation happens on the channel itself: the parley keeps a duplicate to say START on.
        let control = self.parley.control.beside(sys::duplicate(self.parley.control.socket())?)?;
        let sockets = match second {
            Some(second) => (Some(control), Some(self.parley.control.beside(second)?)),
            None if agreement.outgoing.is_some() => (Some(control), None),
            None => (None, Some(control)),
        };
        let greeting = core::mem::replace(&mut self.parley.greeting, Greeting::None);
        let ready = build(agreement, ours, theirs, greeting, sockets, hub.as_deref())?;
        // What fails until here is told as a refusal. START then goes ahead of the first message.
        self.parley.say(Kind::Start, &[])?;
        Ok(Step::In(ready.open(hub)?))
    }
}
