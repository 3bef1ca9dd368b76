//! Tracks which slots are free: the sender's private knowledge, out of every peer's reach.
//!
//! Messages occupy runs of neighbouring slots. The search for the next run starts at the end of the last one, so that
//! in a steady stream the slots that have rested longest are reused: the lines of a slot used a moment ago still sit
//! in the other core's cache, and writing them first has to fetch them back.
//!
//! Long messages are different: what they are written over has left the caches by the time it is written again. They
//! take the first free place, so that as little memory as possible is used in turn.
//!
//! Nothing is freed eagerly. Only when no room is known, and for each long message, does the search check whether the
//! holders of every occupied run have released it.

use crate::abi::LINE;
use crate::error::OsError;
use crate::region::private::MapSlice;

/// The most receivers that one sender serves: the holders of a slot are the bits of a word.
pub(crate) const MAX_RECEIVERS: usize = 64;

/// Returns the subscribers whose bits are set in a word, each below [`MAX_RECEIVERS`].
#[inline(always)]
pub(crate) fn subscribers(mut bits: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let subscriber = bits.trailing_zeros() as usize;
        (bits != 0).then(|| {
            bits &= bits - 1;
            // Changes nothing, and shows the compiler the bound.
            subscriber % MAX_RECEIVERS
        })
    })
}

/// The sender's record of the message that begins at a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    /// The message's number.
    number: u64,
    /// The subscribers that have not released it yet, one bit each.
    holders: u64,
    /// The number of slots it occupies; 0 where no message begins.
    span: u32,
}

/// A message of this many bytes or more is long. It is about the size of a core's own cache.
pub(crate) const LONG: usize = 2 << 20;

/// The part of the pool that a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The number of slots, all neighbours.
    pub(crate) span: u32,
    /// True if it takes the first free place, and not the next.
    pub(crate) long: bool,
}

impl Extent {
    /// Returns the extent of a message of `len` bytes in `span` slots.
    #[inline(always)]
    pub(crate) const fn new(span: u32, len: usize) -> Extent {
        Extent { span, long: len >= LONG }
    }
}

/// The part of the pool that a subscriber holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) messages: u32,
    pub(crate) slots: u32,
}

/// The occupation of a pool.
#[derive(Debug)]
pub(crate) struct Occupation {
    runs: MapSlice<Run>,
    held: [Held; MAX_RECEIVERS],
    /// The start of the next search: the end of the last run placed, never inside a run.
    cursor: usize,
    /// Slots from the cursor on that were checked since they were last occupied; less than twice the stride.
    asked: usize,
    /// Slots checked at a time: those of one line of a ledger, or half of a small pool.
    stride: usize,
    in_use: u32,
    high_water: u32,
}

/// The words of a ledger that share a cache line.
const LEDGER_LINE: usize = LINE / size_of::<u64>();

impl Occupation {
    pub(crate) fn new(slots: u32) -> Result<Occupation, OsError> {
        Ok(Occupation {
            runs: MapSlice::new(slots as usize)?,
            held: [Held::default(); MAX_RECEIVERS],
            cursor: 0,
            asked: 0,
            stride: (slots as usize / 2).clamp(1, LEDGER_LINE),
            in_use: 0,
            high_water: 0,
        })
    }

    /// Finds free neighbours and returns the first of them. `released(subscriber, slot, number)` returns whether a
    /// subscriber has given back a message. Occupies nothing: that is left to [`occupy`](Self::occupy).
    #[inline]
    pub(crate) fn find(
        &mut self,
        Extent { span, long }: Extent,
        released: impl FnMut(usize, u32, u64) -> bool,
    ) -> Option<u32> {
        debug_assert!(span >= 1 && span as usize <= self.runs.len(), "a span that fits no pool");
        if long {
            return self.search_from_start(span as usize, released);
        }
        let at = self.cursor;
        if span == 1 && self.runs.get(at).is_some_and(|run| run.span == 0) {
            return Some(at as u32);
        }
        self.search(span as usize, released)
    }

    /// Returns one slot for a message of `len` bytes if the first look of [`find`](Self::find) finds it.
    #[inline(always)]
    pub(crate) fn at_cursor(&self, len: usize) -> Option<u32> {
        let free = len < LONG && self.runs.get(self.cursor).is_some_and(|run| run.span == 0);
        free.then_some(self.cursor as u32)
    }

    /// Searches among the slots known to be free; then checks all others and searches once more. Checking in one
    /// sweep, and not slot by slot, keeps the ledgers' lines with the receivers, who write them.
    #[cold]
    fn search(&mut self, span: usize, released: impl FnMut(usize, u32, u64) -> bool) -> Option<u32> {
        self.search_known(span, self.cursor).or_else(|| {
            self.reclaim_all(released);
            self.search_known(span, self.cursor)
        })
    }

    /// Checks all runs first, since the slots released last lie in front of those that have rested. Compared with copying
    /// a long message, the checks cost nothing.
    #[cold]
    fn search_from_start(
        &mut self,
        span: usize,
        released: impl FnMut(usize, u32, u64) -> bool,
    ) -> Option<u32> {
        self.reclaim_all(released);
        self.search_known(span, 0)
    }

    /// Looks for room among what is known to be free, from a place on that is not inside a run.
    fn search_known(&self, span: usize, from: usize) -> Option<u32> {
        let slots = self.runs.len();
        let (mut at, mut free, mut seen) = (from, 0, 0);
        // A run that began before that place can be completed at most `span` slots behind it.
        while seen < slots + span {
            if at == slots {
                (at, free) = (0, 0);
            }
            let taken = self.runs.get(at)?.span as usize;
            free = if taken == 0 { free + 1 } else { 0 };
            at += taken.max(1);
            seen += taken.max(1);
            if free == span {
                return Some((at - span) as u32);
            }
        }
        None
    }

    /// Checks the runs just ahead of the next place, so that room there is known when it is needed. Call it after
    /// publishing: this part of finding room need not wait until room is needed.
    #[inline]
    pub(crate) fn look_ahead(&mut self, released: impl FnMut(usize, u32, u64) -> bool) {
        if self.asked < self.stride {
            self.ask_further(released);
        }
    }

    fn ask_further(&mut self, mut released: impl FnMut(usize, u32, u64) -> bool) {
        let slots = self.runs.len();
        for ahead in self.asked..self.asked + self.stride {
            let at = self.cursor + ahead;
            let at = if at < slots { at } else { at - slots };
            self.reclaim(at, &mut released);
        }
        self.asked += self.stride;
    }

    fn reclaim_all(&mut self, mut released: impl FnMut(usize, u32, u64) -> bool) {
        let mut at = 0;
        while let Some(run) = self.runs.get(at) {
            let span = run.span as usize;
            self.reclaim(at, &mut released);
            at += span.max(1);
        }
    }

    /// Clears the holders of the run at `at`, if one begins there, that have released it; without holders the run is
    /// free.
    #[inline]
    fn reclaim(&mut self, at: usize, released: &mut impl FnMut(usize, u32, u64) -> bool) {
        let Some(&run) = self.runs.get(at).filter(|run| run.span > 0) else { return };
        for subscriber in subscribers(run.holders) {
            if released(subscriber, at as u32, run.number) {
                self.drop_holder(at, subscriber);
            }
        }
    }

    fn drop_holder(&mut self, at: usize, subscriber: usize) {
        let (Some(run), Some(held)) = (self.runs.get_mut(at), self.held.get_mut(subscriber)) else { return };
        run.holders &= !(1 << subscriber);
        held.messages -= 1;
        held.slots -= run.span;
        if run.holders == 0 {
            self.in_use -= run.span;
            run.span = 0;
        }
    }

    /// Occupies the slots that [`find`](Self::find) returned, for the subscribers in `holders`.
    pub(crate) fn occupy(&mut self, slot: u32, extent: Extent, number: u64, holders: u64) {
        let (at, span) = (slot as usize, extent.span);
        self.move_cursor(at, extent);
        if holders == 0 {
            return;
        }
        debug_assert!(self.runs[at..at + span as usize].iter().all(|run| run.span == 0), "occupied twice");
        if let Some(run) = self.runs.get_mut(at) {
            *run = Run { number, holders, span };
        }
        for subscriber in subscribers(holders) {
            self.held[subscriber].messages += 1;
            self.held[subscriber].slots += span;
        }
        self.in_use += span;
        self.high_water = self.high_water.max(self.in_use);
    }

    /// Moves the cursor behind the slots that are occupied now. A long message moves it only if it lies over it, so that
    /// short ones go round in the rest of the pool.
    #[inline(always)]
    fn move_cursor(&mut self, at: usize, Extent { span, long }: Extent) {
        let end = at + span as usize;
        if long && !(at..end).contains(&self.cursor) {
            // Some of the slots checked may be occupied now.
            self.asked = 0;
            return;
        }
        // The slots checked begin at the old cursor; from another place they do not count.
        self.asked = if at == self.cursor { self.asked.saturating_sub(span as usize) } else { 0 };
        self.cursor = if end == self.runs.len() { 0 } else { end };
    }

    /// Checks every run that `subscriber` holds. Affects no other holder.
    pub(crate) fn reclaim_subscriber(
        &mut self,
        subscriber: usize,
        mut released: impl FnMut(u32, u64) -> bool,
    ) {
        self.each_run_of(subscriber, |this, at| {
            if this.runs.get(at).is_some_and(|run| released(at as u32, run.number)) {
                this.drop_holder(at, subscriber);
            }
        });
    }

    /// Takes back everything that `subscriber` holds: its process is gone.
    pub(crate) fn forget_subscriber(&mut self, subscriber: usize) {
        self.each_run_of(subscriber, |this, at| this.drop_holder(at, subscriber));
    }

    fn each_run_of(&mut self, subscriber: usize, mut act: impl FnMut(&mut Self, usize)) {
        let mut at = 0;
        while self.held(subscriber).messages > 0
            && let Some(&run) = self.runs.get(at)
        {
            if run.span != 0 && run.holders & (1 << subscriber) != 0 {
                act(self, at);
            }
            at += run.span.max(1) as usize;
        }
    }

    /// Returns what `subscriber` holds, as far as the sender has seen its releases.
    #[inline]
    pub(crate) fn held(&self, subscriber: usize) -> Held {
        self.held.get(subscriber).copied().unwrap_or_default()
    }

    /// Returns true if no message lies in the `span` slots from `slot` on.
    pub(crate) fn is_free(&self, slot: u32, span: u32) -> bool {
        let end = slot as usize + span as usize;
        let runs = self.runs.get(..end);
        let free = |(at, run): (usize, &Run)| run.span == 0 || at + run.span as usize <= slot as usize;
        runs.is_some_and(|runs| runs.iter().enumerate().all(free))
    }

    /// Returns the number of occupied slots, as far as the sender has seen the releases.
    pub(crate) fn in_use(&self) -> u32 {
        self.in_use
    }

    /// Returns the largest number of slots occupied at once.
    pub(crate) fn high_water(&self) -> u32 {
        self.high_water
    }
}

#[cfg(test)]
mod tests;
