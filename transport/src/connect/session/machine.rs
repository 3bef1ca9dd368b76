//! The handshake as two machines without I/O, one for each side: datagrams in, decisions out.
//!
//! They know which datagram may come when, how many descriptors each must carry, and what two sides' parameters agree
//! to. Each has its own events, so a side never has to handle what only the other side can receive. `driver` drives
//! them over a socket; the tests drive them with arbitrary bytes.

mod connector;
mod listener;

use super::wire::{self, Parameters, Past, WireFault};
use crate::abi::Geometry;

pub use connector::{Connector, ConnectorHeard};
pub use listener::{ListenerHeard, ListenerSide};

// The machine's vocabulary, under its public paths.
pub use super::delivery::{Deliveries, Delivery};
pub use super::refusal::{Refusal, RefusalCode};

/// The agreement of the two sides, from this side's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The delivery of this side's messages, if it sends.
    pub outgoing: Option<Delivery>,
    /// The delivery of the other side's messages, if it sends.
    pub incoming: Option<Incoming>,
    /// True if the connector only observes.
    pub observer: bool,
    /// The features that both sides know: see [`wire::features`].
    pub features: u64,
    /// The other side's parameters.
    pub theirs: Parameters,
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
        /// True if the pool is made of reserved huge pages.
        huge_tlb: bool,
    },
    /// As sealed files.
    Sealed,
}

/// Descriptors that belong to a pool: pool, board, stats region.
const SENDER_DESCRIPTORS: usize = 3;

impl Agreement {
    fn slots_in(&self) -> bool {
        matches!(self.incoming, Some(Incoming::Slots { .. }))
    }

    fn slots_out(&self) -> bool {
        self.outgoing.is_some_and(Delivery::uses_slots)
    }

    /// Returns true if both directions are open, in which case the connector makes a second socket.
    pub(crate) fn is_duplex(&self) -> bool {
        self.outgoing.is_some() && self.incoming.is_some()
    }

    /// Returns the number of descriptors that the other side hands over in addition to a greeting's: its pool, board
    /// and stats region if it sends through slots, and its ledger if it receives through slots.
    fn descriptors_in(&self) -> usize {
        SENDER_DESCRIPTORS * usize::from(self.slots_in()) + usize::from(self.slots_out())
    }
}

/// Reasons why a side stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The datagram makes no sense here.
    Fault(WireFault),
    /// The other side will not go on.
    Refused(Refusal),
}

impl From<WireFault> for Stop {
    fn from(fault: WireFault) -> Stop {
        Stop::Fault(fault)
    }
}

/// Checks the number of descriptors.
fn descriptors(found: usize, wanted: usize) -> Result<(), WireFault> {
    if found == wanted { Ok(()) } else { Err(WireFault::Descriptors { found, wanted }) }
}

/// Decodes a REFUSE.
fn refused(datagram: &[u8], found: usize) -> Stop {
    let read = descriptors(found, 0).and_then(|()| wire::read_refuse(datagram));
    match read {
        Ok((code, reason)) => Stop::Refused(Refusal::new(code, reason)),
        Err(fault) => Stop::Fault(fault),
    }
}

/// Returns the first delivery in the order pooled, copied, sealed that both sides know.
fn common(offered: u32, wanted: u32) -> Option<Delivery> {
    let both = offered & wanted;
    Delivery::from_bit(both & both.wrapping_neg())
}

/// Returns the reply of a listener with parameters `ours` to `theirs`.
fn agree(ours: &Parameters, theirs: Parameters) -> Result<(Parameters, Agreement), RefusalCode> {
    let mut welcome =
        Parameters { features: ours.features & theirs.features, observer: theirs.observer, ..*ours };
    if theirs.observer {
        welcome.sends = wire::Sends::default();
        welcome.receives = wire::Receives::default();
        return Ok((
            welcome,
            Agreement { outgoing: None, incoming: None, observer: true, features: welcome.features, theirs },
        ));
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
    Ok((welcome, Agreement { outgoing, incoming, observer: false, features: welcome.features, theirs }))
}

/// Returns the agreement of a connector with parameters `ours` from the WELCOME `theirs`.
fn accept(ours: &Parameters, theirs: Parameters) -> Result<Agreement, WireFault> {
    if theirs.observer != ours.observer || theirs.features & !ours.features != 0 {
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
    Ok(Agreement { outgoing, incoming, observer: theirs.observer, features: theirs.features, theirs })
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
    /// Returns the delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match self {
            Incoming::Slots { delivery, .. } => *delivery,
            Incoming::Sealed => Delivery::Sealed,
        }
    }
}
