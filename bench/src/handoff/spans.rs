//! Statistics of round trips.

/// One way, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    /// Of the median batch of round trips, so that reading the clock does not count.
    pub(crate) p50: f64,
    /// Of round trips timed one by one.
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// Measured round trips.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    /// Nanoseconds of a round trip, averaged over each batch.
    pub(crate) batches: Vec<f64>,
    /// Nanoseconds of single round trips.
    pub(crate) singles: Vec<f64>,
}

impl Timings {
    pub(crate) fn spans(mut self) -> Spans {
        self.batches.sort_by(f64::total_cmp);
        self.singles.sort_by(f64::total_cmp);
        Spans { p50: at(&self.batches, 0.5), p99: at(&self.singles, 0.99), p999: at(&self.singles, 0.999) }
    }
}

/// Returns half of the round trip at a quantile.
fn at(sorted: &[f64], quantile: f64) -> f64 {
    let place = ((sorted.len() as f64 * quantile) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN) / 2.0
}
