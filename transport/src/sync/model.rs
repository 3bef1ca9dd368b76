//! What the models of the hand-off are made of: a runner, threads, and a slot that tells when it is misused.
//!
//! Under loom a model runs in every order that its threads allow; in every other build it runs once, on the machine's
//! own threads and futexes, so that a model that no longer fits the code fails in the everyday tests.
//!
//! # Safety
//!
//! The one `unsafe` here lets threads share a cell through which nothing is ever reached.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::io::Write;
use std::sync::Arc;

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::thread;

/// The variable that names the place to weaken, for a run that is to fail.
pub(crate) const WEAKEN: &str = "BOWSTRING_WEAKEN";

/// How much of a model's orders to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Depth {
    /// All of them.
    Exhaustive,
    /// Those in which threads are taken off the processor against their will so many times at most.
    #[cfg_attr(not(loom), allow(dead_code))]
    Preemptions(usize),
}

/// Runs `body` in every order and prints how many there were.
pub(crate) fn model(name: &str, depth: Depth, body: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    run(depth, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let executions = executions.load(Ordering::Relaxed);
    // Not `println!`, which the test harness would keep to itself; and it may have left an unfinished line behind.
    let _ = writeln!(std::io::stdout(), "\n{name}: {executions} executions");
    assert_ne!(executions, 0, "{name} has shown nothing");
}

#[cfg(loom)]
fn run(depth: Depth, body: impl Fn() + Send + Sync + 'static) {
    use super::order::WEAKENED;
    if let Some(place) = std::env::var(WEAKEN).ok().and_then(|place| place.parse().ok()) {
        WEAKENED.store(place, Ordering::Relaxed);
    }
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
    body();
}

/// A slot's bytes. Loom fails a model in which one thread writes them and another looks, and nothing says who is first.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// The real library's loads and stores here are plain ones; this is atomic so that a broken hand-off ends in a
    /// failed assertion and not in undefined behaviour.
    bytes: AtomicU64,
    #[cfg(loom)]
    access: loom::cell::UnsafeCell<()>,
}

// SAFETY: the bytes are atomic, and the cell is empty: nothing is reached through it, it only tells loom of accesses.
unsafe impl Sync for Payload {}

impl Payload {
    /// Writes the slot, as a sender does that has found it free.
    pub(crate) fn write(&self, bytes: u64) {
        #[cfg(loom)]
        self.access.with_mut(|_| ());
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Reads the slot, as a receiver does that has it on lease.
    pub(crate) fn read(&self) -> u64 {
        #[cfg(loom)]
        self.access.with(|_| ());
        self.bytes.load(Ordering::Relaxed)
    }
}
