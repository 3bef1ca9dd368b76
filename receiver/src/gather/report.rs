//! The report of several tables.

use bowstring::{Merge, MergeSource};
use bowstring_cli::output_options::Stats;
use bowstring_cli::text;
use serde_json::{Value, json};

use super::again::Comebacks;
use super::{Broken, total_before};
use crate::drain::Ending;
use crate::stopwatch::Stopwatch;

/// The figures of all tables together, and of each.
pub(super) struct Report<'a> {
    pub(super) merge: &'a Merge,
    pub(super) broken: &'a [Broken],
    pub(super) comebacks: &'a Comebacks<'a>,
    pub(super) stopwatch: &'a Stopwatch,
    pub(super) ending: &'a Ending,
    pub(super) code: u8,
}

impl Stats for Report<'_> {
    fn line(&self) -> String {
        let stats = self.merge.stats();
        let (wanted, time) = (self.stopwatch.rows(), self.stopwatch.times().total);
        let bytes = stats.bytes + stats.dictionary_bytes;
        let mut parts = vec![match wanted == stats.rows {
            true => format!("received {}", text::count(wanted, "row", "rows")),
            false => {
                format!("{} of {} received", text::grouped(wanted), text::count(stats.rows, "row", "rows"))
            }
        }];
        parts.push(format!("from {}", text::count(self.merge.sources().len() as u64, "table", "tables")));
        if stats.transport.missed > 0 {
            parts.push(format!("{} missed", text::count(stats.transport.missed, "batch", "batches")));
        }
        if self.comebacks.interruptions() > 0 {
            parts.push(text::count(self.comebacks.interruptions(), "interruption", "interruptions"));
        }
        let rate = bytes as f64 / time.as_secs_f64().max(1e-9);
        parts.extend([text::bytes(bytes), text::time(time), format!("{}/s", text::bytes(rate as u64))]);
        text::line(&parts)
    }

    fn details(&self) -> Vec<String> {
        let of = |(place, source): (usize, &MergeSource)| {
            let (stats, before) = (source.stats(), source.missed_before());
            let mut parts = vec![
                format!(
                    "{}: {} in {}",
                    text::escaped(source.name()),
                    text::count(stats.rows, "row", "rows"),
                    text::count(stats.batches, "batch", "batches")
                ),
                format!("{:?} delivery", source.delivery()),
            ];
            let (interruptions, _) = self.comebacks.of(place);
            if interruptions > 0 {
                parts.push(text::count(interruptions, "interruption", "interruptions"));
            }
            if before.batches > 0 {
                parts.push(format!("{} went before", text::count(before.rows, "row", "rows")));
            }
            if stats.transport.missed > 0 {
                parts.push(format!("{} missed", text::count(stats.transport.missed, "batch", "batches")));
            }
            parts.join(", ")
        };
        self.merge.sources().iter().enumerate().map(of).collect()
    }

    fn json(&self, _: Option<&str>) -> String {
        let (stats, times) = (self.merge.stats(), self.stopwatch.times());
        let error = match self.ending {
            Ending::Failed(_) if !self.broken.is_empty() => self.broken.first().map(Broken::to_string),
            Ending::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let before = total_before(self.merge.sources());
        let report = json!({
            "program": "receiver",
            "version": env!("CARGO_PKG_VERSION"),
            "ending": self.ending.name(),
            "exit": self.code,
            "error": error,
            "rows": self.stopwatch.rows(),
            "rows_received": stats.rows,
            "batches": stats.batches,
            "bytes": stats.bytes,
            "missed": stats.transport.missed,
            "before": { "rows": before.rows, "batches": before.batches },
            "tables": self.merge.sources().iter().enumerate().map(|(place, source)| self.table(place, source)).collect::<Value>(),
            "seconds": {
                "total": times.total.as_secs_f64(),
                "receiving": times.receiving.as_secs_f64(),
                "sink": times.sink.as_secs_f64(),
            },
        });
        report.to_string()
    }
}

impl Report<'_> {
    fn table(&self, place: usize, source: &MergeSource) -> Value {
        let (stats, before, peer) = (source.stats(), source.missed_before(), source.peer());
        let error = self.broken.iter().find(|broken| broken.name == source.name());
        json!({
            "name": source.name(),
            "error": error.map(|broken| broken.failure.to_string()),
            "peer": { "pid": peer.pid, "uid": peer.uid },
            "delivery": format!("{:?}", source.delivery()).to_lowercase(),
            "rows_received": stats.rows,
            "batches": stats.batches,
            "bytes": stats.bytes,
            "missed": stats.transport.missed,
            "before": { "rows": before.rows, "batches": before.batches },
            "reconnected": self.comebacks.of(place).1,
        })
    }
}
