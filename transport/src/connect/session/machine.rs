//! The handshake as a machine without I/O: datagrams in, decisions out.
//!
//! It knows which datagram may come when, how many descriptors each must carry, and what two cards agree to. It is
//! driven by `driver` in earnest and by arbitrary bytes in the tests.

use super::wire::{self, Card, Kind, WireFault};
use crate::abi::Geometry;

// The machine's vocabulary, by the paths that it is known by.
pub use super::delivery::{Deliveries, Delivery};
pub use super::refusal::{Refusal, RefusalCode};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that speaks first.
    Connector,
    /// The one that answers.
    Listener,
}

/// What the two sides have agreed to, from this side's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How this side's messages go out, if it sends.
    pub outgoing: Option<Delivery>,
    /// How the other side's messages come in, if it sends.
    pub incoming: Option<Incoming>,
    /// Whether the connector only observes.
    pub observer: bool,
    /// The other side's card.
    pub theirs: Card,
}

/// The agreed direction towards this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Through slots of this shape.
    Slots {
        /// Pooled or copied.
        delivery: Delivery,
        /// The other side's pool.
        geometry: Geometry,
        /// The first ticket.
        first: u64,
        /// Whether the pool is made of reserved huge pages.
        huge_tlb: bool,
    },
    /// As sealed files.
    Sealed,
}

/// Descriptors that belong to a pool: pool, board, stats_region.
const SENDER_DESCRIPTORS: usize = 3;

impl Agreement {
    fn slots_in(&self) -> bool {
        matches!(self.incoming, Some(Incoming::Slots { .. }))
    }

    fn slots_out(&self) -> bool {
        self.outgoing.is_some_and(Delivery::uses_slots)
    }

    /// Whether both directions are open, and the connector therefore makes a second socket.
    pub(crate) fn is_duplex(&self) -> bool {
        self.outgoing.is_some() && self.incoming.is_some()
    }

    /// Descriptors that the other side hands over besides a greeting's: its pool, board and stats_region if it sends through
    /// slots, and its ledger if it receives through slots.
    fn descriptors_in(&self) -> usize {
        SENDER_DESCRIPTORS * usize::from(self.slots_in()) + usize::from(self.slots_out())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitHello,
    AwaitWelcome,
    /// A card has come and the application decides.
    Deciding,
    AwaitAttach,
    AwaitStart,
    Open,
    Over,
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The connector's card; decide with [`Machine::decide`].
    Hello(Card),
    /// The listener's card: the agreement stands.
    Welcome(Agreement),
    /// The connector's descriptors.
    Attach(Agreement),
    /// The channel is open.
    Start(Agreement),
    /// The other side will not go on.
    Refused(Refusal),
}

/// One side's handshake.
#[derive(Clone, Debug)]
pub struct Machine {
    ours: Card,
    state: State,
    agreement: Option<Agreement>,
}

impl Machine {
    /// Begins a handshake in which this side brings `ours`.
    #[must_use]
    pub fn new(side: Side, ours: Card) -> Machine {
        let state = match side {
            Side::Connector => State::AwaitWelcome,
            Side::Listener => State::AwaitHello,
        };
        Machine { ours, state, agreement: None }
    }

    /// What the wait is for, in words for an error message.
    #[must_use]
    pub fn awaiting(&self) -> &'static str {
        match self.state {
            State::AwaitHello => "HELLO",
            State::AwaitWelcome => "WELCOME",
            State::AwaitAttach => "ATTACH",
            State::AwaitStart => "START",
            State::Deciding | State::Open | State::Over => "nothing",
        }
    }

    /// Whether the other side has said nothing at all yet.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.state == State::AwaitHello
    }

    /// Hears a datagram that came with `descriptors` descriptors.
    pub fn hear(&mut self, datagram: &[u8], descriptors: usize) -> Result<Heard, WireFault> {
        let heard = self.understand(datagram, descriptors);
        if heard.is_err() {
            self.state = State::Over;
        }
        heard
    }

    fn understand(&mut self, datagram: &[u8], descriptors: usize) -> Result<Heard, WireFault> {
        let exactly = |wanted: usize| {
            if descriptors == wanted {
                Ok(())
            } else {
                Err(WireFault::Descriptors { found: descriptors, wanted })
            }
        };
        let kind = wire::kind(datagram)?;
        match (kind, self.state, self.agreement) {
            (Kind::Refuse, state, _) if !matches!(state, State::Open | State::Over) => {
                exactly(0)?;
                let (code, reason) = wire::read_refuse(datagram)?;
                self.state = State::Over;
                Ok(Heard::Refused(Refusal::new(code, reason)))
            }
            (Kind::Hello, State::AwaitHello, _) => {
                let card = Card::decode(datagram)?;
                exactly(usize::from(card.greeting_in_descriptor))?;
                self.state = State::Deciding;
                Ok(Heard::Hello(card))
            }
            (Kind::Welcome, State::AwaitWelcome, _) => {
                let card = Card::decode(datagram)?;
                let agreement = accept(&self.ours, card)?;
                let stats_region = usize::from(agreement.observer);
                exactly(
                    usize::from(card.greeting_in_descriptor) + agreement.descriptors_in() + stats_region,
                )?;
                self.agreement = Some(agreement);
                self.state = State::AwaitStart;
                Ok(Heard::Welcome(agreement))
            }
            (Kind::Attach, State::AwaitAttach, Some(agreement)) => {
                exactly(agreement.descriptors_in() + usize::from(agreement.is_duplex()))?;
                self.state = State::Open;
                Ok(Heard::Attach(agreement))
            }
            (Kind::Start, State::AwaitStart, Some(agreement)) => {
                exactly(0)?;
                self.state = State::Open;
                Ok(Heard::Start(agreement))
            }
            (kind, ..) => Err(WireFault::Unexpected(kind)),
        }
    }

    /// The listener's decision on the card it heard: what both want, as the WELCOME to send and the agreement that it
    /// stands for, or the code to refuse with. The caller adds the greeting to the WELCOME.
    pub fn decide(&mut self, theirs: Card) -> Result<(Card, Agreement), RefusalCode> {
        debug_assert_eq!(self.state, State::Deciding, "decided before a HELLO");
        let (welcome, agreement) = agree(&self.ours, theirs).inspect_err(|_| self.state = State::Over)?;
        self.agreement = Some(agreement);
        self.state = if agreement.observer { State::Open } else { State::AwaitAttach };
        Ok((welcome, agreement))
    }
}

/// The first delivery in the order pooled, copied, sealed that both sides know.
fn common(offered: u32, wanted: u32) -> Option<Delivery> {
    let both = offered & wanted;
    Delivery::from_bit(both & both.wrapping_neg())
}

/// What a listener with card `ours` answers to `theirs`.
fn agree(ours: &Card, theirs: Card) -> Result<(Card, Agreement), RefusalCode> {
    let mut welcome = Card { features: ours.features & theirs.features, observer: theirs.observer, ..*ours };
    if theirs.observer {
        welcome.sends = wire::Sends::default();
        welcome.receives = wire::Receives::default();
        return Ok((welcome, Agreement { outgoing: None, incoming: None, observer: true, theirs }));
    }
    let outgoing = match (ours.sends.deliveries, theirs.receives.deliveries) {
        (0, 0) => None,
        (0, _) => return Err(RefusalCode::NoSender),
        (_, 0) => return Err(RefusalCode::NoReceiver),
        (offered, wanted) => Some(common(offered, wanted).ok_or(RefusalCode::NoDelivery)?),
    };
    let incoming = match (theirs.sends.deliveries, ours.receives.deliveries) {
        (0, 0) => None,
        (0, _) => return Err(RefusalCode::NoSender),
        (_, 0) => return Err(RefusalCode::NoReceiver),
        (offered, wanted) => Some(common(offered, wanted).ok_or(RefusalCode::NoDelivery)?),
    };
    if outgoing.is_none() && incoming.is_none() {
        return Err(RefusalCode::NoSender);
    }
    if outgoing.is_some_and(Delivery::uses_slots) {
        ours.sends.geometry(theirs.receives.max_pool).map_err(|_| RefusalCode::Geometry)?;
        if ours.sends.huge_tlb && !theirs.receives.huge_tlb {
            return Err(RefusalCode::Geometry);
        }
    }
    let incoming = incoming
        .map(|delivery| incoming_direction(&theirs.sends, delivery, &ours.receives))
        .transpose()
        .map_err(|_| RefusalCode::Geometry)?;
    welcome.sends.deliveries = outgoing.map_or(0, |d| d as u32);
    if !outgoing.is_some_and(Delivery::uses_slots) {
        welcome.sends = wire::Sends { deliveries: welcome.sends.deliveries, ..wire::Sends::default() };
    }
    welcome.receives.deliveries = incoming.map_or(0, |i| i.delivery() as u32);
    Ok((welcome, Agreement { outgoing, incoming, observer: false, theirs }))
}

/// What a connector with card `ours` makes of the WELCOME `theirs`.
fn accept(ours: &Card, theirs: Card) -> Result<Agreement, WireFault> {
    if theirs.observer != ours.observer {
        return Err(WireFault::Choice);
    }
    let chosen = |bits: u32, of: u32| match bits {
        0 if of == 0 => Ok(None),
        bits if bits & of == bits => Ok(Some(Delivery::from_bit(bits).ok_or(WireFault::Choice)?)),
        _ => Err(WireFault::Choice),
    };
    let outgoing = chosen(theirs.receives.deliveries, ours.sends.deliveries)?;
    let incoming = chosen(theirs.sends.deliveries, ours.receives.deliveries)?
        .map(|delivery| incoming_direction(&theirs.sends, delivery, &ours.receives))
        .transpose()?;
    Ok(Agreement { outgoing, incoming, observer: theirs.observer, theirs })
}

fn incoming_direction(
    sends: &wire::Sends,
    delivery: Delivery,
    limits: &wire::Receives,
) -> Result<Incoming, WireFault> {
    if !delivery.uses_slots() {
        return Ok(Incoming::Sealed);
    }
    let geometry = sends.geometry(limits.max_pool)?;
    if sends.huge_tlb && !limits.huge_tlb {
        return Err(WireFault::Choice);
    }
    Ok(Incoming::Slots { delivery, geometry, first: sends.first, huge_tlb: sends.huge_tlb })
}

impl Incoming {
    /// The delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match self {
            Incoming::Slots { delivery, .. } => *delivery,
            Incoming::Sealed => Delivery::Sealed,
        }
    }
}
