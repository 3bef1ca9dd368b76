//! Samples the latency of messages.
//!
//! About twenty times a second, when the sender has checked its receivers, the next message is timed: the clock is
//! read before it is published, and then its receivers' own counts of messages taken, which they keep anyway, are
//! watched until they reach it. Reading such a count fetches a cache line that another core writes, so it is done
//! rarely: after the next messages, at growing distances, and when the sender checks its receivers. All other
//! messages pay for two tests of a flag.
//!
//! The result is an interval, from the last check that found the message untaken to the first that found it taken. It
//! is narrow while messages follow each other quickly. A sender that pauses checks rarely, and its intervals are as
//! wide as its pauses.

use crate::send::pool::{MAX_RECEIVERS, subscribers};
use crate::sys;

use super::Fanout;

/// Decides which messages are timed.
#[derive(Debug)]
pub(crate) struct Timing {
    /// True if the next message is to be timed.
    due: bool,
    /// The time just before the current message, if it is to be timed; otherwise 0.
    begins: u64,
    /// The subscribers that have not taken a timed message, one bit each.
    waiting: u64,
    timed: [Timed; MAX_RECEIVERS],
    /// Messages published since the last one was timed, and the count at which to check next.
    since: u32,
    next_look: u32,
}

/// A message on its way to a subscriber.
#[derive(Clone, Copy, Debug, Default)]
struct Timed {
    began: u64,
    /// The nanoseconds from then until it was last found untaken.
    untaken_for: u64,
    /// The receiver's count once it has taken it.
    target: u64,
}

impl Timing {
    pub(crate) fn new() -> Timing {
        let timed = [Timed::default(); MAX_RECEIVERS];
        Timing { due: false, begins: 0, waiting: 0, timed, since: 0, next_look: 0 }
    }

    /// Returns true if the next message is to be timed.
    #[inline(always)]
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// Returns true if there is something to do after a message was published.
    #[inline(always)]
    pub(crate) fn is_under_way(&self) -> bool {
        self.begins | self.waiting != 0
    }

    /// Forgets a subscriber that has ended.
    pub(crate) fn forget(&mut self, place: usize) {
        self.waiting &= !(1 << place);
    }
}

impl Fanout {
    /// Starts timing, before the message is published.
    pub(crate) fn begin_timing(&mut self) {
        self.timing.due = false;
        self.timing.begins = sys::now();
    }

    /// Handles a message published to the subscribers in `given`: the timed one, or a later one.
    #[cold]
    pub(crate) fn time(&mut self, given: u64) {
        let timing = &mut self.timing;
        let begins = core::mem::take(&mut timing.begins);
        if begins != 0 {
            // A subscriber that still waits for an earlier one goes on waiting for that.
            let fresh = given & !timing.waiting;
            for place in subscribers(fresh) {
                if let Some(timed) = timing.timed.get_mut(place) {
                    *timed = Timed { began: begins, untaken_for: 0, target: self.stats_region.given(place) };
                }
            }
            timing.waiting |= fresh;
            (timing.since, timing.next_look) = (0, 1);
            return;
        }
        timing.since = timing.since.saturating_add(1);
        if timing.since >= timing.next_look {
            timing.next_look = timing.since.saturating_add(timing.since / 4).saturating_add(1);
            self.look_at_timed();
        }
    }

    /// Checks the messages being timed, and schedules the next one.
    pub(crate) fn time_on(&mut self) {
        self.look_at_timed();
        self.timing.due = self.pool.is_some();
    }

    fn look_at_timed(&mut self) {
        for place in subscribers(self.timing.waiting) {
            let now = sys::now();
            let (Some(timed), Some(Some(subscriber))) =
                (self.timing.timed.get_mut(place), self.subscribers.get(place))
            else {
                continue;
            };
            if subscriber.taken() >= timed.target {
                // Never before it is seen to be taken.
                let taken_within = sys::now().saturating_sub(timed.began).max(1);
                self.stats_region.timed(place, timed.untaken_for, taken_within);
                self.timing.forget(place);
            } else {
                timed.untaken_for = now.saturating_sub(timed.began);
                self.stats_region.timed(place, timed.untaken_for, 0);
            }
        }
    }
}
