//! Waits for descriptors, and reads clocks.

use rustix::event::{PollFd, Timespec, epoll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{ClockId, DynamicClockId, clock_gettime_dynamic};

use super::{Sys, once};
use crate::error::Call;

/// Polls; an interrupted poll counts as one that found nothing.
pub(crate) fn poll(fds: &mut [PollFd<'_>], nanos: u64) -> Sys<usize> {
    match once(Call::Poll, || rustix::event::poll(fds, Some(&timespec(nanos)))) {
        Err(e) if e.is(Errno::INTR) => Ok(0),
        outcome => outcome,
    }
}

pub(crate) fn epoll(of: &[BorrowedFd<'_>]) -> Sys<OwnedFd> {
    let set = once(Call::Epoll, || epoll::create(epoll::CreateFlags::CLOEXEC))?;
    for fd in of {
        once(Call::Epoll, || epoll::add(&set, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN))?;
    }
    Ok(set)
}

pub(crate) fn sleep(nanos: u64) {
    let _ = rustix::thread::nanosleep(&timespec(nanos));
}

// ---- clocks ----

/// Returns the nanoseconds since a fixed point, without entering the kernel.
pub(crate) fn now() -> u64 {
    clock(ClockId::Monotonic)
}

/// Returns the same clock to within some milliseconds, cheaper.
pub(crate) fn now_coarse() -> u64 {
    clock(ClockId::MonotonicCoarse)
}

/// Reads a clock by the call that reports an error instead of asserting that there is none. No known host lacks the
/// clock; on one that did, it would stay at 0 and nothing would ever be due.
#[inline]
fn clock(id: ClockId) -> u64 {
    clock_gettime_dynamic(DynamicClockId::Known(id)).map_or(0, nanos)
}

fn nanos(t: Timespec) -> u64 {
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}

pub(super) fn timespec(nanos: u64) -> Timespec {
    Timespec { tv_sec: (nanos / 1_000_000_000) as _, tv_nsec: (nanos % 1_000_000_000) as _ }
}
