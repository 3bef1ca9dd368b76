//! Giving a message to every receiver that is to have it.

use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::abi::Sleep;
use crate::error::{Call, OsError};
use crate::figures::Counter;
use crate::loan::Draft;
use crate::region::{Frozen, Writable};
use crate::ring::{self, Note};
use crate::session::wire::Announcement;
use crate::sys;
use crate::wait::{Step, Wait, Waiting};

use super::lane::{End, Lane, OnSlow};
use super::{Hub, LaneId};

/// Who is to have a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum To {
    /// Every receiver.
    #[default]
    All,
    /// This one only; nobody if it has gone.
    Only(LaneId),
}

/// What goes with a message besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Label {
    /// A word that belongs to the application.
    pub tag: u32,
    /// The number of the request that this answers, or 0.
    pub reply_to: u64,
    /// Who is to have it.
    pub to: To,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number; a reply names it.
    pub number: u64,
    /// The receivers that were given it.
    pub receivers: u32,
    /// The receivers that were passed over because they are slow.
    pub skipped: u32,
}

/// Whether the lane in `place` has given back a message, or is gone.
#[inline]
pub(crate) fn has_released(lanes: &[Option<Lane>], place: usize, slot: u32, number: u64) -> bool {
    lanes[place].as_ref().is_none_or(|lane| lane.has_released(slot, number))
}

/// The places of the bits set in a word.
pub(super) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (place < u64::BITS).then_some(place as usize)
    })
}

impl Hub {
    fn addressed(&self, to: To) -> u64 {
        match to {
            To::All => self.live,
            To::Only(id) if self.lane(id).is_some() => self.live & 1 << id.lane,
            To::Only(_) => 0,
        }
    }

    /// Whether the message can do without slots: everyone who gets it gets a file.
    pub(crate) fn all_sealed(&self) -> bool {
        self.pool.is_none() || self.lanes().all(|(_, lane)| lane.slots.is_none())
    }

    /// Publishes the message in `span` slots from `slot` on.
    #[inline]
    pub(crate) fn publish(&mut self, slot: u32, span: u32, used: usize, label: Label) -> Receipt {
        let addressed = self.addressed(label.to);
        self.timing.before();
        let number = self.next_number;
        self.next_number += 1;
        let note = Note { number, len: used as u64, reply_to: label.reply_to, slot, tag: label.tag };
        let (mut given, mut sealed, mut skipped) = (0_u64, 0_u64, 0);
        for place in places(addressed) {
            if !self.may_have(place, span) {
                skipped += u32::from(self.live & 1 << place != 0);
                continue;
            }
            let (Some(pool), Some(lane)) = (&self.pool, &mut self.lanes[place]) else { continue };
            let Some(slots) = &mut lane.slots else {
                sealed |= 1 << place;
                continue;
            };
            let outstanding = pool.occupation.held(place).messages;
            let (publisher, board, _) = slots.views();
            publisher.publish(board, note, outstanding);
            given |= 1 << place;
        }
        // Everything up to here is on the way of the message; everything below happens while it travels.
        let left = self.wake_sleepers(given);
        if let Some(pool) = &mut self.pool {
            pool.occupation.occupy(slot, span, number, given & !left);
            let lanes = &self.lanes;
            pool.occupation.look_ahead(|lane, slot, number| has_released(lanes, lane, slot, number));
            self.gauge.set(Counter::SlotsInUse, pool.occupation.in_use().into());
            self.gauge.set(Counter::HighWater, pool.occupation.high_water().into());
        }
        self.count(given, used);
        if self.timing.is_under_way() {
            self.time(given & !left);
        }
        if left | sealed != 0 {
            places(left).for_each(|place| self.retire(place));
            given = given & !left | self.publish_copy(slot, used, number, label, sealed);
        }
        // A failure to look at the peers now is found again at the next look.
        let _ = self.reap_if_due();
        Receipt { number, receivers: given.count_ones(), skipped }
    }

    fn count(&mut self, given: u64, used: usize) {
        self.gauge.add(Counter::Messages, 1);
        self.gauge.add(Counter::Bytes, used as u64);
        for place in places(given) {
            self.gauge.sent(place, used as u64);
        }
    }

    /// Whether the policy of a lane lets it have a message of `span` slots. If not, it is passed over or cut off.
    #[inline]
    fn may_have(&mut self, place: usize, span: u32) -> bool {
        let Some(lane) = &self.lanes[place] else { return false };
        match lane.on_slow {
            OnSlow::Block => true,
            OnSlow::Skip { quota } | OnSlow::CutOff { quota } => {
                lane.slots.is_none() || self.within(place, span, quota)
            }
        }
    }

    fn within(&mut self, place: usize, span: u32, quota: u32) -> bool {
        let (Some(pool), Some(lane)) = (&mut self.pool, &mut self.lanes[place]) else { return false };
        // A message larger than the quota may be had by a receiver that holds nothing else.
        let fits = |held: u32| held == 0 || held.saturating_add(span) <= quota;
        if fits(pool.occupation.held(place).slots) {
            return true;
        }
        pool.occupation.reclaim_lane(place, |slot, number| lane.has_released(slot, number));
        if fits(pool.occupation.held(place).slots) {
            return true;
        }
        self.pass_over(place);
        false
    }

    /// What the policy of a lane has for a message that it cannot take.
    fn pass_over(&mut self, place: usize) {
        let Some(lane) = &mut self.lanes[place] else { return };
        match lane.on_slow {
            OnSlow::CutOff { .. } => {
                lane.cut_off();
                self.retire(place);
            }
            OnSlow::Skip { .. } | OnSlow::Block => {
                lane.skip();
                self.gauge.skipped(place);
            }
        }
    }

    /// Wakes those of `given` that sleep; answers those that have left.
    #[inline]
    fn wake_sleepers(&mut self, given: u64) -> u64 {
        let mut left = 0;
        if given == 0 {
            return 0;
        }
        ring::publish_fence();
        for place in places(given) {
            let Some(lane) = &mut self.lanes[place] else { continue };
            let Some(slots) = &mut lane.slots else { continue };
            let (publisher, _, ledger) = slots.views();
            match publisher.sleeper(ledger) {
                Sleep::No => {}
                Sleep::Left => left |= 1 << place,
                how => {
                    lane.wake(how);
                    self.gauge.add(Counter::WakeUps, 1);
                }
            }
        }
        left
    }

    /// Sends a copy of a message in slots to the lanes that receive files.
    fn publish_copy(&mut self, slot: u32, used: usize, number: u64, label: Label, to: u64) -> u64 {
        if to == 0 {
            return 0;
        }
        let Some(pool) = &self.pool else { return 0 };
        let start = slot as usize * pool.geometry.slot_size();
        let copy = Writable::create(c"bowstring-message", used, self.pages).and_then(|mut file| {
            file.copy_from_slice(pool.region.bytes(start..start + used));
            file.freeze()
        });
        match copy {
            Ok(file) => {
                let announcement = announcement(number, used, label);
                let given = self.send_file(&file, announcement, to, None);
                for place in places(given) {
                    self.gauge.sent(place, used as u64);
                }
                given
            }
            // The slots' receivers have the message already, so it cannot be called back: these see a gap.
            Err(_) => {
                places(to).for_each(|place| self.pass_over(place));
                0
            }
        }
    }

    /// Sends the first `used` bytes of the draft. If that fails, a copy of them is the draft, unless the host cannot even
    /// keep that.
    pub(crate) fn publish_draft(&mut self, used: usize, label: Label) -> Result<Receipt, OsError> {
        let Some(Draft { file, wait }) = self.draft.take() else {
            return Err(OsError::new(Call::Send, Errno::INVAL));
        };
        let file = file.freeze_first(used)?;
        self.publish_file(&file, label, wait)
            .inspect_err(|_| self.draft = file.thaw().ok().map(|file| Draft { file, wait }))
    }

    /// Sends a sealed message to everyone addressed. `Err` if it reached nobody for want of something on the host.
    fn publish_file(&mut self, file: &Frozen, label: Label, wait: Option<Wait>) -> Result<Receipt, OsError> {
        let addressed = self.addressed(label.to);
        let announcement = announcement(self.next_number, file.len(), label);
        let given = self.send_file(file, announcement, addressed, Some((wait, addressed.count_ones())));
        if given == 0
            && addressed.count_ones() == 1
            && let Some(e) = self.refused_by_host.take()
        {
            return Err(e);
        }
        self.next_number += 1;
        self.count(given, file.len());
        let _ = self.reap_if_due();
        let skipped = (addressed & self.live & !given).count_ones();
        Ok(Receipt { number: announcement.number, receivers: given.count_ones(), skipped })
    }

    /// Sends the descriptor to each lane in `to`; answers those that were given it.
    fn send_file(
        &mut self,
        file: &Frozen,
        what: Announcement,
        to: u64,
        patience: Option<(Option<Wait>, u32)>,
    ) -> u64 {
        let mut given = 0;
        for place in places(to) {
            let skipped = self.lanes[place].as_ref().map_or(0, Lane::skipped);
            // Its low half: the receiver adds up the differences.
            let datagram = Announcement { skipped: skipped as u32, ..what }.encode();
            match self.send_to(place, file, &datagram, patience) {
                Ok(()) => given |= 1 << place,
                Err(e) if e.is(Errno::PIPE) || e.is(Errno::CONNRESET) => {
                    let said_bye = self.lanes[place].as_mut().is_some_and(|lane| {
                        lane.drain_socket();
                        lane.has_left()
                    });
                    self.forget(place, if said_bye { End::Closed } else { End::Crashed });
                }
                Err(e) => {
                    self.refused_by_host = Some(e);
                    // Alone, the sender gets its loan back and may try again; among others, this one is passed over.
                    if patience.is_none_or(|(_, addressed)| addressed > 1) {
                        self.pass_over(place);
                    }
                }
            }
        }
        given
    }

    /// Sends to one lane; for a lane that blocks, waits until its socket has room.
    fn send_to(
        &self,
        place: usize,
        file: &Frozen,
        datagram: &[u8],
        patience: Option<(Option<Wait>, u32)>,
    ) -> Result<(), OsError> {
        let Some(lane) = &self.lanes[place] else { return Ok(()) };
        let mut waiting: Option<Waiting> = None;
        loop {
            let refused = match sys::send(lane.control.socket(), &[datagram, &[]], &[file.as_fd()]) {
                Err(e) if e.is(Errno::AGAIN) => e,
                outcome => return outcome,
            };
            let wait = match (lane.on_slow, patience) {
                (OnSlow::Block, None) => Wait::sleeping(),
                (OnSlow::Block, Some((Some(wait), _))) => wait,
                _ => return Err(refused),
            };
            self.gauge.add(Counter::Stalls, u64::from(waiting.is_none()));
            match waiting.get_or_insert_with(|| Waiting::begin(wait.spins(0))).step() {
                Step::Look | Step::Glance => {}
                Step::Watch => self.still_there(place)?,
                Step::Sleep(nanos) => {
                    let (_, writable) = lane.control.wait(PollFlags::OUT, nanos)?;
                    if !writable {
                        self.still_there(place)?;
                    }
                }
                Step::TimedOut => return Err(refused),
            }
        }
    }

    fn still_there(&self, place: usize) -> Result<(), OsError> {
        use crate::peer::Vital;
        match &self.lanes[place] {
            Some(lane) if lane.control.vital()? != Vital::Alive => Err(OsError::new(Call::Send, Errno::PIPE)),
            _ => Ok(()),
        }
    }
}

fn announcement(number: u64, len: usize, label: Label) -> Announcement {
    Announcement { number, len: len as u64, reply_to: label.reply_to, tag: label.tag, skipped: 0 }
}
