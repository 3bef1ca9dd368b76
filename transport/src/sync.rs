//! The atomics that both processes share, and the futex they sleep on.
//!
//! This is the only module that knows of loom. Under `--cfg loom` the same hand-off code runs on loom's atomics, in
//! ordinary memory, and the futex is a lock and a condition variable that behave like the kernel's: comparing the
//! word and queueing the sleeper are one step.

// claim: hand-off-orderings, thread-sanitizer

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod weakened;

/// The orderings of the hand-off, one function for each place.
///
/// They are functions, and not `Ordering`s written at the place, so that a run under loom or the thread sanitizer can
/// weaken one of them and show that this is detected. In every other build they are constants.
pub(crate) mod order {
    use super::{Ordering, fence};

    /// The places whose ordering carries the hand-off.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(usize)]
    #[cfg_attr(not(any(loom, tsan)), allow(dead_code))]
    pub(crate) enum Place {
        /// The sender's store of an entry's ticket: makes the slot's bytes and the entry visible.
        PublishTicket = 1,
        /// The receiver's load of that ticket.
        TakeTicket = 2,
        /// The sender's store of the head, after the ticket.
        PublishHead = 3,
        /// The receiver's load of the head before it sleeps.
        SleepHead = 4,
        /// The receiver's store of a slot's release, after its reads of the slot.
        ReleaseSlot = 5,
        /// The sender's load of that release before it reuses the slot.
        ReclaimSlot = 6,
        /// The sender's fence between "published" and "does anyone sleep?".
        PublishFence = 7,
        /// The receiver's fence between "I sleep" and "is there really nothing?".
        SleepFence = 8,
        /// The receiver's fence between "released" and "does the sender wait for room?".
        ReleaseFence = 9,
        /// The sender's fence between "I wait for room" and "is there really none?".
        WantFence = 10,
    }

    /// Every place, for the test that weakens each in turn.
    #[cfg(test)]
    pub(crate) const PLACES: [Place; 10] = [
        Place::PublishTicket,
        Place::TakeTicket,
        Place::PublishHead,
        Place::SleepHead,
        Place::ReleaseSlot,
        Place::ReclaimSlot,
        Place::PublishFence,
        Place::SleepFence,
        Place::ReleaseFence,
        Place::WantFence,
    ];

    /// The place that the running model has weakened; 0 for none.
    #[cfg(any(loom, tsan))]
    pub(crate) static WEAKENED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

    #[cfg(any(loom, tsan))]
    fn weakened(place: Place) -> bool {
        WEAKENED.load(core::sync::atomic::Ordering::Relaxed) == place as usize
    }

    #[cfg(not(any(loom, tsan)))]
    #[inline(always)]
    const fn weakened(_: Place) -> bool {
        false
    }

    /// `Release`, for the stores that hand something over.
    #[inline(always)]
    pub(crate) fn release(place: Place) -> Ordering {
        if weakened(place) { Ordering::Relaxed } else { Ordering::Release }
    }

    /// `Acquire`, for the loads that accept something.
    #[inline(always)]
    pub(crate) fn acquire(place: Place) -> Ordering {
        if weakened(place) { Ordering::Relaxed } else { Ordering::Acquire }
    }

    /// A `SeqCst` fence: of two sides that each store and then load, at least one sees the other's store.
    #[inline(always)]
    pub(crate) fn full_fence(place: Place) {
        fence(if weakened(place) { Ordering::AcqRel } else { Ordering::SeqCst });
    }
}

/// Sleeping on a word that another process may change.
#[cfg(not(loom))]
pub(crate) mod futex {
    use super::AtomicU32;
    use crate::sys;

    /// Sleeps while `word` holds `expected`, for `nanos` at most. Spurious returns are allowed: callers check again.
    pub(crate) fn wait(word: &AtomicU32, expected: u32, nanos: u64) -> Result<(), crate::OsError> {
        sys::futex::wait(word, expected, nanos)
    }

    /// Sleeps while each of `words` holds its expected value, for `nanos` at most. Spurious returns are allowed.
    pub(crate) fn wait_any<'a>(
        words: impl Iterator<Item = (&'a AtomicU32, u32)>,
        nanos: u64,
    ) -> Result<(), crate::OsError> {
        sys::futex::wait_any(words, nanos)
    }

    /// Wakes every sleeper on `word`; returns true if there was one.
    pub(crate) fn wake(word: &AtomicU32) -> bool {
        sys::futex::wake(word)
    }
}

/// The same operations for loom: one lock stands for the kernel's queue, which knows who sleeps on which word. A
/// wake-up reaches only the sleepers of its own word, or it would make up for another that was lost.
#[cfg(loom)]
pub(crate) mod futex {
    use std::vec::Vec;

    use super::{AtomicU32, Ordering};
    use loom::sync::{Condvar, Mutex};

    /// The sleepers: a number for each sleep, and the addresses of its words.
    #[derive(Default)]
    struct Sleepers {
        next: u32,
        asleep: Vec<(u32, Vec<usize>)>,
    }

    loom::lazy_static! {
        static ref QUEUE: (Mutex<Sleepers>, Condvar) = (Mutex::new(Sleepers::default()), Condvar::new());
    }

    fn address(word: &AtomicU32) -> usize {
        core::ptr::from_ref(word) as usize
    }

    pub(crate) fn wait(word: &AtomicU32, expected: u32, nanos: u64) -> Result<(), crate::OsError> {
        wait_any(core::iter::once((word, expected)), nanos)
    }

    pub(crate) fn wait_any<'a>(
        words: impl Iterator<Item = (&'a AtomicU32, u32)>,
        _nanos: u64,
    ) -> Result<(), crate::OsError> {
        let words: Vec<_> = words.collect();
        let mut queue = QUEUE.0.lock().expect("the model does not panic while it holds the queue");
        if words.iter().all(|(word, expected)| word.load(Ordering::Relaxed) == *expected) {
            let sleep = queue.next;
            queue.next += 1;
            queue.asleep.push((sleep, words.iter().map(|(word, _)| address(word)).collect()));
            while queue.asleep.iter().any(|(other, _)| *other == sleep) {
                queue = QUEUE.1.wait(queue).expect("the model does not panic while it holds the queue");
            }
        }
        Ok(())
    }

    pub(crate) fn wake(word: &AtomicU32) -> bool {
        let mut queue = QUEUE.0.lock().expect("the model does not panic while it holds the queue");
        let before = queue.asleep.len();
        queue.asleep.retain(|(_, words)| !words.contains(&address(word)));
        QUEUE.1.notify_all();
        queue.asleep.len() != before
    }
}
