//! The sender's inside: one pool, up to 64 lanes, a lane for each receiver.
//!
//! All of it is private memory or memory that only this process writes. What a receiver can reach of it is what it was
//! lent, and what it says is compared with what is written here.

// claim: oracle

mod files;
pub(crate) mod lane;
pub(crate) mod publish;
pub(crate) mod rare;
pub(crate) mod room;
mod timing;

use core::time::Duration;

use crate::abi::Geometry;
use crate::error::OsError;
use crate::figures::{Counter, Gauge};
use crate::loan::Draft;
use crate::peer::Vital;
use crate::pool::{MAX_LANES, Occupation};
use crate::region::{Pages, Published, Writable};
use crate::session::Deliveries;
use crate::wait::Watch;

use lane::{End, Lane, LaneState, OnSlow};
use timing::Timing;

/// The slots and who holds them.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) region: Published,
    pub(crate) geometry: Geometry,
    pub(crate) occupation: Occupation,
}

/// Everything behind a `Sender`.
#[derive(Debug)]
pub(crate) struct Hub {
    /// `None` if only sealed messages are offered.
    pub(crate) pool: Option<Pool>,
    pub(crate) gauge: Gauge,
    lanes: [Option<Lane>; MAX_LANES],
    /// The lanes that are given new messages, a bit each.
    live: u64,
    /// The number of the next message; the first is 1.
    next_number: u64,
    watch: Watch,
    timing: Timing,
    /// What the way of a message calls now and then.
    pub(crate) rare: &'static rare::Rare,
    /// How the last lane that went ended.
    last_end: Option<End>,
    /// Lanes that ended since the application last asked.
    ended: [Option<(LaneId, End)>; 8],
    pub(crate) deliveries: Deliveries,
    pub(crate) pages: Pages,
    /// The first ticket of every channel.
    pub(crate) first_ticket: u64,
    pub(crate) on_slow: OnSlow,
    serial: u32,
    /// The message that is lent out in a file, if one is.
    pub(crate) draft: Option<Draft>,
    /// Why the host refused to send a file, until its sender is told.
    refused_by_host: Option<OsError>,
}

/// One receiver of a sender, for as long as it is connected. Never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId {
    pub(crate) lane: u8,
    serial: u32,
}

impl Hub {
    pub(crate) fn new(
        geometry: Option<Geometry>,
        pages: Pages,
        deliveries: Deliveries,
        on_slow: OnSlow,
        first_ticket: u64,
    ) -> Result<Hub, OsError> {
        let pool = geometry
            .map(|geometry| {
                let region = Writable::create(c"bowstring-pool", geometry.pool_bytes(), pages)?.publish()?;
                Ok::<_, OsError>(Pool { region, geometry, occupation: Occupation::new(geometry.slots())? })
            })
            .transpose()?;
        let (slots, slot_size) = geometry.map_or((0, 0), |g| (g.slots(), g.slot_size()));
        Ok(Hub {
            pool,
            gauge: Gauge::create(slots, slot_size)?,
            lanes: [const { None }; MAX_LANES],
            live: 0,
            next_number: 1,
            watch: Watch::default(),
            timing: Timing::new(),
            rare: &rare::RARE,
            last_end: None,
            ended: [None; 8],
            deliveries,
            pages,
            first_ticket,
            on_slow,
            serial: 0,
            draft: None,
            refused_by_host: None,
        })
    }

    pub(crate) fn watch_every(&mut self, interval: Duration) {
        self.watch.set(interval);
    }

    /// Lanes that are given new messages.
    pub(crate) fn receivers(&self) -> u32 {
        self.live.count_ones()
    }

    pub(crate) fn has_place(&self) -> bool {
        self.lanes.iter().any(Option::is_none)
    }

    /// Gives a new lane its place. The caller has made sure that there is one.
    pub(crate) fn admit(&mut self, lane: Lane) -> Option<LaneId> {
        let place = self.lanes.iter().position(Option::is_none)?;
        self.gauge.open_lane(place, lane.control.credentials().pid);
        self.lanes[place] = Some(lane);
        self.live |= 1 << place;
        self.gauge.set(Counter::Receivers, self.receivers().into());
        self.serial = self.serial.wrapping_add(1);
        let id = LaneId { lane: place as u8, serial: self.serial };
        if let Some(lane) = &mut self.lanes[place] {
            lane.id = Some(id);
        }
        Some(id)
    }

    /// The lane of `id`, if it is still there.
    pub(crate) fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(id.lane as usize)?.as_ref().filter(|lane| lane.id == Some(id))
    }

    pub(crate) fn lane_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        self.lanes.get_mut(id.lane as usize)?.as_mut().filter(|lane| lane.id == Some(id))
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.lanes.iter().enumerate().filter_map(|(i, lane)| Some((i, lane.as_ref()?)))
    }

    /// The next lane, if any, that ended since this was last asked, and how. If more than eight end in between, the
    /// oldest are kept.
    pub(crate) fn take_ended(&mut self) -> Option<(LaneId, End)> {
        let first = self.ended[0].take();
        self.ended.rotate_left(1);
        first
    }

    /// Looks at every lane's process and takes back what the dead, and the gone, still held.
    pub(crate) fn reap(&mut self) -> Result<(), OsError> {
        self.draft = None;
        for place in 0..MAX_LANES {
            let Some(lane) = &mut self.lanes[place] else { continue };
            // First the process, then its last words: a good-bye said before the end is then heard.
            let vital = lane.control.vital()?;
            lane.drain_socket();
            let left = lane.has_left();
            match vital {
                // Whoever breaks the protocol is owed nothing more, and holds nothing up: its slots come back now.
                _ if lane.fault.is_some() => self.forget(place, End::Faulty),
                Vital::Alive if !left && lane.state == LaneState::Live => {}
                Vital::Alive => self.retire(place),
                Vital::HungUp | Vital::Dead => {
                    let end = match (lane.state, left) {
                        (LaneState::CutOff, _) => End::CutOff,
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

    /// Stops giving messages to a lane. It keeps its slots until it has released them or is gone.
    pub(crate) fn retire(&mut self, place: usize) {
        self.live &= !(1 << place);
        self.gauge.set(Counter::Receivers, self.receivers().into());
        let end = match &self.lanes[place] {
            Some(lane) if lane.state == LaneState::CutOff => End::CutOff,
            Some(lane) if lane.fault.is_some() => End::Faulty,
            _ => End::Closed,
        };
        // What keeps its slots a while has ended all the same, for who asks why nobody is left.
        self.last_end = Some(end);
        if let (Some(pool), Some(lane)) = (&mut self.pool, &self.lanes[place]) {
            pool.occupation.reclaim_lane(place, |slot, number| lane.has_released(slot, number));
            if pool.occupation.held(place).messages > 0 {
                return;
            }
        }
        self.forget(place, end);
    }

    /// Takes back all that a lane holds, and ends it.
    pub(crate) fn forget(&mut self, place: usize, end: End) {
        self.live &= !(1 << place);
        if let Some(pool) = &mut self.pool {
            pool.occupation.forget_lane(place);
        }
        if let Some(lane) = self.lanes[place].take() {
            self.last_end = Some(end);
            if let (Some(id), Some(free)) = (lane.id, self.ended.iter_mut().find(|e| e.is_none())) {
                *free = Some((id, end));
            }
        }
        self.timing.forget(place);
        self.gauge.close_lane(place);
        self.gauge.set(Counter::Receivers, self.receivers().into());
    }

    /// Brings the figures of the gauge that are not kept at every message up to date.
    pub(crate) fn show(&self) {
        let Some(pool) = &self.pool else { return };
        self.gauge.set(Counter::SlotsInUse, pool.occupation.in_use().into());
        self.gauge.set(Counter::HighWater, pool.occupation.high_water().into());
        for (place, lane) in self.lanes() {
            self.gauge.held(place, pool.occupation.held(place).slots, lane.taken());
        }
    }

    pub(crate) fn last_end(&self) -> Option<End> {
        self.last_end
    }

    /// Ends every lane in good order. Messages that were committed stay with their receivers.
    pub(crate) fn close(&mut self) {
        self.draft = None;
        for place in 0..MAX_LANES {
            if let Some(lane) = &mut self.lanes[place] {
                lane.close();
            }
            self.lanes[place] = None;
            self.gauge.close_lane(place);
        }
        self.live = 0;
        self.gauge.set(Counter::Receivers, 0);
        self.gauge.close();
    }
}

impl Hub {
    /// Ends every lane as the death of this process would: without a word.
    pub(crate) fn abandon(&mut self) {
        self.live = 0;
        self.lanes = [const { None }; MAX_LANES];
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.close();
    }
}
