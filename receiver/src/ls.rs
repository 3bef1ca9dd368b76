//! `receiver ls`: the tables that this user's senders publish.
//!
//! A sender tells an observer its schema and how many rows it has sent. Two looks give the rate.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use bowstring::codec::decode::Decoder;
use bowstring::names::{self, Listed};
use bowstring::{Hints, transport::Stats};
use bowstring_cli::text::{bytes, escaped, grouped};
use serde_json::{Value, json};

use crate::args::Ls;
use crate::failure::{Failure, STDOUT};

/// The time between the two looks.
const APART: Duration = Duration::from_millis(200);

/// A table that somebody sends.
#[derive(Debug)]
struct Table {
    name: String,
    path: String,
    found: Result<Found, String>,
}

#[derive(Debug)]
struct Found {
    stats: Stats,
    hints: Hints,
    /// Names and types of the columns.
    columns: Vec<(String, String)>,
    bytes_per_second: f64,
    rows_per_second: Option<f64>,
}

pub(crate) fn run(args: &Ls) -> Result<(), Failure> {
    let (first, begun) = (look()?, Instant::now());
    if !first.is_empty() {
        std::thread::sleep(APART);
    }
    let mut tables = look()?;
    let seconds = begun.elapsed().as_secs_f64();
    let first: BTreeMap<_, _> = first.into_iter().map(|table| (table.name.clone(), table)).collect();
    for table in &mut tables {
        let before = first.get(&table.name).and_then(|before| before.found.as_ref().ok());
        if let (Ok(now), Some(before)) = (&mut table.found, before) {
            now.rates(before, seconds);
        }
    }
    let mut text = String::new();
    match args.json {
        true => tables.iter().for_each(|table| text.push_str(&format!("{}\n", table.object()))),
        false => lines(&tables, &mut text),
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output { name: STDOUT.to_owned(), error })
        }
        _ => Ok(()),
    }
}

fn look() -> Result<Vec<Table>, Failure> {
    let listed = names::list().map_err(|error| Failure::Address(error.into()))?;
    Ok(listed.into_iter().map(Table::new).collect())
}

fn lines(tables: &[Table], text: &mut String) {
    if tables.is_empty() {
        text.push_str("no table is being sent\n");
        return;
    }
    let longest = tables.iter().map(|table| table.name.len()).max().unwrap_or(0).max(4);
    let mut line = |name: &str, rows: &str, rate: &str, receivers: &str, columns: &str| {
        text.push_str(&format!("{name:longest$} {rows:>21} {rate:>12} {receivers:>9}  {columns}\n"));
    };
    line("NAME", "ROWS", "RATE", "RECEIVERS", "COLUMNS");
    for table in tables {
        let found = match &table.found {
            Ok(found) => found,
            Err(why) => {
                line(&table.name, "?", "", "", &escaped(why));
                continue;
            }
        };
        let sent = found.hints.rows_sent.map_or_else(|| "?".to_owned(), grouped);
        let rows = match found.hints.rows {
            Some(all) if found.hints.rows_sent != Some(all) => format!("{sent} of {}", grouped(all)),
            _ => sent,
        };
        let rate = format!("{}/s", bytes(found.bytes_per_second as u64));
        let columns: Vec<_> = found.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        line(&table.name, &rows, &rate, &found.stats.receivers.to_string(), &escaped(&columns.join(", ")));
    }
}

impl Table {
    fn new(listed: Listed) -> Table {
        let Listed { name, path, observer, .. } = listed;
        let found = match observer {
            Ok(observer) => Found::new(observer.greeting(), observer.stats()),
            Err(error) => Err(error.to_string()),
        };
        Table { name, path: path.display().to_string(), found }
    }

    fn object(&self) -> Value {
        let found = match &self.found {
            Ok(found) => found,
            Err(why) => return json!({ "name": self.name, "socket": self.path, "error": why }),
        };
        let columns = found.columns.iter().map(|(name, kind)| json!({ "name": name, "type": kind }));
        json!({
            "name": self.name,
            "socket": self.path,
            "pid": found.stats.pid,
            "table": found.hints.name,
            "rows": found.hints.rows,
            "rows_sent": found.hints.rows_sent,
            "rows_per_second": found.rows_per_second,
            "bytes_per_second": found.bytes_per_second,
            "receivers": found.stats.receivers,
            "columns": columns.collect::<Vec<_>>(),
        })
    }
}

impl Found {
    /// Reads a table's greeting.
    fn new(greeting: &[u8], stats: Stats) -> Result<Found, String> {
        let no_table = |error: bowstring::codec::decode::ReadError| format!("not a table: {error}");
        let mut decoder = Decoder::from_schema_message(greeting).map_err(no_table)?;
        let (_, len) = decoder.measure(greeting).map_err(no_table)?;
        let hints = Hints::parse(greeting.get(len..).unwrap_or_default());
        let fields = decoder.schema().fields().iter();
        let columns = fields.map(|field| (field.name().clone(), field.data_type().to_string())).collect();
        Ok(Found { stats, hints, columns, bytes_per_second: 0.0, rows_per_second: None })
    }

    /// Works out what happened since `before`.
    fn rates(&mut self, before: &Found, seconds: f64) {
        // Another sender may have taken the name over.
        if self.stats.pid != before.stats.pid {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds.max(1e-3);
        self.bytes_per_second = rate(self.stats.bytes, before.stats.bytes);
        let rows = self.hints.rows_sent.zip(before.hints.rows_sent);
        self.rows_per_second = rows.map(|(now, before)| rate(now, before));
    }
}
