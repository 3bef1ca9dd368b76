//! The parts of the hand-off's models: a runner, threads, and a slot that detects misuse.
//!
//! Under loom a model runs in every order that its threads allow; in every other build it runs once, or as often as
//! [`ROUNDS`] says, on the machine's own threads and futexes, so that a model that no longer fits the code fails in the
//! everyday tests. With `--cfg tsan` slots are plain memory, for the thread sanitizer to watch.
//!
//! # Safety
//!
//! Threads share a slot, and the hand-off under test keeps them apart. Only loom, which checks itself, and the thread
//! sanitizer, which reports violations, see more than atomics.
#![allow(unsafe_code)]

#[cfg(not(tsan))]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::Write;
use std::sync::Arc;

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::thread;

/// The variable that names the place to weaken, for a run that is to fail.
pub(crate) const WEAKEN: &str = "BOWSTRING_WEAKEN";

/// The variable that sets how often a model runs on the machine's own threads.
#[cfg(not(loom))]
const ROUNDS: &str = "BOWSTRING_ROUNDS";

/// The share of a model's orders to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Depth {
    /// All of them.
    Exhaustive,
    /// Those in which threads are preempted at most this many times.
    #[cfg_attr(not(loom), allow(dead_code))]
    Preemptions(usize),
}

/// Runs `body` in every order and prints the number of orders.
pub(crate) fn model(name: &str, depth: Depth, body: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    run(depth, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let executions = executions.load(Ordering::Relaxed);
    // Not `println!`, which the test harness captures; the harness may also have left an unfinished line.
    let _ = writeln!(std::io::stdout(), "\n{name}: {executions} executions");
    assert_ne!(executions, 0, "{name} has shown nothing");
}

/// Returns a number from the environment.
fn given(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Weakens the place that the environment names.
#[cfg(any(loom, tsan))]
fn weaken() {
    if let Some(place) = given(WEAKEN) {
        super::order::WEAKENED.store(place, Ordering::Relaxed);
    }
}

#[cfg(loom)]
fn run(depth: Depth, body: impl Fn() + Send + Sync + 'static) {
    weaken();
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = match depth {
        Depth::Exhaustive => None,
        Depth::Preemptions(most) => Some(most),
    };
    builder.check(body);
}

#[cfg(not(loom))]
fn run(_: Depth, body: impl Fn() + Send + Sync + 'static) {
    #[cfg(tsan)]
    weaken();
    (0..given(ROUNDS).unwrap_or(1)).for_each(|_| body());
}

/// A slot's bytes. Loom fails a model in which one thread writes them and another reads without an order between the
/// two; the thread sanitizer reports it.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// The real library's loads and stores here are plain; this is atomic so that a broken hand-off ends in a failed
    /// assertion and not in undefined behaviour.
    #[cfg(not(tsan))]
    bytes: AtomicU64,
    #[cfg(tsan)]
    bytes: core::cell::UnsafeCell<u64>,
    #[cfg(loom)]
    access: loom::cell::UnsafeCell<()>,
}

// SAFETY: the bytes are atomic, and loom's cell is empty: nothing is reached through it, it only reports accesses to
// loom. For the thread sanitizer the bytes are plain: it is there to check whether the hand-off keeps threads apart.
unsafe impl Sync for Payload {}

impl Payload {
    /// Writes the slot, like a sender that has found it free.
    pub(crate) fn write(&self, bytes: u64) {
        #[cfg(loom)]
        self.access.with_mut(|_| ());
        #[cfg(not(tsan))]
        self.bytes.store(bytes, Ordering::Relaxed);
        // SAFETY: like a sender, the caller has found the slot free; the sanitizer reports it if the hand-off lets
        // others in.
        #[cfg(tsan)]
        unsafe {
            *self.bytes.get() = bytes;
        }
    }

    /// Reads the slot, like a receiver that has it on lease.
    pub(crate) fn read(&self) -> u64 {
        #[cfg(loom)]
        self.access.with(|_| ());
        #[cfg(not(tsan))]
        return self.bytes.load(Ordering::Relaxed);
        // SAFETY: like a receiver, the caller has the slot on lease; the sanitizer reports it if the hand-off lets
        // the sender in.
        #[cfg(tsan)]
        unsafe {
            *self.bytes.get()
        }
    }
}
