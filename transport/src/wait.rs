//! Waiting: its length, spinning, sleeping, and checks that the peer is alive.

// claim: busy-no-syscalls, sleeping-syscalls

use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;

use crate::error::OsError;
use crate::sys;

/// The length and manner of a wait.
///
/// ```
/// use bowstring_transport::Wait;
/// use core::time::Duration;
/// // Spin for a while, then sleep; give up after a second.
/// let patient = Wait::sleeping().at_most(Duration::from_secs(1));
/// // Never sleep: for a thread that owns its core.
/// let eager = Wait::spinning();
/// # let _ = (patient, eager);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Wait {
    /// Checks before sleeping.
    spins: u32,
    sleeps: bool,
    /// Nanoseconds until giving up.
    limit: u64,
    /// Nanoseconds between two checks of the peer's process.
    watch: u64,
}

/// At some dozens of loads each, these checks take about ten microseconds, less than falling asleep and waking costs.
const SPINS: u32 = 128;

/// A dead peer must be noticed within 100 ms; half of that leaves room for a busy machine.
const WATCH: Duration = Duration::from_millis(50);

impl Wait {
    /// Spins for some microseconds, then sleeps on a futex; never gives up. The default.
    pub const fn sleeping() -> Wait {
        Wait { spins: SPINS, sleeps: true, limit: u64::MAX, watch: WATCH.as_nanos() as u64 }
    }

    /// Spins and never sleeps; never gives up.
    pub const fn spinning() -> Wait {
        Wait { sleeps: false, ..Wait::sleeping() }
    }

    /// Gives up after `limit`.
    pub const fn at_most(self, limit: Duration) -> Wait {
        Wait { limit: saturate(limit), ..self }
    }

    /// Gives up `nanos` earlier.
    pub(crate) const fn less(self, nanos: u64) -> Wait {
        match self.limit {
            u64::MAX => self,
            limit => Wait { limit: limit.saturating_sub(nanos), ..self },
        }
    }

    /// Checks `spins` times before it sleeps.
    pub const fn spins(self, spins: u32) -> Wait {
        Wait { spins, ..self }
    }

    /// Checks the peer's process every `interval` while waiting, instead of every 50 ms. A dead peer is noticed about
    /// that late, and each check is a system call.
    pub const fn watch_every(self, interval: Duration) -> Wait {
        Wait { watch: saturate(interval), ..self }
    }
}

impl Wait {
    /// Returns the time at which a wait that begins now gives up.
    pub(crate) fn until(self) -> u64 {
        if self.limit == u64::MAX { u64::MAX } else { sys::now().saturating_add(self.limit) }
    }
}

impl Default for Wait {
    fn default() -> Wait {
        Wait::sleeping()
    }
}

const fn saturate(d: Duration) -> u64 {
    let nanos = d.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// The next action of a waiting loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Check again at once.
    Look,
    /// Check again, including what is only checked now and then.
    Glance,
    /// Check that the peer is alive, then check again.
    Watch,
    /// Sleep for at most this many nanoseconds, then check again.
    Sleep(u64),
    /// Give up.
    TimedOut,
}

/// A wait in progress. It reads the clock once in eight checks.
#[derive(Debug)]
pub(crate) struct Waiting {
    wait: Wait,
    looks: u32,
    /// The deadline, and the time of the next check of the peer; 0 until the clock is first read.
    until: u64,
    next_watch: u64,
}

impl Waiting {
    pub(crate) fn begin(wait: Wait) -> Waiting {
        Waiting { wait, looks: 0, until: wait.until(), next_watch: 0 }
    }

    /// Returns the next step after a check that found nothing.
    #[inline]
    pub(crate) fn step(&mut self) -> Step {
        self.looks = self.looks.wrapping_add(1);
        let spin = !self.wait.sleeps || self.looks < self.wait.spins;
        if spin && self.looks & 7 != 0 {
            core::hint::spin_loop();
            return Step::Look;
        }
        self.by_the_clock(spin)
    }

    #[cold]
    fn by_the_clock(&mut self, spin: bool) -> Step {
        let now = sys::now();
        if now >= self.until {
            return Step::TimedOut;
        }
        if self.next_watch == 0 {
            self.next_watch = now.saturating_add(self.wait.watch);
        } else if now >= self.next_watch {
            self.next_watch = now.saturating_add(self.wait.watch);
            return Step::Watch;
        }
        if spin {
            return Step::Glance;
        }
        // Stay asleep-prone: the count must not wrap back into spinning.
        self.looks = self.wait.spins;
        Step::Sleep(self.until.min(self.next_watch) - now)
    }
}

/// The most descriptors that one sleep waits for: a listener, the connections in handshake, two for each receiver,
/// and the caller's own.
const MAX_WAITS: usize = 160;

/// Open descriptors to sleep on: `poll` refuses more than the process may have.
pub(crate) struct Waits<'a> {
    fds: [Option<BorrowedFd<'a>>; MAX_WAITS],
    count: usize,
}

impl<'a> Waits<'a> {
    pub(crate) fn new() -> Waits<'a> {
        Waits { fds: [None; MAX_WAITS], count: 0 }
    }

    pub(crate) fn add(&mut self, fd: BorrowedFd<'a>) {
        if let Some(place) = self.fds.get_mut(self.count) {
            *place = Some(fd);
            self.count += 1;
        }
    }

    /// Sleeps until one of them is ready or has hung up, a signal comes, or `nanos` have passed.
    pub(crate) fn sleep(&self, nanos: u64) -> Result<(), OsError> {
        let Some(first) = self.fds[0] else {
            sys::sleep(nanos);
            return Ok(());
        };
        let mut polled: [PollFd<'_>; MAX_WAITS] =
            core::array::from_fn(|at| PollFd::from_borrowed_fd(self.fds[at].unwrap_or(first), PollFlags::IN));
        sys::poll(polled.get_mut(..self.count).unwrap_or(&mut []), nanos).map(drop)
    }
}

/// Decides when enough time has passed since the last check of a peer; for calls that do not wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    interval: u64,
    next: u64,
    /// The clock, in nanoseconds. A pointer for the reason given in [`cold`](crate::send::fanout::cold).
    now: fn() -> u64,
}

impl Watch {
    pub(crate) fn every(interval: Duration) -> Watch {
        Watch { interval: saturate(interval), next: 0, now: sys::now_coarse }
    }

    pub(crate) fn set(&mut self, interval: Duration) {
        *self = Watch::every(interval);
    }

    /// Returns true if a check is due; if so, schedules the next one.
    #[inline]
    pub(crate) fn is_due(&mut self) -> bool {
        if self.interval == u64::MAX {
            return false;
        }
        let now = (self.now)();
        if now < self.next {
            return false;
        }
        let first = self.next == 0;
        self.next = now.saturating_add(self.interval);
        !first
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch::every(WATCH)
    }
}
