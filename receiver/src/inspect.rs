//! `receiver --inspect`: looks at a table and leaves.
//!
//! Schema, hints and counts come by an observer's look, which no sender notices. Batches can only be had as a receiver; a
//! sender that has not begun waits for its receivers, and is not made to begin by somebody who only looks.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use arrow_schema::{Field, Metadata, Schema};
use bowstring::codec::decode::Decoder;
use bowstring::transport::{Credentials, Delivery, Stats, Wait};
use bowstring::{Hints, Missed, ReceiveError, TableReceiver};
use bowstring_cli::signals::Signals;
use bowstring_cli::text::{bytes, count, escaped, grouped};
use serde_json::{Value, json};

use crate::failure::{Failure, STDOUT};
use crate::meet;
use crate::plan::{Inspect, Plan};
use crate::screen::Screen;
use crate::sink::table::render::{Cell, Column, Grid};
use crate::weight::{Dictionary, Weights};

/// The time to wait for batches unless `--idle` says otherwise.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest wait between two looks whether a signal has come.
const ATTENTION: Duration = Duration::from_millis(100);

/// The findings.
#[derive(Debug)]
struct Found {
    peer: Credentials,
    schema: Schema,
    hints: Hints,
    /// None of a sender that shows no stats.
    stats: Option<Stats>,
    /// Batches, if the sender has begun.
    seen: Option<Seen>,
}

/// The batches that were looked at.
#[derive(Debug)]
struct Seen {
    delivery: Delivery,
    batches: u64,
    rows: u64,
    bytes: u64,
    /// The batches and rows sent before them.
    before: Missed,
    weights: Weights,
}

/// Looks, says what there is, and returns the exit code.
pub(crate) fn run(plan: &Plan, inspect: Inspect, signals: &Signals) -> Result<u8, Failure> {
    let found = look(plan, inspect.batches, signals)?;
    if let Some(signal) = signals.caught() {
        return Ok(signal.exit());
    }
    let mut text = Vec::new();
    let written = match inspect.json {
        true => writeln!(text, "{}", found.object()),
        false => found.show(&mut text, Screen::of_stdout()),
    };
    match written.and_then(|()| io::stdout().write_all(&text)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output { name: STDOUT.to_owned(), error })
        }
        _ => Ok(0),
    }
}

fn look(plan: &Plan, most: u64, signals: &Signals) -> Result<Found, Failure> {
    let observer = meet::observe(plan, signals)?;
    let Some(observer) = observer else {
        return take(meet::meet(plan, signals)?, most, None, plan, signals);
    };
    let (stats, peer) = (observer.stats(), observer.peer());
    let failed = |error| Failure::greeting(&plan.endpoint, error);
    let mut decoder = Decoder::from_schema_message(observer.greeting()).map_err(failed)?;
    let (_, len) = decoder.measure(observer.greeting()).map_err(failed)?;
    let hints = Hints::parse(observer.greeting().get(len..).unwrap_or_default());
    let begun = stats.messages > 0 || hints.batches_sent.is_some_and(|batches| batches > 0);
    if begun && most > 0 {
        match meet::meet(plan, signals) {
            Ok(receiver) => return take(receiver, most, Some(stats), plan, signals),
            // It has come to its end meanwhile, or serves as many as it can.
            Err(Failure::NoSender { .. } | Failure::Connector { .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    let schema = decoder.schema().as_ref().clone();
    Ok(Found { peer, schema, hints, stats: Some(stats), seen: None })
}

/// Takes the first batches that come.
fn take(
    mut receiver: TableReceiver,
    most: u64,
    stats: Option<Stats>,
    plan: &Plan,
    signals: &Signals,
) -> Result<Found, Failure> {
    let until = Instant::now() + plan.idle.unwrap_or(PATIENCE);
    let mut seen = Seen {
        delivery: receiver.delivery(),
        batches: 0,
        rows: 0,
        bytes: 0,
        before: receiver.missed_before(),
        weights: Weights::new(receiver.schema()),
    };
    while seen.batches < most && signals.caught().is_none() {
        let left = until.saturating_duration_since(Instant::now());
        match receiver.next_batch_with(Wait::sleeping().at_most(left.min(ATTENTION))) {
            Ok(Some(batch)) => {
                seen.bytes += batch.message_len() as u64;
                let arrays = batch.into_record_batch().map_err(Failure::from)?;
                seen.batches += 1;
                seen.rows += arrays.num_rows() as u64;
                seen.weights.add(&arrays);
            }
            Ok(None) => break,
            Err(ReceiveError::TimedOut) if left.is_zero() => break,
            Err(ReceiveError::TimedOut) => {}
            // What came before it broke off is shown; the end of the table is not asked for.
            Err(ReceiveError::Crashed | ReceiveError::BrokenOff { .. }) if seen.batches > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Found {
        peer: receiver.peer(),
        schema: receiver.schema().as_ref().clone(),
        hints: receiver.hints().clone(),
        stats: stats.or_else(|| receiver.sender_stats()),
        seen: Some(seen),
    })
}

impl Found {
    fn show(&self, out: &mut impl Write, screen: Screen) -> io::Result<()> {
        self.show_sender(out)?;
        writeln!(out)?;
        self.show_columns(out, screen)?;
        self.show_dictionaries(out)?;
        let metadata = metadata(&self.schema);
        if !metadata.is_empty() {
            writeln!(out, "\nmetadata")?;
        }
        for (column, key, value) in metadata {
            let of = column.map_or_else(String::new, |column| format!("{}: ", escaped(column)));
            writeln!(out, "  {of}{} = {}", escaped(key), escaped(value))?;
        }
        writeln!(out)?;
        match &self.seen {
            None => writeln!(out, "no batch was looked at: the sender has not begun"),
            Some(seen) if seen.batches == 0 => writeln!(out, "no batch came in time: see --idle"),
            Some(seen) => writeln!(
                out,
                "looked at {} of {}, {}{}",
                count(seen.batches, "batch", "batches"),
                count(seen.rows, "row", "rows"),
                bytes(seen.bytes),
                match seen.before {
                    Missed { batches: 0, .. } => String::new(),
                    before => format!(", behind {} that were sent before", count(before.rows, "row", "rows")),
                }
            ),
        }
    }

    fn show_sender(&self, out: &mut impl Write) -> io::Result<()> {
        let name = self.hints.name.as_deref().map_or_else(|| "a table".to_owned(), escaped);
        let mut parts = vec![format!("sent by process {}", self.peer.pid)];
        if let Some(rows) = self.hints.rows {
            parts.push(format!("{} in all", count(rows, "row", "rows")));
        }
        if let Some(rows) = self.hints.rows_sent {
            parts.push(format!("{} sent", grouped(rows)));
        }
        if let Some(stats) = self.stats {
            parts.push(count(stats.receivers, "receiver", "receivers"));
        }
        if let Some(seen) = &self.seen {
            parts.push(format!("{:?} delivery", seen.delivery).to_lowercase());
        }
        writeln!(out, "{name}: {}", parts.join(", "))
    }

    fn show_columns(&self, out: &mut impl Write, screen: Screen) -> io::Result<()> {
        let heading = |name: &str, right| Column { name: name.to_owned(), under: None, right, rigid: right };
        let mut columns = vec![heading("column", false), heading("type", false), heading("nullable", false)];
        let seen = self.seen.as_ref().filter(|seen| seen.batches > 0);
        if seen.is_some() {
            columns.extend([heading("nulls", true), heading("bytes", true)]);
        }
        let cell = |text: String| Cell { text, null: false };
        let rows = self.schema.fields().iter().enumerate().map(|(at, field)| {
            let mut row = vec![
                cell(escaped(field.name())),
                cell(escaped(&field.data_type().to_string())),
                cell(if field.is_nullable() { "yes" } else { "no" }.to_owned()),
            ];
            if let Some(weight) = seen.and_then(|seen| seen.weights.columns.get(at)) {
                row.extend([cell(grouped(weight.nulls)), cell(bytes(weight.bytes))]);
            }
            row
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        Grid { columns, rows: &rows }.render(out, screen).map(drop)
    }

    fn show_dictionaries(&self, out: &mut impl Write) -> io::Result<()> {
        let seen = self.seen.as_ref().map(|seen| &seen.weights.dictionaries);
        let Some(dictionaries) = seen.filter(|dictionaries| !dictionaries.is_empty()) else { return Ok(()) };
        writeln!(out, "\ndictionaries")?;
        for (path, Dictionary { values, bytes: size, value_type }) in dictionaries {
            let values = count(*values, "value", "values");
            writeln!(out, "  {}: {values} of {}, {}", escaped(path), escaped(value_type), bytes(*size))?;
        }
        Ok(())
    }

    fn object(&self) -> Value {
        let seen = self.seen.as_ref();
        let columns = self.schema.fields().iter().enumerate().map(|(at, field)| {
            let weight = seen.filter(|seen| seen.batches > 0).and_then(|seen| seen.weights.columns.get(at));
            json!({
                "name": field.name(),
                "type": field.data_type().to_string(),
                "nullable": field.is_nullable(),
                "metadata": object(field.metadata()),
                "nulls": weight.map(|weight| weight.nulls),
                "bytes": weight.map(|weight| weight.bytes),
            })
        });
        let dictionaries = seen.into_iter().flat_map(|seen| &seen.weights.dictionaries).map(|(path, found)| {
            json!({ "column": path, "values": found.values, "type": found.value_type, "bytes": found.bytes })
        });
        json!({
            "table": self.hints.name,
            "peer": { "pid": self.peer.pid, "uid": self.peer.uid },
            "rows": self.hints.rows,
            "rows_sent": self.hints.rows_sent,
            "batches_sent": self.hints.batches_sent,
            "receivers": self.stats.map(|stats| stats.receivers),
            "metadata": object(self.schema.metadata()),
            "columns": columns.collect::<Vec<_>>(),
            "dictionaries": dictionaries.collect::<Vec<_>>(),
            "seen": seen.map(|seen| json!({
                "delivery": format!("{:?}", seen.delivery).to_lowercase(),
                "batches": seen.batches,
                "rows": seen.rows,
                "bytes": seen.bytes,
                "before": { "rows": seen.before.rows, "batches": seen.before.batches },
            })),
        })
    }
}

fn object(metadata: &Metadata) -> Value {
    metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

/// Returns the metadata of the schema, and then that of its columns, in the order of their keys.
fn metadata(schema: &Schema) -> Vec<(Option<&String>, &String, &String)> {
    let mut pairs: Vec<_> = schema.metadata().iter().map(|(key, value)| (None, key, value)).collect();
    pairs.sort();
    for field in schema.fields() {
        let mut own: Vec<_> = of_field(field).collect();
        own.sort();
        pairs.append(&mut own);
    }
    pairs
}

fn of_field(field: &Field) -> impl Iterator<Item = (Option<&String>, &String, &String)> {
    field.metadata().iter().map(|(key, value)| (Some(field.name()), key, value))
}
