//! Giving a message to every receiver that is to have it.

use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::abi::Sleep;
use crate::error::{Call, OsError};
use crate::figures::Counter;
use crate::loan::Draft;
use crate::pool::{MAX_LANES, lanes};
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
    let lane = lanes.get(place).and_then(Option::as_ref);
    lane.is_none_or(|lane| lane.has_released(slot, number))
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
    ///
    /// What is inlined into the caller is what lies between the message's bytes and its ticket when there is one receiver,
    /// who is waited for. A processor that owns neither the message's line nor the entry's asks for both at once only if
    /// the two stores are near each other in its queue: with some forty stores in between, such as a call's saved
    /// registers, it gets the one and then the other, which takes half as long again.
    #[inline(always)]
    pub(crate) fn publish(&mut self, slot: u32, span: u32, used: usize, label: Label) -> Receipt {
        let Label { tag, reply_to, to } = label;
        let note = Note { number: self.next_number, len: used as u64, reply_to, slot, tag };
        let addressed = if to == To::All { self.live } else { self.addressed(to) };
        match self.publish_to_sole(note, addressed) {
            Some(given) => self.follow_up(slot, span, used, given),
            None => self.publish_to_each(slot, span, used, tag, reply_to, addressed),
        }
    }

    /// Publishes to one receiver that takes slots and is waited for; `None`, and nothing is done, if that is not how it
    /// is, or if the message is to be timed. Answers its bit.
    #[inline(always)]
    fn publish_to_sole(&mut self, note: Note, addressed: u64) -> Option<u64> {
        let place = addressed.trailing_zeros() as usize % MAX_LANES;
        let outstanding = self.pool.as_ref()?.occupation.held(place).messages;
        let lane = self.lanes[place].as_mut()?;
        if !addressed.is_power_of_two() || lane.on_slow != OnSlow::Block || self.timing.is_due() {
            return None;
        }
        let (publisher, board, _) = lane.slots.as_mut()?.views();
        publisher.publish(board, note, outstanding).then_some(addressed)
    }

    /// Everything after the only publication of a message: it happens while the message travels.
    #[inline(never)]
    fn follow_up(&mut self, slot: u32, span: u32, used: usize, given: u64) -> Receipt {
        let number = self.next_number;
        self.next_number += 1;
        let left = self.settle(slot, span, used, given);
        if left != 0 {
            lanes(left).for_each(|place| (self.rare.retire)(self, place));
        }
        // A failure to look at the peers now is found again at the next look.
        let _ = self.reap_if_due();
        Receipt { number, receivers: (given & !left).count_ones(), skipped: 0 }
    }

    /// Publishes to any number of receivers of any kind.
    #[inline(never)]
    fn publish_to_each(
        &mut self,
        slot: u32,
        span: u32,
        used: usize,
        tag: u32,
        reply_to: u64,
        addressed: u64,
    ) -> Receipt {
        if self.timing.is_due() {
            (self.rare.begin_timing)(self);
        }
        let number = self.next_number;
        let note = Note { number, len: used as u64, reply_to, slot, tag };
        self.next_number += 1;
        let (mut given, mut sealed, mut skipped) = (0_u64, 0_u64, 0);
        for place in lanes(addressed) {
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
            given |= u64::from(publisher.publish(board, note, outstanding)) << place;
        }
        let left = self.settle(slot, span, used, given);
        if left | sealed != 0 {
            lanes(left).for_each(|place| (self.rare.retire)(self, place));
            given = given & !left | (self.rare.publish_copy)(self, slot, note, sealed);
        }
        // A failure to look at the peers now is found again at the next look.
        let _ = self.reap_if_due();
        Receipt { number, receivers: given.count_ones(), skipped }
    }

    /// Wakes who sleeps and books what was published; answers the lanes that have left.
    #[inline(always)]
    fn settle(&mut self, slot: u32, span: u32, used: usize, given: u64) -> u64 {
        let number = self.next_number - 1;
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
            (self.rare.time)(self, given & !left);
        }
        left
    }

    fn count(&mut self, given: u64, used: usize) {
        self.gauge.add(Counter::Messages, 1);
        self.gauge.add(Counter::Bytes, used as u64);
        for place in lanes(given) {
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
        (self.rare.pass_over)(self, place);
        false
    }

    /// What the policy of a lane has for a message that it cannot take.
    pub(super) fn pass_over(&mut self, place: usize) {
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
        for place in lanes(given) {
            let Some(lane) = &mut self.lanes[place] else { continue };
            let Some(slots) = &mut lane.slots else { continue };
            let (publisher, _, ledger) = slots.views();
            match publisher.sleeper(ledger) {
                Sleep::No => {}
                Sleep::Left => left |= 1 << place,
                how => {
                    (self.rare.wake)(lane, how);
                    self.gauge.add(Counter::WakeUps, 1);
                }
            }
        }
        left
    }

    /// Sends a copy of a message in slots to the lanes that receive files.
    pub(super) fn publish_copy(&mut self, slot: u32, note: Note, to: u64) -> u64 {
        let used = note.len as usize;
        if to == 0 {
            return 0;
        }
        let Some(pool) = &self.pool else { return 0 };
        let start = slot as usize * pool.geometry.slot_size();
        let copy = Writable::create(c"bowstring-message", used, self.pages).and_then(|mut file| {
            if let Some(message) = pool.region.bytes(start, used) {
                file.copy_from_slice(message);
            }
            file.freeze()
        });
        match copy {
            Ok(file) => {
                let announcement = Announcement {
                    number: note.number,
                    len: note.len,
                    reply_to: note.reply_to,
                    tag: note.tag,
                    skipped: 0,
                };
                let given = self.send_file(&file, announcement, to, None);
                for place in lanes(given) {
                    self.gauge.sent(place, used as u64);
                }
                given
            }
            // The slots' receivers have the message already, so it cannot be called back: these see a gap.
            Err(_) => {
                lanes(to).for_each(|place| self.pass_over(place));
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
        for place in lanes(to) {
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
