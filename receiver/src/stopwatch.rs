//! The clock of the loop: where the time goes between a message and the next.

use std::time::{Duration, Instant};

/// Rows, and time by stage.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    begun: Instant,
    /// Since when the stage lasts that is under way.
    since: Instant,
    last_batch: Instant,
    rows: u64,
    times: Times,
}

/// The time by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// From the first wait to the end.
    pub(crate) total: Duration,
    /// Waiting for messages and taking them, with the copy where there is one.
    pub(crate) receiving: Duration,
    /// Checking them and, where arrays are wanted, making these.
    pub(crate) checking: Duration,
    /// The work of the sink.
    pub(crate) sink: Duration,
}

impl Stopwatch {
    pub(crate) fn new() -> Stopwatch {
        let now = Instant::now();
        Stopwatch { begun: now, since: now, last_batch: now, rows: 0, times: Times::default() }
    }

    /// A batch has come.
    pub(crate) fn received(&mut self) {
        self.last_batch = Instant::now();
        self.times.receiving += self.last_batch - self.since;
        self.since = self.last_batch;
    }

    /// Records that a batch was checked, and how many of its rows were wanted.
    pub(crate) fn checked(&mut self, rows: usize) {
        self.rows += rows as u64;
        let lap = self.lap();
        self.times.checking += lap;
    }

    /// The sink is done with it.
    pub(crate) fn handed_on(&mut self) {
        let lap = self.lap();
        self.times.sink += lap;
    }

    /// Records the sink's time for the end, after the last batch.
    pub(crate) fn wrote(&mut self, time: Duration) {
        self.times.sink += time;
        self.times.total += time;
    }

    /// The last batch has come; what was waited since was the wait for the end.
    pub(crate) fn end(&mut self) {
        let lap = self.lap();
        self.times.receiving += lap;
        self.times.total = self.begun.elapsed();
    }

    /// Another sender has come: the wait for its first batch begins.
    pub(crate) fn resumed(&mut self) {
        self.last_batch = Instant::now();
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.since;
        self.since = now;
        lap
    }

    /// Returns true if nothing has come for longer than the limit.
    pub(crate) fn is_idle_for(&self, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.last_batch.elapsed() >= limit)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn times(&self) -> Times {
        self.times
    }
}
