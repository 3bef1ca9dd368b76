//! The configuration of a sender.

use super::{Inner, Sender};
use crate::abi::Geometry;
use crate::connect::pending::PendingHandshakes;
use crate::connect::session::wire::is_first_ticket;
use crate::connect::session::{Deliveries, HandshakeError};
use crate::region::Pages;
use crate::region::private::MapBox;
use crate::send::fanout::Fanout;
use crate::send::fanout::subscriber::OnSlow;

/// The configuration of a sender.
///
/// ```
/// use bowstring_transport::SenderConfig;
/// // 16 slots of 1 MiB: batches of up to a megabyte in a slot each, up to sixteen megabytes in all.
/// let sender = SenderConfig::new().slots(16, 1 << 20).build()?;
/// assert_eq!(sender.stats().slots, 16);
/// # Ok::<(), bowstring_transport::HandshakeError>(())
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
    /// Creates a configuration: 64 slots of 64 KiB, which stay in the cache of most machines; every delivery; slow
    /// receivers are waited for.
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

    /// Sets the shape of the pool. A message may be as long as the whole pool; it takes neighbouring slots.
    pub const fn slots(self, slots: u32, slot_size: usize) -> SenderConfig {
        SenderConfig { slots, slot_size: slot_size as u64, ..self }
    }

    /// Sets the kind of pages of the pool.
    pub const fn pages(self, pages: Pages) -> SenderConfig {
        SenderConfig { pages, ..self }
    }

    /// Sets the deliveries to offer. A sender of sealed messages only has no pool.
    pub const fn deliveries(self, deliveries: Deliveries) -> SenderConfig {
        SenderConfig { deliveries, ..self }
    }

    /// Sets what to do with slow receivers; each can have a policy of its own later.
    pub const fn on_slow(self, on_slow: OnSlow) -> SenderConfig {
        SenderConfig { on_slow, ..self }
    }

    /// Sets the first ticket of every channel. Values other than 1 are for testing counters that wrap.
    pub const fn first_ticket(self, first: u64) -> SenderConfig {
        SenderConfig { first_ticket: first, ..self }
    }

    /// Creates the sender. A pool of less than 256 MiB is allocated when the first receiver that uses it agrees.
    pub fn build(self) -> Result<Sender, HandshakeError> {
        let geometry = if self.deliveries.use_slots() {
            Some(Geometry::new(self.slots, self.slot_size, u64::MAX).map_err(HandshakeError::Geometry)?)
        } else {
            None
        };
        if !is_first_ticket(self.first_ticket) {
            return Err(HandshakeError::FirstTicket(self.first_ticket));
        }
        let fanout = Fanout::new(geometry, self.pages, self.deliveries, self.on_slow, self.first_ticket)?;
        let pending = PendingHandshakes::with_spare(fanout.stats_region.fd())?;
        let inner = MapBox::new(Inner { fanout, pending })?;
        Ok(Sender { inner })
    }
}

impl Default for SenderConfig {
    fn default() -> SenderConfig {
        SenderConfig::new()
    }
}
