//! The report, from counters and addresses.
//!
//! Each figure has a source, and where there is none it is not stated:
//! - buffers inside the mapping, and bytes copied: the address of every buffer of every batch, held against the memory
//!   that is shared with the sender;
//! - heap allocations: the program's own allocator, on the receiving thread. The hot path is receiving a message,
//!   checking it and having a view of it. The first batch is left out, and so are dictionaries, which are kept;
//! - system calls: the transport's counters of this side's sleeps and the sender's wake-ups. A sealed message is a file
//!   that is received, checked, mapped and closed; those calls are not counted and so not stated;
//! - seals: those without which the transport would have refused the sender's memory.

use bowstring::transport::Delivery;
use bowstring::{ReceiverStats, TableReceiver};
use bowstring_cli::output_options::Stats;
use bowstring_cli::text;
use serde_json::{Value, json};

use crate::again::History;
use crate::drain::Ending;
use crate::stopwatch::Stopwatch;

/// The stats of a session.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    receiver: &'a TableReceiver,
    history: &'a History,
    stats: ReceiverStats,
    stopwatch: &'a Stopwatch,
    ending: &'a Ending,
    exit: u8,
    /// The sender's wake-ups during the session, of all its receivers.
    wake_ups: Option<u64>,
}

/// The sender's counts at the start of the session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    wake_ups: Option<u64>,
}

impl Before {
    pub(crate) fn look(receiver: &TableReceiver) -> Before {
        Before { wake_ups: receiver.sender_stats().map(|stats| stats.wake_ups) }
    }
}

impl Stats for Report<'_> {
    fn line(&self) -> String {
        self.closing()
    }

    fn details(&self) -> Vec<String> {
        self.verbose()
    }

    fn json(&self, channel: Option<&str>) -> String {
        let mut object = self.object();
        if let Some(channel) = channel {
            object["channel"] = json!(channel);
        }
        object.to_string()
    }
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        receiver: &'a TableReceiver,
        before: Before,
        history: &'a History,
        stopwatch: &'a Stopwatch,
        ending: &'a Ending,
        exit: u8,
    ) -> Report<'a> {
        let now = receiver.sender_stats().map(|stats| stats.wake_ups);
        // Each sender counts its own.
        let now = now.filter(|_| !history.has_changes());
        let wake_ups = before.wake_ups.zip(now).map(|(before, now)| now.saturating_sub(before));
        Report { receiver, history, stats: receiver.stats(), stopwatch, ending, exit, wake_ups }
    }

    /// Bytes that came as messages.
    fn bytes(&self) -> u64 {
        self.stats.bytes + self.stats.dictionary_bytes
    }

    /// Bytes of batches that were copied for the sake of alignment.
    fn realigned(&self) -> u64 {
        if self.receiver.delivery() == Delivery::Copied { 0 } else { self.stats.buffer_stats.bytes_outside }
    }

    /// System calls for a megabyte: sleeps and wake-ups.
    fn calls_per_megabyte(&self) -> Option<f64> {
        let calls = self.stats.transport.sleeps + self.wake_ups?;
        (self.bytes() > 0).then(|| calls as f64 / (self.bytes() as f64 / 1e6))
    }

    fn seals(&self) -> &'static [&'static str] {
        match self.receiver.delivery() {
            Delivery::Sealed => &["write", "shrink", "grow", "seal"],
            Delivery::Pooled | Delivery::Copied => &["future_write", "shrink", "grow", "seal"],
        }
    }

    /// Rows, bytes, time and rate, and what a reader must not miss.
    fn closing(&self) -> String {
        let stats = &self.stats;
        let (wanted, received) = (self.stopwatch.rows(), stats.rows);
        let mut parts = vec![match wanted == received {
            true => format!("received {}", text::count(received, "row", "rows")),
            false => {
                format!("{} of {} received", text::grouped(wanted), text::count(received, "row", "rows"))
            }
        }];
        if stats.transport.missed > 0 {
            parts.push(format!("{} missed", text::count(stats.transport.missed, "batch", "batches")));
        }
        if self.history.interruptions() > 0 {
            parts.push(text::count(self.history.interruptions(), "interruption", "interruptions"));
        }
        parts.extend(text::throughput(stats.batches, self.bytes(), self.stopwatch.times().total));
        text::line(&parts)
    }

    /// Returns the part for `--verbose`: where the batches were, the cost of receiving them, and the time by stage.
    fn verbose(&self) -> Vec<String> {
        let stats = &self.stats;
        let delivery = format!("{:?}", self.receiver.delivery()).to_lowercase();
        let batches = text::count(stats.batches, "batch", "batches");
        let mut lines = vec![format!("{batches}, {delivery} delivery, seals {}", self.seals().join("+"))];
        if stats.batches > 0 {
            lines.extend(self.how());
        }
        let times = self.stopwatch.times();
        lines.push(format!(
            "{} receiving, {} checking and arrays ({} allocations), {} sink",
            text::time(times.receiving),
            text::time(times.checking),
            text::grouped(stats.array_allocations),
            text::time(times.sink),
        ));
        lines
    }

    /// Returns three lines about the places of the batches and the cost of receiving them.
    fn how(&self) -> [String; 3] {
        let stats = &self.stats;
        let buffer_stats = &stats.buffer_stats;
        let copied = stats.bytes_copied + self.realigned() + stats.dictionary_bytes_copied;
        let dictionaries = match stats.dictionary_bytes_copied {
            0 => String::new(),
            kept => format!(" ({} of it dictionaries)", text::bytes(kept)),
        };
        [
            format!(
                "{} of {} buffers inside the mapping, {} copied{dictionaries}",
                buffer_stats.inside,
                buffer_stats.buffers(),
                text::bytes(copied)
            ),
            text::hot_allocations(stats.batches, stats.hot_allocations),
            match self.calls_per_megabyte() {
                Some(calls) => format!("{calls:.2} system calls per MB (sleeps and wake-ups)"),
                None if self.receiver.delivery() == Delivery::Sealed => "a file per message".to_owned(),
                None => "system calls not counted".to_owned(),
            },
        ]
    }

    fn object(&self) -> Value {
        let stats = &self.stats;
        let buffer_stats = &stats.buffer_stats;
        let times = self.stopwatch.times();
        let peer = self.receiver.peer();
        let before = self.history.before();
        let error = match self.ending {
            Ending::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        json!({
            "program": "receiver",
            "version": env!("CARGO_PKG_VERSION"),
            "ending": self.ending.name(),
            "exit": self.exit,
            "error": error,
            "table": self.receiver.hints().name,
            "peer": { "pid": peer.pid, "uid": peer.uid },
            "delivery": format!("{:?}", self.receiver.delivery()).to_lowercase(),
            "seals": self.seals(),
            "rows": self.stopwatch.rows(),
            "rows_received": stats.rows,
            "batches": stats.batches,
            "bytes": stats.bytes,
            "missed": stats.transport.missed,
            "before": { "rows": before.rows, "batches": before.batches },
            "reconnected": self.history.json(),
            "dictionaries": stats.dictionaries,
            "dictionary_bytes": stats.dictionary_bytes,
            "buffers": {
                "inside": buffer_stats.inside,
                "bytes_inside": buffer_stats.bytes_inside,
                "outside": buffer_stats.outside,
                "bytes_outside": buffer_stats.bytes_outside,
            },
            "bytes_copied": {
                "messages": stats.bytes_copied,
                "alignment": self.realigned(),
                "dictionaries": stats.dictionary_bytes_copied,
            },
            "allocations": {
                // From the second batch on: before that there is nothing to count.
                "hot_path": (stats.batches > 1).then_some(stats.hot_allocations),
                "arrays": stats.array_allocations,
            },
            "syscalls": {
                "sleeps": stats.transport.sleeps,
                "wake_ups": self.wake_ups,
                "per_megabyte": self.calls_per_megabyte(),
            },
            "seconds": {
                "total": times.total.as_secs_f64(),
                "receiving": times.receiving.as_secs_f64(),
                "checking": times.checking.as_secs_f64(),
                "sink": times.sink.as_secs_f64(),
            },
            "bytes_per_second": text::per_second(self.bytes(), times.total),
        })
    }
}
