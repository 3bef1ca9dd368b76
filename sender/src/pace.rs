//! Sending no faster than asked.

use std::time::{Duration, Instant};

use bowstring_cli::bytes;

/// `--rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// Rows a second.
    Rows(f64),
    /// Bytes a second.
    Bytes(f64),
}

impl Rate {
    pub(crate) fn parse(text: &str) -> Result<Rate, String> {
        let text = text.trim_end_matches("/s");
        let rate = match text.replace('_', "").parse::<f64>() {
            Ok(rows) => Rate::Rows(rows),
            Err(_) => Rate::Bytes(bytes::parse(text)? as f64),
        };
        let (Rate::Rows(amount) | Rate::Bytes(amount)) = rate;
        if amount > 0.0 && amount.is_finite() { Ok(rate) } else { Err("it must be above zero".to_owned()) }
    }
}

/// Knows when the next batch may go.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<Rate>,
    begun: Instant,
}

impl Pace {
    pub(crate) fn new(rate: Option<Rate>) -> Pace {
        Pace { rate, begun: Instant::now() }
    }

    /// Returns true if there is a rate to keep.
    pub(crate) fn is_kept(&self) -> bool {
        self.rate.is_some()
    }

    /// Returns the pause after a total of rows and bytes.
    pub(crate) fn pause(&self, rows: u64, bytes: u64) -> Duration {
        let due = match self.rate {
            None => return Duration::ZERO,
            Some(Rate::Rows(rate)) => rows as f64 / rate,
            Some(Rate::Bytes(rate)) => bytes as f64 / rate,
        };
        Duration::try_from_secs_f64(due).unwrap_or(Duration::MAX).saturating_sub(self.begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_rows_and_of_bytes() {
        assert_eq!(Rate::parse("1e6"), Ok(Rate::Rows(1e6)));
        assert_eq!(Rate::parse("100MB/s"), Ok(Rate::Bytes(1e8)));
        for wrong in ["0", "-1", "nan", "fast", "0MB"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pause_is_what_is_left_until_the_rate_is_kept() {
        assert_eq!(Pace::new(None).pause(u64::MAX, 0), Duration::ZERO);
        let pause = Pace::new(Some(Rate::Rows(10.0))).pause(100, 0);
        assert!(pause > Duration::from_secs(9) && pause <= Duration::from_secs(10));
        let pace = Pace::new(Some(Rate::Bytes(1.0)));
        assert_eq!(pace.pause(100, 0), Duration::ZERO);
    }
}
