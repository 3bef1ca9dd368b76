//! A message that some of its receivers were given and others still lack.
//!
//! There is at most one. It comes before everything else that its sender does: no loan is lent while a receiver lacks
//! it, so every receiver gets every message in order. It stays until each receiver has it, has ended, or has a policy
//! that allows passing it over. A wait that ends, an interruption and a system call that fails do not affect it.

use core::fmt;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::connect::session::wire::Announcement;
use crate::error::OsError;
use crate::region::Frozen;
use crate::send::pool::{MAX_RECEIVERS, subscribers};
use crate::stats::Counter;
use crate::sys;
use crate::wait::{Step, Wait, Waiting};

use super::files::{Offered, is_want_of_room};
use super::room::LoanError;
use super::{Fanout, ReceiverId};

// claim: nothing-lost

/// The nanoseconds to rest if a file is refused for a reason other than a full socket, which cannot be waited for.
const REST: u64 = 2_000_000;

#[derive(Debug)]
pub(crate) struct Pending {
    file: Frozen,
    what: Announcement,
    /// The subscribers that lack it, one bit each.
    lacking: u64,
    refused: Option<OsError>,
    required: bool,
}

impl Pending {
    pub(super) fn new(file: Frozen, what: Announcement, offered: Offered, required: bool) -> Pending {
        Pending { file, what, lacking: offered.lacking, refused: offered.refused, required }
    }
}

/// A committed message that some receiver has not been given yet. It will be, before anything else is sent: see
/// [`Sender::finish`](crate::Sender::finish). Do not commit it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The message's number.
    pub number: u64,
    /// The number of receivers that lack it.
    pub receivers: u32,
    /// The first of them.
    pub receiver: ReceiverId,
    /// Its process; 0 if it is in a PID namespace that this process cannot see.
    pub pid: i32,
    /// The host's error, if the cause is not the receiver.
    pub host: Option<OsError>,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} has not reached process {}", self.number, self.pid)?;
        if self.receivers > 1 {
            write!(f, " and {} others", self.receivers - 1)?;
        }
        match self.host {
            Some(e) => write!(f, ": {e}"),
            None => f.write_str(", which makes no room"),
        }
    }
}

impl core::error::Error for Unfinished {}

impl Fanout {
    /// Returns the message that some receiver lacks, if there is one.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        let pending = self.pending.as_ref()?;
        let subscriber = self.subscribers.get(pending.lacking.trailing_zeros() as usize)?.as_ref()?;
        Some(Unfinished {
            number: pending.what.number,
            receivers: pending.lacking.count_ones(),
            receiver: subscriber.id?,
            pid: subscriber.control.credentials().pid,
            host: pending.refused.filter(|&e| !is_want_of_room(e)),
        })
    }

    /// Returns true if a subscriber lacks the pending message.
    pub(super) fn lacks(&self, place: usize) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.lacking & 1 << place != 0)
    }

    /// Gives the pending message to the receivers that lack it; returns how many were given it. `wait` is `None` for
    /// a single try.
    pub(crate) fn finish(&mut self, wait: Option<Wait>) -> Result<u32, Unfinished> {
        let mut given = 0;
        let mut waiting = None;
        loop {
            given += self.offer_pending();
            let Some(unfinished) = self.unfinished() else {
                self.pending = None;
                return Ok(given);
            };
            let Some(wait) = wait.filter(|_| unfinished.host.is_none()) else { return Err(unfinished) };
            if waiting.is_none() {
                self.stats_region.add(Counter::Stalls, 1);
            }
            let failed = |e| Unfinished { host: Some(e), ..unfinished };
            match waiting.get_or_insert_with(|| Waiting::begin(wait.spins(0))).step() {
                Step::Look | Step::Glance => {}
                Step::Watch => self.reap().map_err(failed)?,
                Step::Sleep(nanos) => self.sleep_for_sockets(nanos).map_err(failed)?,
                Step::TimedOut => {
                    // A receiver may have died unnoticed; then it need not be waited for.
                    self.reap().map_err(failed)?;
                    given += self.offer_pending();
                    return self.unfinished().map_or(Ok(given), Err);
                }
            }
        }
    }

    /// Finishes what is pending on the way to a loan; returns the rest of the wait.
    pub(super) fn finish_for_room(&mut self, wait: Option<Wait>) -> Result<Option<Wait>, LoanError> {
        if self.pending.is_none() {
            return Ok(wait);
        }
        let begun = sys::now();
        match self.finish(wait) {
            Ok(_) => Ok(wait.map(|wait| wait.less(sys::now().saturating_sub(begun)))),
            Err(Unfinished { host: Some(e), .. }) => Err(LoanError::Os(e)),
            Err(_) if wait.is_none() => Err(LoanError::Full),
            Err(_) => Err(LoanError::TimedOut),
        }
    }

    fn offer_pending(&mut self) -> u32 {
        let Some(mut pending) = self.pending.take() else { return 0 };
        self.required = pending.required;
        let offered = self.offer(&pending.file, pending.what, pending.lacking);
        self.required = false;
        (pending.lacking, pending.refused) = (offered.lacking, offered.refused);
        if pending.lacking != 0 {
            self.pending = Some(pending);
        }
        offered.given.count_ones()
    }

    /// Forgets a subscriber that has ended and lacks nothing any more.
    pub(super) fn forgive(&mut self, place: usize) {
        if let Some(pending) = &mut self.pending {
            pending.lacking &= !(1 << place);
        }
    }

    /// Sleeps until a socket of the receivers that lack the message has room or has hung up, for `nanos` at most.
    fn sleep_for_sockets(&self, nanos: u64) -> Result<(), OsError> {
        let Some(pending) = &self.pending else { return Ok(()) };
        if pending.refused.is_some_and(|e| !e.is(Errno::AGAIN)) {
            sys::sleep(nanos.min(REST));
            return Ok(());
        }
        let lacking =
            |place: usize| self.subscribers[place].as_ref().filter(|_| pending.lacking & 1 << place != 0);
        let Some(first) = subscribers(pending.lacking).find_map(lacking) else { return Ok(()) };
        // The first socket stands in for the unused places.
        let mut polled: [PollFd<'_>; MAX_RECEIVERS] = core::array::from_fn(|place| {
            let (subscriber, events) = match lacking(place) {
                Some(subscriber) => (subscriber, PollFlags::OUT),
                None => (first, PollFlags::empty()),
            };
            PollFd::from_borrowed_fd(subscriber.control.socket(), events)
        });
        sys::poll(&mut polled, nanos).map(drop)
    }
}
