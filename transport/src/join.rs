//! From an agreement to a channel: each side makes its own regions, hands over their descriptors, and checks the
//! other's.
//!
//! Both ends of a connection do the same, with the steps in another order; so the steps are here and in [`regions`]
//! once, and the orders in [`connecting`] and [`joining`].

mod connecting;
mod joining;
mod regions;

use crate::channel::Channel;
use crate::hub::lane::{Lane, SEALED_WINDOW, Slots};
use crate::hub::{Hub, LaneId};
use crate::incoming::{Incoming, Kept};
use crate::peer::Control;
use crate::region::Pages;
use crate::region::private::MapArc;
use crate::session::machine::{Agreement, Incoming as Direction};
use crate::session::parley::Greeting;
use crate::session::wire::{Card, Receives, Sends};
use crate::session::{Deliveries, MeetError};
use crate::sys;

pub(crate) use connecting::{connect, observe};
pub(crate) use joining::{Joining, Step};
use regions::{Ours, Theirs};

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
        huge_tlb: hub.pages == Pages::HugeTlb && hub.pool.is_some(),
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
