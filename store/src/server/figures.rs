//! What a store counts, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::catalogue::Catalogue;
use crate::wire::message::{Code, Request};

/// Bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 9] = [5, 10, 20, 50, 100, 500, 1000, 10_000, 100_000];

/// What was counted since the store began.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) clients: u64,
    requests: BTreeMap<&'static str, u64>,
    errors: BTreeMap<&'static str, u64>,
    /// Descriptors that were handed out.
    pub(super) shared: u64,
    pub(super) bytes_shared: u64,
    pub(super) json: u64,
    pub(super) json_rows: u64,
    latency: [u64; BOUNDS.len() + 1],
    latency_sum: Duration,
}

impl Figures {
    pub(super) fn asked(&mut self, request: &Request) {
        let word = match request {
            Request::Hello { .. } => "hello",
            Request::Get { .. } => "get",
            Request::Follow { .. } => "follow",
            Request::Put(_) => "put",
            Request::Segments(_) => return,
            Request::Remove { .. } => "remove",
            Request::Rename { .. } => "rename",
            Request::Annotate { .. } => "annotate",
            Request::List => "list",
            Request::Stat => "stat",
        };
        *self.requests.entry(word).or_default() += 1;
    }

    pub(super) fn refused(&mut self, code: Code) {
        self.count_error(code.word());
    }

    pub(super) fn count_error(&mut self, word: &'static str) {
        *self.errors.entry(word).or_default() += 1;
    }

    /// A table was handed out in that time.
    pub(super) fn took(&mut self, time: Duration) {
        let micros = time.as_micros();
        let place = BOUNDS.iter().position(|&bound| micros <= bound.into()).unwrap_or(BOUNDS.len());
        if let Some(count) = self.latency.get_mut(place) {
            *count += 1;
        }
        self.latency_sum += time;
    }

    /// States everything.
    pub(super) fn text(&self, catalogue: &Catalogue) -> String {
        let mut text = String::new();
        let mut line = |name: &str, labels: &str, value: f64| {
            let _ = writeln!(text, "bowstring_store_{name}{labels} {value}");
        };
        for (word, count) in &self.requests {
            line("requests_total", &format!("{{kind=\"{word}\"}}"), *count as f64);
        }
        for (word, count) in &self.errors {
            line("errors_total", &format!("{{kind=\"{word}\"}}"), *count as f64);
        }
        line("descriptors_shared_total", "", self.shared as f64);
        line("bytes_shared_total", "", self.bytes_shared as f64);
        line("fallbacks_total", "{kind=\"json\"}", self.json as f64);
        line("json_rows_total", "", self.json_rows as f64);
        let mut sum = 0;
        for (place, count) in self.latency.iter().enumerate() {
            sum += count;
            let bound = BOUNDS.get(place).map_or("+Inf".to_owned(), |&b| (b as f64 / 1e6).to_string());
            line("get_seconds_bucket", &format!("{{le=\"{bound}\"}}"), sum as f64);
        }
        line("get_seconds_sum", "", self.latency_sum.as_secs_f64());
        line("get_seconds_count", "", sum as f64);
        line("clients", "", self.clients as f64);
        line("tables", "", catalogue.tables.len() as f64);
        line("bytes", "", catalogue.bytes() as f64);
        let versions = catalogue.tables.values().map(|t| t.earlier.len() + usize::from(t.current.is_some()));
        line("versions", "", versions.sum::<usize>() as f64);
        text
    }
}
