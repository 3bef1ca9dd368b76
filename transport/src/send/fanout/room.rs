//! Finds room for a message: at once, or by waiting for receivers to give slots back.

use crate::abi::Sleep;
use crate::error::OsError;
use crate::ring::{self, Room};

use crate::send::pool::{Extent, MAX_RECEIVERS};
use crate::stats::Counter;
use crate::sync::{AtomicU32, futex};
use crate::wait::{Step, Wait, Waiting};

use super::publish::has_released;
use super::subscriber::End;
use super::{Fanout, Pool};

/// Reasons why there is no room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoanError {
    /// There is no receiver; carries how the last one ended, if there was one.
    NoReceiver(Option<End>),
    /// The message is longer than the whole pool.
    TooLong {
        /// Its length.
        len: usize,
        /// The longest possible message.
        most: usize,
    },
    /// No room at this moment; only returned by calls that do not wait.
    Full,
    /// No room became free in time.
    TimedOut,
    /// A system call failed.
    Os(OsError),
}

impl From<OsError> for LoanError {
    fn from(e: OsError) -> LoanError {
        LoanError::Os(e)
    }
}

impl core::fmt::Display for LoanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            LoanError::NoReceiver(None) => f.write_str("no receiver has connected yet"),
            LoanError::NoReceiver(Some(end)) => write!(f, "no receiver is left; the last one {end}"),
            LoanError::TooLong { len, most } => {
                write!(f, "a message of {len} bytes; the pool holds {most} at most")
            }
            LoanError::Full => f.write_str("the pool is full"),
            LoanError::TimedOut => f.write_str("no room in the pool came free in time"),
            LoanError::Os(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for LoanError {}

impl Fanout {
    /// Finds neighbouring slots. `wait` is `None` for a single try.
    #[inline(always)]
    pub(crate) fn find_room(&mut self, extent: Extent, wait: Option<Wait>) -> Result<u32, LoanError> {
        if self.live != 0
            && let Some(slot) = self.look_for_room(extent)
        {
            return Ok(slot);
        }
        (self.cold.wait_for_room)(self, extent, wait)
    }

    /// Finds one slot without a search, for a message that fits into it, if there are receivers and none takes files.
    #[inline(always)]
    pub(crate) fn next_slot(&self, len: usize) -> Option<u32> {
        let pool = self.pool.as_ref()?;
        if self.sealed != 0 || self.live == 0 || len > pool.geometry.slot_size() {
            return None;
        }
        pool.occupation.at_cursor(len)
    }

    #[inline]
    fn look_for_room(&mut self, extent: Extent) -> Option<u32> {
        let subscribers = &self.subscribers;
        let released = |subscriber, slot, number| has_released(subscribers, subscriber, slot, number);
        self.pool.as_mut()?.occupation.find(extent, released)
    }

    pub(super) fn wait_for_room(&mut self, extent: Extent, wait: Option<Wait>) -> Result<u32, LoanError> {
        let Some(wait) = wait else {
            self.reap_if_due()?;
            self.somebody_is_there()?;
            return self.look_for_room(extent).ok_or(LoanError::Full);
        };
        self.somebody_is_there()?;
        self.stats_region.add(Counter::Stalls, 1);
        let mut waiting = Waiting::begin(wait);
        loop {
            match waiting.step() {
                Step::Look | Step::Glance => {}
                Step::Watch => {
                    self.reap()?;
                    self.somebody_is_there()?;
                }
                Step::Sleep(nanos) => self.sleep_for_room(extent, nanos)?,
                Step::TimedOut => {
                    // A receiver may have died unnoticed: check once more, so that a short wait sees it too.
                    self.reap()?;
                    self.somebody_is_there()?;
                    return self.look_for_room(extent).ok_or(LoanError::TimedOut);
                }
            }
            if let Some(slot) = self.look_for_room(extent) {
                return Ok(slot);
            }
        }
    }

    /// Waits until a loan of `len` bytes would be lent at once.
    pub(crate) fn await_room(&mut self, len: usize, wait: Wait) -> Result<(), LoanError> {
        let wait = if self.sealed == 0 { Some(wait) } else { self.finish_for_room(Some(wait))? };
        if self.all_sealed() {
            return self.somebody_is_there();
        }
        let extent = self.extent(len)?;
        self.find_room(extent, wait).map(drop)
    }

    /// Returns what a message of `len` bytes takes of the pool.
    #[inline(always)]
    pub(crate) fn extent(&self, len: usize) -> Result<Extent, LoanError> {
        let geometry = self.pool.as_ref().map(|pool| pool.geometry);
        match geometry.and_then(|geometry| geometry.span(len)) {
            Some(span) => Ok(Extent::new(span, len)),
            None => {
                Err(LoanError::TooLong { len, most: geometry.map_or(0, |geometry| geometry.pool_bytes()) })
            }
        }
    }

    pub(crate) fn somebody_is_there(&self) -> Result<(), LoanError> {
        if self.live == 0 { Err(LoanError::NoReceiver(self.last_end())) } else { Ok(()) }
    }

    /// Checks the receivers' processes if the last check is long enough ago.
    pub(crate) fn reap_if_due(&mut self) -> Result<(), OsError> {
        if self.watch.is_due() { (self.cold.reap)(self) } else { Ok(()) }
    }

    /// Sleeps until a receiver gives something back; see the argument in [`ring`].
    fn sleep_for_room(&mut self, extent: Extent, nanos: u64) -> Result<(), OsError> {
        let mut rooms = [None::<Room>; MAX_RECEIVERS];
        for (place, subscriber) in self.subscribers.iter().enumerate() {
            if let Some(slots) = subscriber.as_ref().and_then(|subscriber| subscriber.slots.as_ref()) {
                rooms[place] = Some(Room::announce(slots.board(), slots.ledger(), Sleep::Futex));
            }
        }
        ring::want_fence();
        let slept = match self.look_for_room(extent) {
            Some(_) => Ok(()),
            None => futex::wait_any(self.bells(&rooms), nanos),
        };
        for subscriber in self.subscribers.iter().flatten() {
            if let Some(slots) = &subscriber.slots {
                Room::withdraw(slots.board());
            }
        }
        slept
    }

    /// Returns the bells to sleep on: those of the subscribers that hold something.
    fn bells<'a>(
        &'a self,
        rooms: &'a [Option<Room>; MAX_RECEIVERS],
    ) -> impl Iterator<Item = (&'a AtomicU32, u32)> {
        let held = |place| self.pool.as_ref().is_some_and(|p: &Pool| p.occupation.held(place).messages > 0);
        self.subscribers().filter(move |&(place, _)| held(place)).filter_map(|(place, subscriber)| {
            let room = rooms[place]?;
            Some((&subscriber.slots.as_ref()?.ledger().head.bell, room.bell))
        })
    }

    /// Announces that this sender sleeps on its sockets until there is room; returns `false` if there is some.
    pub(crate) fn arm_for_room(&mut self, extent: Extent) -> bool {
        for slots in self.subscribers.iter().flatten().filter_map(|subscriber| subscriber.slots.as_ref()) {
            let _ = Room::announce(slots.board(), slots.ledger(), Sleep::Socket);
        }
        ring::want_fence();
        if self.look_for_room(extent).is_none() {
            return true;
        }
        self.disarm_for_room();
        false
    }

    /// Ends the sleep on sockets and discards the wake-ups.
    pub(crate) fn disarm_for_room(&mut self) {
        for subscriber in self.subscribers.iter_mut().flatten() {
            if let Some(slots) = &subscriber.slots {
                Room::withdraw(slots.board());
            }
            subscriber.drain_socket();
        }
    }
}
