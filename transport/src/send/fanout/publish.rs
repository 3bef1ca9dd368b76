//! Publishes a message to its receivers.

use crate::abi::Sleep;
use crate::ring::{self, Note};
use crate::send::pool::{Extent, MAX_RECEIVERS, subscribers};
use crate::stats::Counter;

use super::subscriber::{End, OnSlow, Subscriber};
use super::{Fanout, ReceiverId};

/// The addressees of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum To {
    /// Every receiver.
    #[default]
    All,
    /// This one only; nobody if it has gone.
    Only(ReceiverId),
}

/// The words that accompany a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Label {
    /// A word that belongs to the application.
    pub tag: u32,
    /// The number of the request that this replies to, or 0.
    pub reply_to: u64,
    /// The addressees.
    pub to: To,
    /// True if later messages cannot be read without it. A receiver that may be skipped is not skipped for such a
    /// message: it may hold twice its quota, and is cut off if it has no room even so.
    pub required: bool,
}

/// The result of sending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number; a reply names it.
    pub number: u64,
    /// The receivers that were given it.
    pub receivers: u32,
    /// The receivers that were skipped because they are slow.
    pub skipped: u32,
}

/// Returns true if the subscriber in `place` has given back a message, or is gone.
#[inline]
pub(crate) fn has_released(subscribers: &[Option<Subscriber>], place: usize, slot: u32, number: u64) -> bool {
    let subscriber = subscribers.get(place).and_then(Option::as_ref);
    subscriber.is_none_or(|subscriber| subscriber.has_released(slot, number))
}

impl Fanout {
    pub(super) fn addressed(&self, to: To) -> u64 {
        match to {
            To::All => self.live,
            To::Only(id) if self.subscriber(id).is_some() => self.live & 1 << id.subscriber,
            To::Only(_) => 0,
        }
    }

    /// Returns true if the message needs no slots, because all its receivers take files.
    pub(crate) fn all_sealed(&self) -> bool {
        self.pool.is_none() || self.subscribers().all(|(_, subscriber)| subscriber.slots.is_none())
    }

    /// Publishes the message in `span` slots from `slot` on.
    ///
    /// Only the code between the message's bytes and its ticket is inlined into the caller, for the case of one
    /// receiver that is waited for. A processor that owns neither the message's line nor the entry's requests both at
    /// once only if the two stores are near each other in its queue: with some forty stores in between, such as a
    /// call's saved registers, it gets one after the other, which takes half as long again.
    #[inline(always)]
    pub(crate) fn publish(&mut self, slot: u32, span: u32, used: usize, label: Label) -> Receipt {
        // A required message does not come here: see `Loan::commit_as`.
        let Label { tag, reply_to, to, required: _ } = label;
        let note = Note { number: self.next_number, len: used as u64, reply_to, slot, tag };
        let addressed = if to == To::All { self.live } else { self.addressed(to) };
        match self.publish_to_sole(note, addressed) {
            Some(given) => self.follow_up(slot, span, used, given),
            None => self.publish_to_each(slot, span, used, tag, reply_to, addressed),
        }
    }

    /// Publishes to a single receiver that takes slots and is waited for, and returns its bit. Returns `None`, and
    /// does nothing, in any other case or if the message is to be timed.
    #[inline(always)]
    fn publish_to_sole(&mut self, note: Note, addressed: u64) -> Option<u64> {
        let place = addressed.trailing_zeros() as usize % MAX_RECEIVERS;
        let outstanding = self.pool.as_ref()?.occupation.held(place).messages;
        let subscriber = self.subscribers[place].as_mut()?;
        if !addressed.is_power_of_two() || subscriber.on_slow != OnSlow::Block || self.timing.is_due() {
            return None;
        }
        let (publisher, board, _) = subscriber.slots.as_mut()?.views();
        publisher.publish(board, note, outstanding).then_some(addressed)
    }

    /// Does everything that follows the only publication of a message, while the message travels.
    #[inline(never)]
    fn follow_up(&mut self, slot: u32, span: u32, used: usize, given: u64) -> Receipt {
        let number = self.next_number;
        self.next_number += 1;
        let left = self.settle(slot, span, used, given);
        if left != 0 {
            subscribers(left).for_each(|place| (self.cold.retire)(self, place));
        }
        // A failure to check the peers now shows again at the next check.
        let _ = self.reap_if_due();
        Receipt { number, receivers: (given & !left).count_ones(), skipped: 0 }
    }

    /// Publishes to any number of receivers of any kind.
    #[inline(never)]
    pub(super) fn publish_to_each(
        &mut self,
        slot: u32,
        span: u32,
        used: usize,
        tag: u32,
        reply_to: u64,
        addressed: u64,
    ) -> Receipt {
        if self.timing.is_due() {
            (self.cold.begin_timing)(self);
        }
        let number = self.next_number;
        let note = Note { number, len: used as u64, reply_to, slot, tag };
        self.next_number += 1;
        let (mut given, mut broken, mut skipped) = (0_u64, 0_u64, 0);
        for place in subscribers(addressed) {
            if !self.may_have(place, span) {
                skipped += u32::from(self.live & 1 << place != 0);
                continue;
            }
            let (Some(pool), Some(subscriber)) = (&self.pool, &mut self.subscribers[place]) else { continue };
            // Receivers of files are given theirs by `commit`.
            let Some(slots) = &mut subscriber.slots else { continue };
            let outstanding = pool.occupation.held(place).messages;
            let (publisher, board, _) = slots.views();
            let published = publisher.publish(board, note, outstanding);
            given |= u64::from(published) << place;
            broken |= u64::from(!published) << place;
        }
        let left = self.settle(slot, span, used, given);
        if left | broken != 0 {
            subscribers(left).for_each(|place| (self.cold.retire)(self, place));
            // No receiver misses a message without finding out, not even through a miscount here.
            subscribers(broken).for_each(|place| (self.cold.forget)(self, place, End::Faulty));
            given &= !left;
        }
        // A failure to check the peers now shows again at the next check.
        let _ = self.reap_if_due();
        Receipt { number, receivers: given.count_ones(), skipped }
    }

    /// Wakes sleepers and records what was published; returns the subscribers that have left.
    #[inline(always)]
    fn settle(&mut self, slot: u32, span: u32, used: usize, given: u64) -> u64 {
        let number = self.next_number - 1;
        let left = self.wake_sleepers(given);
        if let Some(pool) = &mut self.pool {
            pool.occupation.occupy(slot, Extent::new(span, used), number, given & !left);
            let subscribers = &self.subscribers;
            pool.occupation
                .look_ahead(|subscriber, slot, number| has_released(subscribers, subscriber, slot, number));
            self.stats_region.set(Counter::SlotsInUse, pool.occupation.in_use().into());
            self.stats_region.set(Counter::HighWater, pool.occupation.high_water().into());
        }
        self.count(given, used);
        if self.timing.is_under_way() {
            (self.cold.time)(self, given & !left);
        }
        left
    }

    pub(super) fn count(&mut self, given: u64, used: usize) {
        self.stats_region.add(Counter::Messages, 1);
        self.stats_region.add(Counter::Bytes, used as u64);
        for place in subscribers(given) {
            self.stats_region.sent(place, used as u64);
        }
    }

    /// Returns true if the policy of a subscriber allows it a message of `span` slots. If not, it is skipped or cut
    /// off.
    #[inline]
    fn may_have(&mut self, place: usize, span: u32) -> bool {
        let Some(subscriber) = &self.subscribers[place] else { return false };
        match subscriber.on_slow {
            OnSlow::Block => true,
            OnSlow::Skip { quota } if self.required => self.within(place, span, quota.saturating_mul(2)),
            OnSlow::Skip { quota } | OnSlow::CutOff { quota } => self.within(place, span, quota),
        }
    }

    fn within(&mut self, place: usize, span: u32, quota: u32) -> bool {
        let (Some(pool), Some(subscriber)) = (&mut self.pool, &mut self.subscribers[place]) else {
            return false;
        };
        // A receiver that holds nothing else may have a message larger than its quota.
        let fits = |held: u32| held == 0 || held.saturating_add(span) <= quota;
        if fits(pool.occupation.held(place).slots) {
            return true;
        }
        pool.occupation.reclaim_subscriber(place, |slot, number| subscriber.has_released(slot, number));
        if fits(pool.occupation.held(place).slots) {
            return true;
        }
        (self.cold.pass_over)(self, place);
        false
    }

    /// Applies the policy of a subscriber to a message that it cannot take.
    pub(super) fn pass_over(&mut self, place: usize) {
        let Some(subscriber) = &mut self.subscribers[place] else { return };
        match subscriber.on_slow {
            OnSlow::Skip { .. } if !self.required => {
                subscriber.skip();
                self.stats_region.skipped(place);
            }
            OnSlow::Skip { .. } | OnSlow::CutOff { .. } => {
                subscriber.cut_off();
                self.retire(place);
            }
            // Never called for a receiver that is waited for. If it were, the receiver must find out.
            OnSlow::Block => self.forget(place, End::Faulty),
        }
    }

    /// Wakes the sleepers among `given`; returns the subscribers that have left.
    #[inline]
    fn wake_sleepers(&mut self, given: u64) -> u64 {
        let mut left = 0;
        if given == 0 {
            return 0;
        }
        ring::publish_fence();
        for place in subscribers(given) {
            let Some(subscriber) = &mut self.subscribers[place] else { continue };
            let Some(slots) = &mut subscriber.slots else { continue };
            let (publisher, _, ledger) = slots.views();
            match publisher.sleeper(ledger) {
                Sleep::No => {}
                Sleep::Left => left |= 1 << place,
                how => {
                    (self.cold.wake)(subscriber, how);
                    self.stats_region.add(Counter::WakeUps, 1);
                }
            }
        }
        left
    }
}
