//! How long messages are on their way, measured now and then.
//!
//! Some twenty times a second, whenever the sender has looked after its receivers, the next message is timed: the clock is
//! read before it is published, and then its receivers' own counts of messages taken, which they keep anyway, are watched
//! until they have come to it. A look at such a count fetches a cache line that another core writes, so there are few of
//! them: after the next messages, ever more seldom, and when the sender looks after its receivers. All other messages pay
//! for two tests of a flag.
//!
//! What comes out is an interval, from the last look that found the message untaken to the first that found it taken. It
//! is narrow while messages follow each other quickly. A sender that rests looks seldom, and its intervals are as wide as
//! its rests.

use crate::send::pool::{MAX_RECEIVERS, subscribers};
use crate::sys;

use super::Fanout;

/// Which messages are timed.
#[derive(Debug)]
pub(crate) struct Timing {
    /// Whether the next message is to be timed.
    due: bool,
    /// The clock just before the message that is being published, if it is to be timed; 0 if not.
    begins: u64,
    /// The subscribers that have not taken a message that is timed, a bit each.
    waiting: u64,
    timed: [Timed; MAX_RECEIVERS],
    /// Messages published since the last one was timed, and how many they are to be at the next look.
    since: u32,
    next_look: u32,
}

/// A message on its way to a subscriber.
#[derive(Clone, Copy, Debug, Default)]
struct Timed {
    began: u64,
    /// How long after that it was last looked for, in vain.
    untaken_for: u64,
    /// What the receiver counts once it has taken it.
    target: u64,
}

impl Timing {
    pub(crate) fn new() -> Timing {
        let timed = [Timed::default(); MAX_RECEIVERS];
        Timing { due: false, begins: 0, waiting: 0, timed, since: 0, next_look: 0 }
    }

    /// Whether the next message is to be timed.
    #[inline(always)]
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// Whether there is something to do after a message was published.
    #[inline(always)]
    pub(crate) fn is_under_way(&self) -> bool {
        self.begins | self.waiting != 0
    }

    /// A subscriber has ended: nobody takes anything there any more.
    pub(crate) fn forget(&mut self, place: usize) {
        self.waiting &= !(1 << place);
    }
}

impl Fanout {
    /// Before a message is published that is to be timed.
    pub(crate) fn begin_timing(&mut self) {
        self.timing.due = false;
        self.timing.begins = sys::now();
    }

    /// After a message was published to the subscribers in `given`: one that is to be timed, or one behind it.
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

    /// Looks at what is under way, and has the next message timed.
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
                // Not before it is seen to be taken.
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
