//! The core of a sender: one pool, and a subscriber for each of up to 64 receivers.
//!
//! All of it is private memory or memory that only this process writes. A receiver can reach only what it was lent,
//! and what it says is checked against the records here.

// claim: oracle

pub(crate) mod cold;
mod files;
pub(crate) mod pending;
pub(crate) mod publish;
pub(crate) mod room;
mod staging;
pub(crate) mod subscriber;
mod timing;

use core::time::Duration;

use crate::abi::Geometry;
use crate::connect::session::Deliveries;
use crate::connect::session::wire::Past;
use crate::error::OsError;
use crate::peer::Vital;
use crate::reason::{BreakOff, Words};
use crate::region::{Pages, Published, Writable};
use crate::send::pool::{MAX_RECEIVERS, Occupation};
use crate::stats::{Counter, StatsRegion};
use crate::wait::{Wait, Watch};

use pending::Pending;
use staging::Staging;
use subscriber::{End, OnSlow, Subscriber, SubscriberState};
use timing::Timing;

/// The slots and who holds them.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) region: Published,
    pub(crate) geometry: Geometry,
    pub(crate) occupation: Occupation,
}

/// The state behind a `Sender`.
#[derive(Debug)]
pub(crate) struct Fanout {
    /// `None` if only sealed messages are offered.
    pub(crate) pool: Option<Pool>,
    pub(crate) stats_region: StatsRegion,
    subscribers: [Option<Subscriber>; MAX_RECEIVERS],
    /// The subscribers that are given new messages, one bit each.
    live: u64,
    /// The subscribers that take messages as files, one bit each.
    pub(crate) sealed: u64,
    /// The number of the next message; the first is 1.
    next_number: u64,
    watch: Watch,
    timing: Timing,
    /// The cold operations of the hot path.
    pub(crate) cold: &'static cold::Cold,
    /// The end of the last subscriber that left.
    last_end: Option<End>,
    /// Subscribers that ended since the application last asked.
    ended: [Option<(ReceiverId, End)>; 8],
    pub(crate) deliveries: Deliveries,
    pub(crate) pages: Pages,
    /// The first ticket of every channel.
    pub(crate) first_ticket: u64,
    pub(crate) on_slow: OnSlow,
    /// The count of messages sent so far, for newcomers.
    pub(crate) past: Past,
    serial: u32,
    /// The place in which a message that uses no slots is written.
    pub(crate) staging: Staging,
    /// The message that some receiver still lacks.
    pending: Option<Pending>,
    /// The time that committing a loan waits for receivers that take files.
    wait: Option<Wait>,
    /// True if no receiver may be passed over for the current message.
    required: bool,
}

/// One receiver of a sender, while it is connected. Never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiverId {
    pub(crate) subscriber: u8,
    serial: u32,
}

impl ReceiverId {
    /// Returns the id as a number, never 0, for passing it through another language.
    ///
    /// ```
    /// use bowstring_transport::ReceiverId;
    /// assert_eq!(ReceiverId::from_bits(0), None);
    /// let id = ReceiverId::from_bits(0x0000_0007_0000_0003).unwrap();
    /// assert_eq!(id.to_bits(), 0x0000_0007_0000_0003);
    /// ```
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        ((self.serial as u64) << 32) | (self.subscriber as u64 + 1)
    }

    /// Returns the id that has this number; `None` if there is none. The receiver need not be connected.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<ReceiverId> {
        let subscriber = bits as u32;
        if subscriber == 0 || subscriber > MAX_RECEIVERS as u32 {
            return None;
        }
        Some(ReceiverId { subscriber: subscriber as u8 - 1, serial: (bits >> 32) as u32 })
    }
}

impl Fanout {
    pub(crate) fn new(
        geometry: Option<Geometry>,
        pages: Pages,
        deliveries: Deliveries,
        on_slow: OnSlow,
        first_ticket: u64,
    ) -> Result<Fanout, OsError> {
        let pool = geometry
            .map(|geometry| {
                let region = Writable::reserve(c"bowstring-pool", geometry.pool_bytes(), pages)?;
                Ok::<_, OsError>(Pool { region, geometry, occupation: Occupation::new(geometry.slots())? })
            })
            .transpose()?;
        let (slots, slot_size) = geometry.map_or((0, 0), |g| (g.slots(), g.slot_size()));
        Ok(Fanout {
            pool,
            stats_region: StatsRegion::create(slots, slot_size)?,
            subscribers: [const { None }; MAX_RECEIVERS],
            live: 0,
            sealed: 0,
            next_number: 1,
            watch: Watch::default(),
            timing: Timing::new(),
            cold: &cold::COLD,
            last_end: None,
            ended: [None; 8],
            deliveries,
            pages,
            first_ticket,
            on_slow,
            past: Past::default(),
            serial: 0,
            staging: Staging::default(),
            pending: None,
            wait: None,
            required: false,
        })
    }

    pub(crate) fn watch_every(&mut self, interval: Duration) {
        self.watch.set(interval);
    }

    /// Returns the number of subscribers that are given new messages.
    pub(crate) fn receivers(&self) -> u32 {
        self.live.count_ones()
    }

    pub(crate) fn has_place(&self) -> bool {
        self.subscribers.iter().any(Option::is_none)
    }

    /// Stores a new subscriber. The caller has made sure that there is a free place.
    pub(crate) fn admit(&mut self, subscriber: Subscriber) -> Option<ReceiverId> {
        let place = self.subscribers.iter().position(Option::is_none)?;
        self.stats_region.open_subscriber(place, subscriber.control.credentials().pid);
        self.sealed |= u64::from(subscriber.slots.is_none()) << place;
        self.subscribers[place] = Some(subscriber);
        self.live |= 1 << place;
        self.stats_region.set(Counter::Receivers, self.receivers().into());
        self.serial = self.serial.wrapping_add(1);
        let id = ReceiverId { subscriber: place as u8, serial: self.serial };
        if let Some(subscriber) = &mut self.subscribers[place] {
            subscriber.id = Some(id);
        }
        Some(id)
    }

    /// Returns the subscriber of `id`, if it is still there.
    pub(crate) fn subscriber(&self, id: ReceiverId) -> Option<&Subscriber> {
        self.subscribers.get(id.subscriber as usize)?.as_ref().filter(|subscriber| subscriber.id == Some(id))
    }

    pub(crate) fn subscriber_mut(&mut self, id: ReceiverId) -> Option<&mut Subscriber> {
        self.subscribers
            .get_mut(id.subscriber as usize)?
            .as_mut()
            .filter(|subscriber| subscriber.id == Some(id))
    }

    pub(crate) fn subscribers(&self) -> impl Iterator<Item = (usize, &Subscriber)> {
        self.subscribers.iter().enumerate().filter_map(|(i, subscriber)| Some((i, subscriber.as_ref()?)))
    }

    /// Returns the next subscriber that ended since the last call, and how. If more than eight end in between, the
    /// oldest are kept.
    pub(crate) fn take_ended(&mut self) -> Option<(ReceiverId, End)> {
        let first = self.ended[0].take();
        self.ended.rotate_left(1);
        first
    }

    /// Checks every subscriber's process and takes back what dead or departed receivers still held.
    pub(crate) fn reap(&mut self) -> Result<(), OsError> {
        for place in 0..MAX_RECEIVERS {
            let Some(subscriber) = &mut self.subscribers[place] else { continue };
            // The process first, then its last words: a BYE sent before the end is then seen.
            let vital = subscriber.control.vital()?;
            subscriber.drain_socket();
            let left = subscriber.has_left();
            match vital {
                // A receiver that broke the protocol must not delay anybody: take its slots back now.
                _ if subscriber.fault.is_some() => self.forget(place, End::Faulty),
                Vital::Alive if !left && subscriber.state == SubscriberState::Live => {}
                Vital::Alive => self.retire(place),
                Vital::HungUp | Vital::Dead => {
                    let end = match (subscriber.state, left) {
                        (SubscriberState::CutOff, _) => End::CutOff,
                        (_, true) => End::Closed,
                        (_, false) => End::Crashed,
                    };
                    self.forget(place, end);
                }
            }
        }
        self.show();
        self.time_on();
        Ok(())
    }

    /// Stops giving messages to a subscriber. It keeps its slots until it has released them or is gone.
    pub(crate) fn retire(&mut self, place: usize) {
        self.live &= !(1 << place);
        self.forgive(place);
        self.stats_region.set(Counter::Receivers, self.receivers().into());
        let end = match &self.subscribers[place] {
            Some(subscriber) if subscriber.state == SubscriberState::CutOff => End::CutOff,
            Some(subscriber) if subscriber.fault.is_some() => End::Faulty,
            _ => End::Closed,
        };
        // A receiver that keeps its slots a while has ended all the same, in case the caller asks why nobody is left.
        self.last_end = Some(end);
        if let (Some(pool), Some(subscriber)) = (&mut self.pool, &self.subscribers[place]) {
            pool.occupation.reclaim_subscriber(place, |slot, number| subscriber.has_released(slot, number));
            if pool.occupation.held(place).messages > 0 {
                return;
            }
        }
        self.forget(place, end);
    }

    /// Takes back everything that a subscriber holds, and ends it.
    pub(crate) fn forget(&mut self, place: usize, end: End) {
        self.live &= !(1 << place);
        self.sealed &= !(1 << place);
        self.forgive(place);
        if let Some(pool) = &mut self.pool {
            pool.occupation.forget_subscriber(place);
        }
        if let Some(subscriber) = self.subscribers[place].take() {
            self.last_end = Some(end);
            if let (Some(id), Some(free)) = (subscriber.id, self.ended.iter_mut().find(|e| e.is_none())) {
                *free = Some((id, end));
            }
        }
        self.timing.forget(place);
        self.stats_region.close_subscriber(place);
        self.stats_region.set(Counter::Receivers, self.receivers().into());
    }

    /// Updates the stats that are not kept with every message.
    pub(crate) fn show(&self) {
        let Some(pool) = &self.pool else { return };
        self.stats_region.set(Counter::SlotsInUse, pool.occupation.in_use().into());
        self.stats_region.set(Counter::HighWater, pool.occupation.high_water().into());
        for (place, subscriber) in self.subscribers() {
            self.stats_region.held(place, pool.occupation.held(place).slots, subscriber.taken());
        }
    }

    pub(crate) fn last_end(&self) -> Option<End> {
        self.last_end
    }

    /// Closes every subscriber in good order. Committed messages stay with their receivers. A receiver that still
    /// lacks a message sees its sender gone without a word, because it does not have everything.
    pub(crate) fn close(&mut self) {
        // One more try; receivers that still lack the message afterwards are handled below.
        let _ = self.finish(None);
        for place in 0..MAX_RECEIVERS {
            let whole = !self.lacks(place);
            if let Some(subscriber) = self.subscribers[place].as_mut().filter(|_| whole) {
                subscriber.close();
            }
            self.subscribers[place] = None;
            self.stats_region.close_subscriber(place);
        }
        (self.live, self.sealed, self.pending) = (0, 0, None);
        self.stats_region.set(Counter::Receivers, 0);
        self.stats_region.close();
    }
}

impl Fanout {
    /// Ends every subscriber early: without a word, as the death of this process would, or with a reason for
    /// receivers that know reasons.
    pub(crate) fn abandon(&mut self, why: Option<(BreakOff, &str)>) {
        (self.live, self.sealed, self.pending) = (0, 0, None);
        if let Some((how, reason)) = why {
            let words = Words::new(reason);
            self.subscribers
                .iter_mut()
                .flatten()
                .for_each(|subscriber| subscriber.break_off(how, words.as_str()));
        }
        self.subscribers = [const { None }; MAX_RECEIVERS];
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.close();
    }
}
