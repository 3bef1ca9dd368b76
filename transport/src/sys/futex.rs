//! Waits for words in memory.

use core::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex;

use super::waiting::{now, timespec};
use super::{Sys, once};
use crate::error::Call;

pub(crate) fn wait(word: &AtomicU32, expected: u32, nanos: u64) -> Sys<()> {
    match once(Call::FutexWait, || futex::wait(word, futex::Flags::empty(), expected, Some(&timespec(nanos))))
    {
        Err(e) if e.is(Errno::INTR) || e.is(Errno::AGAIN) || e.is(Errno::TIMEDOUT) => Ok(()),
        outcome => outcome,
    }
}

/// Sleeps until one of `words` differs from its expected value, or is woken, or `nanos` have passed.
pub(crate) fn wait_any<'a>(words: impl Iterator<Item = (&'a AtomicU32, u32)>, nanos: u64) -> Sys<()> {
    let mut waits = [futex::Wait::new(); 64];
    let mut count = 0;
    let mut first = None;
    for (word, expected) in words.take(waits.len()) {
        first.get_or_insert((word, expected));
        waits[count].val = expected.into();
        waits[count].uaddr = futex::WaitPtr::new(word.as_ptr().cast());
        waits[count].flags = futex::WaitFlags::SIZE_U32;
        count += 1;
    }
    let Some((word, expected)) = first else { return Ok(()) };
    if count == 1 {
        return wait(word, expected, nanos);
    }
    let until = timespec(now().saturating_add(nanos));
    let outcome = once(Call::FutexWait, || {
        futex::waitv(&waits[..count], futex::WaitvFlags::empty(), Some(&until), futex::ClockId::Monotonic)
    });
    match outcome {
        Ok(_) => Ok(()),
        Err(e) if e.is(Errno::INTR) || e.is(Errno::AGAIN) || e.is(Errno::TIMEDOUT) => Ok(()),
        // Before Linux 5.16 only one word can be waited on: do that, briefly, and let the caller check all again.
        Err(e) if e.is(Errno::NOSYS) => wait(word, expected, nanos.min(1_000_000)),
        Err(e) => Err(e),
    }
}

/// Wakes every sleeper on `word`; returns true if there was one.
pub(crate) fn wake(word: &AtomicU32) -> bool {
    // The word is mapped while the reference lives, so nothing can fail here.
    futex::wake(word, futex::Flags::empty(), i32::MAX as u32).is_ok_and(|woken| woken > 0)
}
