//! Measures contenders in turns, so that disturbances affect all of them alike.

use std::time::{Duration, Instant};

use crate::allocations;

/// Rounds in which every contender has its turn.
const ROUNDS: usize = 61;

/// The minimum length of a turn: long against the clock, short against a time slice.
const TURN: Duration = Duration::from_micros(400);

/// The measurements of one contender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stats {
    /// Nanoseconds of one call, in the median turn.
    pub(crate) median: f64,
    /// The same in the fastest quarter of the turns.
    pub(crate) quartile: f64,
    /// Heap allocations of one call.
    pub(crate) allocations: u64,
}

/// Measures contenders that do the same work.
pub(crate) fn measure<const N: usize>(mut contenders: [&mut dyn FnMut(); N]) -> [Stats; N] {
    let calls = contenders.each_mut().map(|work| calls_per_turn(work));
    let allocations = contenders.each_mut().map(allocations::count);
    let mut turns: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (i, work) in contenders.iter_mut().enumerate() {
            turns[i].push(turn(work, calls[i]).as_nanos() as f64 / calls[i] as f64);
        }
    }
    std::array::from_fn(|i| {
        let turns = &mut turns[i];
        turns.sort_by(f64::total_cmp);
        Stats { median: turns[ROUNDS / 2], quartile: turns[ROUNDS / 4], allocations: allocations[i] }
    })
}

fn turn(work: &mut dyn FnMut(), calls: u32) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(|_| work());
    start.elapsed()
}

/// Returns the number of calls that fill a turn; finding out warms the contender up.
fn calls_per_turn(work: &mut dyn FnMut()) -> u32 {
    let mut calls = 1;
    while turn(work, calls) < TURN && calls < 1 << 20 {
        calls *= 2;
    }
    calls
}
