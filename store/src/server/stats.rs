//! The stats of a store, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::catalogue::Catalogue;
use crate::wire::message::{Code, Request};

/// Bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 9] = [5, 10, 20, 50, 100, 500, 1000, 10_000, 100_000];

/// Counters since the store began.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) clients: u64,
    requests: BTreeMap<&'static str, u64>,
    errors: BTreeMap<&'static str, u64>,
    /// Descriptors passed to clients.
    pub(super) shared: u64,
    pub(super) bytes_shared: u64,
    pub(super) json: u64,
    pub(super) json_rows: u64,
    latency: [u64; BOUNDS.len() + 1],
    latency_sum: Duration,
}

impl Stats {
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

    /// Records how long opening a table took.
    pub(super) fn took(&mut self, time: Duration) {
        let micros = time.as_micros();
        let place = BOUNDS.iter().position(|&bound| micros <= bound.into()).unwrap_or(BOUNDS.len());
        if let Some(count) = self.latency.get_mut(place) {
            *count += 1;
        }
        self.latency_sum += time;
    }

    /// States everything. `under_way` is the number of changes that were begun and are not yet published or refused.
    pub(super) fn text(&self, catalogue: &Catalogue, under_way: usize) -> String {
        let mut text = Text(String::new());
        text.kinds("requests_total", "Requests by kind.", &self.requests);
        text.kinds("errors_total", "Refusals and failures by kind.", &self.errors);
        text.one("descriptors_shared_total", "counter", "Descriptors handed out.", self.shared);
        text.one("bytes_shared_total", "counter", "Bytes of the tables handed out.", self.bytes_shared);
        let fallbacks = BTreeMap::from([("json", self.json)]);
        text.kinds("fallbacks_total", "Tables handed out by a way other than descriptors.", &fallbacks);
        text.one("json_rows_total", "counter", "Rows handed out as JSON.", self.json_rows);
        text.head("get_seconds", "histogram", "Time from request to reply of a get.");
        let mut sum = 0;
        for (place, count) in self.latency.iter().enumerate() {
            sum += count;
            let bound = BOUNDS.get(place).map_or("+Inf".to_owned(), |&b| (b as f64 / 1e6).to_string());
            text.line("get_seconds_bucket", &format!("{{le=\"{bound}\"}}"), sum as f64);
        }
        text.line("get_seconds_sum", "", self.latency_sum.as_secs_f64());
        text.line("get_seconds_count", "", sum as f64);
        let tables = catalogue.tables.values();
        let followers = tables.clone().map(|table| u64::from(table.followers)).sum();
        let versions = tables.map(|t| t.earlier.len() + usize::from(t.current.is_some())).sum::<usize>();
        text.one("clients", "gauge", "Connections.", self.clients);
        text.one("followers", "gauge", "Connections that follow a table.", followers);
        text.one("changes_under_way", "gauge", "Changes begun and not ended.", under_way as u64);
        text.one("tables", "gauge", "Tables.", catalogue.tables.len() as u64);
        text.one("bytes", "gauge", "Bytes of all versions kept.", catalogue.bytes());
        text.one("versions", "gauge", "Versions kept.", versions as u64);
        text.0
    }
}

/// Stats as Prometheus reads them.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ =
            writeln!(self.0, "# HELP bowstring_store_{name} {help}\n# TYPE bowstring_store_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.0, "bowstring_store_{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(name, "", value as f64);
    }

    fn kinds(&mut self, name: &str, help: &str, counts: &BTreeMap<&'static str, u64>) {
        self.head(name, "counter", help);
        for (kind, count) in counts {
            self.line(name, &format!("{{kind=\"{kind}\"}}"), *count as f64);
        }
    }
}
