//! A line on the terminal that says how far it has come.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::text;

/// The time between two changes of the line, and before it is first shown: short work needs no bar.
const INTERVAL: Duration = Duration::from_millis(200);

/// Cells of the bar.
const BAR: usize = 24;

/// Shows progress on standard error, if it is wanted there.
#[derive(Debug)]
pub struct Progress {
    wanted: bool,
    /// Rows that will come, if that is known, or was said.
    total: Option<u64>,
    begun: Instant,
    next: Instant,
    shown: bool,
}

impl Progress {
    /// Progress from now on.
    #[must_use]
    pub fn new(wanted: bool, total: Option<u64>) -> Progress {
        let begun = Instant::now();
        let total = total.filter(|&rows| rows > 0);
        Progress { wanted, total, begun, next: begun + INTERVAL, shown: false }
    }

    /// Shows how far it has come, in rows and bytes, if it is time to.
    pub fn show(&mut self, so_far: impl FnOnce() -> (u64, u64)) {
        self.show_part(|| {
            let (rows, bytes) = so_far();
            (rows, bytes, None)
        });
    }

    /// Shows how far it has come, in rows and bytes; and as a part of the whole, for when the rows to come are not
    /// known.
    pub fn show_part(&mut self, so_far: impl FnOnce() -> (u64, u64, Option<f64>)) {
        if !self.wanted {
            return;
        }
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + INTERVAL;
        self.shown = true;
        let (rows, bytes, part) = so_far();
        let part = self.total.map(|total| rows as f64 / total as f64).or(part);
        let line = line(rows, bytes, part, now - self.begun);
        // A terminal that is gone is no reason to stop.
        let _ = write!(io::stderr(), "\r\x1b[2K{line}");
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

fn line(rows: u64, bytes: u64, part: Option<f64>, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let rate = text::bytes((bytes as f64 / seconds) as u64);
    let so_far = format!("{} rows  {}  {rate}/s", text::grouped(rows), text::bytes(bytes));
    let Some(part) = part else { return so_far };
    // There may come more than was said.
    let part = part.min(1.0);
    let full = (part * BAR as f64) as usize;
    let bar = "█".repeat(full) + &"░".repeat(BAR - full);
    let left = (1.0 - part) * seconds / part.max(1e-9);
    format!("{bar} {:3.0} %  {so_far}  {} left", part * 100.0, rough(left))
}

/// Returns a time in the unit that people would use.
fn rough(seconds: f64) -> String {
    let units = [("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("h", 3600.0, 360_000.0)];
    match units.iter().find(|(_, _, below)| seconds < *below) {
        Some((name, unit, _)) => format!("{:.0} {name}", seconds / unit),
        None => "days".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_right_at_both_ends_and_beyond() {
        let second = Duration::from_secs(1);
        assert_eq!(line(1000, 8000, None, second), "1,000 rows  8.0 kB  8.0 kB/s");
        assert!(line(0, 0, Some(0.0), Duration::ZERO).contains("  0 %"));
        let half = line(500, 0, Some(0.5), second);
        assert!(half.contains(" 50 %") && half.ends_with("1 s left"), "{half}");
        let beyond = line(2000, 0, Some(2.0), second);
        assert_eq!(
            (rough(119.0), rough(1381.0), rough(9e4)),
            ("119 s".into(), "23 min".into(), "25 h".into())
        );
        assert!(beyond.contains("100 %") && beyond.ends_with("0 s left"), "{beyond}");
    }
}
