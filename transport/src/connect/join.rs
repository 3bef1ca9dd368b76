//! From an agreement to a channel: each side makes its own regions, hands over their descriptors, and checks the
//! other's.
//!
//! Both sides take the same steps in a different order; so the steps are here and in [`regions`] once, and the orders
//! in [`connecting`] and [`joining`].

mod connecting;
mod joining;
mod regions;

use crate::connect::incoming::{Incoming, Kept};
use crate::connect::session::driver::Greeting;
use crate::connect::session::machine::{Agreement, Incoming as Direction};
use crate::connect::session::wire::{Parameters, Past, Receives, Sends, features};
use crate::connect::session::{Deliveries, HandshakeError};
use crate::peer::Control;
use crate::receive::channel::Channel;
use crate::region::Pages;
use crate::region::private::MapArc;
use crate::send::fanout::subscriber::{SEALED_WINDOW, Slots, Subscriber};
use crate::send::fanout::{Fanout, ReceiverId};
use crate::sys;

pub(crate) use connecting::{connect, observe};
pub(crate) use joining::{Joining, Step, accept};
use regions::{Ours, Theirs};

/// The parameters of a receiving side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) deliveries: Deliveries,
    pub(crate) max_pool: u64,
    pub(crate) huge_tlb: bool,
}

/// Returns the parameters that a side announces.
pub(crate) fn parameters(fanout: Option<&Fanout>, wants: Option<&Wants>, observer: bool) -> Parameters {
    let sends = fanout.map_or(Sends::default(), |fanout| Sends {
        deliveries: fanout.deliveries.bits(),
        slots: fanout.pool.as_ref().map_or(0, |p| p.geometry.slots()),
        slot_size: fanout.pool.as_ref().map_or(0, |p| p.geometry.slot_size() as u64),
        first: fanout.first_ticket,
        huge_tlb: fanout.pages == Pages::HugeTlb && fanout.pool.is_some(),
    });
    let receives = wants.map_or(Receives::default(), |w| Receives {
        deliveries: w.deliveries.bits(),
        max_pool: w.max_pool,
        huge_tlb: w.huge_tlb,
    });
    Parameters {
        features: features::KNOWN,
        pid: sys::own_pid() as u32,
        observer,
        sends,
        receives,
        greeting: 0,
        greeting_in_descriptor: false,
    }
}

/// The result of a handshake.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The new receiver of this side's sender.
    pub(crate) subscriber: Option<ReceiverId>,
    /// The channel towards this side.
    pub(crate) incoming: Option<Incoming>,
    /// The other side's greeting, unless it is with `incoming`.
    pub(crate) greeting: Greeting,
}

/// The two directions, built but not yet open: nothing after this can fail.
#[derive(Debug)]
struct Ready {
    subscriber: Option<Subscriber>,
    incoming: Option<Incoming>,
    greeting: Greeting,
}

impl Ready {
    /// Opens the directions. The caller has made sure that `fanout` has a place.
    fn open(self, fanout: Option<&mut Fanout>) -> Result<Joined, HandshakeError> {
        let subscriber = match (self.subscriber, fanout) {
            (Some(subscriber), Some(fanout)) => Some(fanout.admit(subscriber).ok_or(HandshakeError::Full)?),
            _ => None,
        };
        Ok(Joined { subscriber, incoming: self.incoming, greeting: self.greeting })
    }
}

/// Builds the two directions. `sockets` holds the socket for this side's messages and the one for the other's.
fn build(
    agreement: &Agreement,
    ours: Ours,
    theirs: Theirs,
    greeting: Greeting,
    past: Past,
    (out, into): (Option<Control>, Option<Control>),
    fanout: Option<&Fanout>,
) -> Result<Ready, HandshakeError> {
    let reasons = agreement.features & features::REASONS != 0;
    let (incoming, greeting) = match (agreement.incoming, into) {
        (Some(Direction::Slots { delivery, geometry, first, .. }), Some(control)) => {
            let (Some(maps), Some(ledger)) = (theirs.maps, ours.ledger) else {
                return Err(HandshakeError::Internal("a channel through slots without its regions"));
            };
            let channel = MapArc::new(Channel::new(maps, ledger, control, geometry, reasons))?;
            let kept = Kept::Slots { channel, first };
            (Some(Incoming { delivery, kept, greeting, past }), Greeting::None)
        }
        (Some(direction), Some(control)) => {
            let kept = Kept::Sealed(control, agreement.features);
            (Some(Incoming { delivery: direction.delivery(), kept, greeting, past }), Greeting::None)
        }
        _ => (None, greeting),
    };
    let subscriber = match (agreement.outgoing, out, fanout) {
        (Some(_), Some(control), Some(fanout)) => {
            let slots = match (ours.board, theirs.ledger) {
                (Some((board, _)), Some(ledger)) => Some(Slots::new(board, ledger, fanout.first_ticket)),
                _ => {
                    sys::set_send_buffer(control.socket(), SEALED_WINDOW)?;
                    None
                }
            };
            Some(Subscriber::new(control, slots, fanout.on_slow, agreement.features))
        }
        _ => None,
    };
    Ok(Ready { subscriber, incoming, greeting })
}
