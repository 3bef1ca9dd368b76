//! The report, from counters.
//!
//! Each figure has a source: rows, batches and bytes are counted as they are committed; heap allocations by the program's
//! own allocator on the sending thread, from the second batch on, while batches are encoded, or built, and committed
//! (reading files is not the hot path, and its time is counted separately); wake-ups and stalls by the transport.

use bowstring_cli::output_options::{OutputOptions, Several, Stats};
use bowstring_cli::text;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::pump::{Ended, Ending};

/// States the stats as was asked.
pub(crate) fn state(ended: &Ended, output_options: &OutputOptions, exit: u8) -> Result<(), Failure> {
    output_options.state(&Report { ended, exit }).map_err(|(name, error)| Failure::output(&name, &error))
}

/// States the stats of several channels, each with its name.
pub(crate) fn state_all(all: &[(String, Ended, u8)], output_options: &OutputOptions) -> Result<(), Failure> {
    let reports = all.iter().map(|(name, ended, exit)| (name.as_str(), Report { ended, exit: *exit }));
    let several = Several(reports.collect());
    output_options.state(&several).map_err(|(name, error)| Failure::output(&name, &error))
}

struct Report<'a> {
    ended: &'a Ended,
    exit: u8,
}

impl Stats for Report<'_> {
    fn line(&self) -> String {
        line(self.ended)
    }

    fn details(&self) -> Vec<String> {
        details(self.ended)
    }

    fn json(&self, channel: Option<&str>) -> String {
        let mut object = object(self.ended, self.exit);
        if let Some(channel) = channel {
            object["channel"] = json!(channel);
        }
        object.to_string()
    }
}

fn bytes(ended: &Ended) -> u64 {
    ended.stats.bytes + ended.stats.dictionary_bytes
}

/// Rows, bytes, time and rate, and what a reader must not miss.
fn line(ended: &Ended) -> String {
    let stats = &ended.stats;
    let mut parts = vec![format!("sent {}", text::count(stats.rows, "row", "rows"))];
    match ended.ending {
        Ending::Whole => {}
        Ending::Failed => parts.push("failed".to_owned()),
        Ending::Enough => parts.push("the receivers took no more".to_owned()),
        Ending::Interrupted => parts.push("interrupted".to_owned()),
    }
    if stats.skipped > 0 {
        parts.push(format!("{} skipped", text::count(stats.skipped, "batch", "batches")));
    }
    if ended.receivers.most > 1 {
        parts.push(format!("to {} receivers", ended.receivers.most));
    }
    parts.extend(text::throughput(stats.batches, bytes(ended), ended.time));
    text::line(&parts)
}

/// Returns the part for `--verbose`.
fn details(ended: &Ended) -> Vec<String> {
    let stats = &ended.stats;
    let mut lines = vec![text::count(stats.batches, "batch", "batches")];
    if stats.split > 0 {
        lines.push(text::count(stats.split, "batch sent in slices", "batches sent in slices"));
    }
    lines.push(text::hot_allocations(stats.batches, stats.hot_allocations));
    let wake_ups = text::count(stats.transport.wake_ups, "wake-up", "wake-ups");
    let stalls = text::count(stats.transport.stalls, "wait for room", "waits for room");
    lines.push(format!("{wake_ups}, {stalls}"));
    let source = ended.source_time.as_secs_f64() / ended.time.as_secs_f64().max(1e-9);
    lines.push(format!("{:.0} % of the time reading the input", source * 100.0));
    lines
}

fn object(ended: &Ended, exit: u8) -> Value {
    let stats = &ended.stats;
    let transport = &stats.transport;
    let ending = match ended.ending {
        Ending::Whole => "whole",
        Ending::Enough => "enough",
        Ending::Interrupted => "interrupted",
        Ending::Failed => "failed",
    };
    json!({
        "program": "sender",
        "version": env!("CARGO_PKG_VERSION"),
        "ending": ending,
        "exit": exit,
        "error": ended.failure.as_ref().map(|failure| &failure.what),
        "rows": stats.rows,
        "batches": stats.batches,
        "bytes": stats.bytes,
        "dictionaries": stats.dictionaries,
        "dictionary_bytes": stats.dictionary_bytes,
        "split": stats.split,
        "skipped": stats.skipped,
        "receivers": {
            "most": ended.receivers.most,
            "closed": ended.receivers.closed,
            "crashed": ended.receivers.crashed,
            "cut_off": ended.receivers.cut_off,
        },
        "allocations": {
            // From the second batch on: before that there is nothing to count.
            "hot_path": (stats.batches > 1).then_some(stats.hot_allocations),
        },
        "pool": {
            "slots": transport.slots,
            "slot_bytes": transport.slot_size,
            "most_in_use": transport.high_water,
            "stalls": transport.stalls,
        },
        "syscalls": { "wake_ups": transport.wake_ups },
        "seconds": { "total": ended.time.as_secs_f64(), "source": ended.source_time.as_secs_f64() },
        "bytes_per_second": text::per_second(bytes(ended), ended.time),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowstring::SenderStats;

    use super::*;
    use crate::pump::Receivers;

    #[test]
    fn the_line_fits_eighty_columns_whatever_it_says() {
        for ending in [Ending::Whole, Ending::Enough, Ending::Interrupted, Ending::Failed] {
            for rows in [0, 1, 1_000_000, u64::MAX] {
                let mut ended = Ended {
                    stats: SenderStats::default(),
                    ending,
                    failure: None,
                    time: Duration::from_micros(rows),
                    source_time: Duration::ZERO,
                    receivers: Receivers::default(),
                };
                (ended.stats.rows, ended.stats.batches) = (rows, rows);
                (ended.stats.bytes, ended.stats.skipped) = (rows, rows);
                ended.receivers.most = rows.min(64) as u32;
                let line = line(&ended);
                assert!(line.chars().count() <= 80 && line.starts_with("sent "), "{line}");
            }
        }
    }
}
