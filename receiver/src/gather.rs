//! Several tables received as one.

use std::fmt;

use bowstring::{Hints, Merge, MergeError, MergeSource, Missed};
use bowstring_cli::output_options::{self, Stats};
use bowstring_cli::progress::Progress;
use bowstring_cli::signals::Signals;
use bowstring_cli::text;
use serde_json::{Value, json};

use crate::again::allowed;
use crate::choice::Choice;
use crate::drain::{ATTENTION, Ending, conclude};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::sink::Missing;
use crate::stopwatch::Stopwatch;
use crate::work::Work;
use crate::{exit, meet, say_if_interrupted};

/// The end of a table that was not its clean one.
#[derive(Debug)]
struct Broken {
    name: String,
    failure: Failure,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.failure)
    }
}

/// Receives all tables to their ends; returns the exit code.
pub(crate) fn gather(plan: &Plan, signals: &Signals) -> Result<u8, Failure> {
    let mut merge = meet_all(plan, signals)?;
    let before = before(merge.sources());
    allowed(before, plan)?;
    let mut stopwatch = Stopwatch::new();
    let mut broken = Vec::new();
    let (work, ending) = run(&mut merge, plan, signals, &mut stopwatch, &mut broken)?;
    stopwatch.end();
    let missing = Missing {
        skipped: merge.stats().transport.missed,
        batches_before: before.batches,
        rows_before: before.rows,
        interruptions: 0,
    };
    let is_over = matches!(ending, Ending::Whole);
    let ending = match broken.first() {
        Some(_) if is_over => conclude_broken(work, signals, &mut stopwatch),
        _ => conclude(work, ending, missing, signals, &mut stopwatch),
    };
    for Broken { name, failure } in &broken {
        output_options::tell("receiver", &format!("{name}: {failure}"), failure.advice().as_deref());
    }
    let code = match (&broken[..], &ending) {
        ([first, ..], Ending::Failed(_)) if is_over => first.failure.exit(),
        _ => exit(&ending, missing, plan),
    };
    say_if_interrupted(&ending, plan);
    let report = Report { merge: &merge, broken: &broken, stopwatch: &stopwatch, ending: &ending, code };
    plan.output_options.state(&report).map_err(|(name, error)| Failure::Output { name, error })?;
    Ok(code)
}

/// Ends the work as after a failure; the error itself goes out with its table's name.
fn conclude_broken(work: Work, signals: &Signals, stopwatch: &mut Stopwatch) -> Ending {
    let ending = Ending::Failed(Failure::Choice("a table did not come to its end".to_owned()));
    conclude(work, ending, Missing::default(), signals, stopwatch)
}

/// Meets every sender.
fn meet_all(plan: &Plan, signals: &Signals) -> Result<Merge, Failure> {
    let mut receivers = Vec::with_capacity(plan.channels.len());
    for (name, endpoint) in &plan.channels {
        let plan = Plan { endpoint: endpoint.clone(), ..plan.clone() };
        receivers.push((name.clone(), meet::meet(&plan, signals)?));
    }
    let merge = Merge::new(receivers).map_err(refused)?;
    match &plan.source_column {
        None => Ok(merge),
        Some(column) => merge.with_source_column(column).map_err(refused),
    }
}

fn refused(error: MergeError) -> Failure {
    let advice = match error {
        MergeError::ColumnTaken(_) => "give the column of --source-column another name",
        _ => "tables that are received as one must have the same columns; else start a receiver for each",
    };
    Failure::Usage { what: error.to_string(), advice }
}

/// Returns what the senders had sent before, together.
fn before(sources: &[MergeSource]) -> Missed {
    sources.iter().map(MergeSource::missed_before).fold(Missed::default(), |sum, before| Missed {
        batches: sum.batches.saturating_add(before.batches),
        rows: sum.rows.saturating_add(before.rows),
    })
}

/// The loop: until all tables have ended, or somebody wants no more.
fn run(
    merge: &mut Merge,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    broken: &mut Vec<Broken>,
) -> Result<(Work, Ending), Failure> {
    let table = merge.schema().clone();
    let mut choice = Choice::new(&table, &plan.columns, plan.limit, plan.condition.as_deref())?;
    let mut work = Work::open(plan, &table, &choice, signals)?;
    let total = merge.sources().iter().map(MergeSource::hints);
    let total = total.map(|Hints { rows, .. }| *rows).sum::<Option<u64>>();
    let mut progress = Progress::new(plan.output_options.progress, total);
    // A signal wakes it up. Only limits of time and windows look at the clock.
    let looks = plan.idle.is_some() || plan.agg.is_some();
    let wait = looks.then(|| plan.idle.map_or(ATTENTION, |idle| idle.min(ATTENTION)));
    let ending = loop {
        if choice.is_satisfied() {
            break Ending::Enough;
        }
        if let Some(signal) = signals.caught() {
            break Ending::Interrupted(signal);
        }
        let failed = match merge.next_batch_with(wait, Some(signals.wake())) {
            Ok(Some((_, batch))) => {
                stopwatch.received();
                if let Err(failure) = work.take_arrays(&batch, &mut choice, signals, stopwatch) {
                    break Ending::of_work(failure, signals);
                }
                None
            }
            Ok(None) => break Ending::Whole,
            Err(MergeError::Woken) => None,
            Err(MergeError::TimedOut) if !stopwatch.is_idle_for(plan.idle) => {
                if let Err(failure) = work.tick() {
                    break Ending::of_work(failure, signals);
                }
                None
            }
            Err(MergeError::TimedOut) => break Ending::Failed(bowstring::ReceiveError::TimedOut.into()),
            Err(MergeError::Receive { name, error, .. }) => Some(Broken { name, failure: error.into() }),
            Err(MergeError::Arrow { name, error }) => {
                Some(Broken { name, failure: Failure::Choice(error.to_string()) })
            }
            Err(MergeError::Poll(error)) => {
                break Ending::Failed(Failure::Host { what: "cannot wait for the senders", error });
            }
            Err(error) => break Ending::Failed(Failure::Choice(error.to_string())),
        };
        if let Some(failed) = failed {
            progress.clear();
            let rest = merge.sources().iter().filter(|source| source.is_open()).count();
            if !plan.writes_file() && rest > 0 && !plan.output_options.quiet {
                let rest = text::count(rest as u64, "other goes on", "others go on");
                output_options::say(&format!("receiver: {}; {rest}", text::escaped(&failed.to_string())));
            }
            broken.push(failed);
            // No file would be kept.
            if plan.writes_file() {
                break Ending::Whole;
            }
        }
        progress.show(|| (stopwatch.rows(), merge.stats().bytes));
    };
    progress.clear();
    Ok((work, ending))
}

/// The figures of all tables together, and of each.
struct Report<'a> {
    merge: &'a Merge,
    broken: &'a [Broken],
    stopwatch: &'a Stopwatch,
    ending: &'a Ending,
    code: u8,
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
        let rate = bytes as f64 / time.as_secs_f64().max(1e-9);
        parts.extend([text::bytes(bytes), text::time(time), format!("{}/s", text::bytes(rate as u64))]);
        text::line(&parts)
    }

    fn details(&self) -> Vec<String> {
        let of = |source: &MergeSource| {
            let stats = source.stats();
            format!(
                "{}: {} in {}, {:?} delivery",
                text::escaped(source.name()),
                text::count(stats.rows, "row", "rows"),
                text::count(stats.batches, "batch", "batches"),
                source.delivery()
            )
        };
        self.merge.sources().iter().map(of).collect()
    }

    fn json(&self, _: Option<&str>) -> String {
        let (stats, times) = (self.merge.stats(), self.stopwatch.times());
        let error = match self.ending {
            Ending::Failed(_) if !self.broken.is_empty() => self.broken.first().map(Broken::to_string),
            Ending::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let before = before(self.merge.sources());
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
            "tables": self.merge.sources().iter().map(|source| self.table(source)).collect::<Value>(),
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
    fn table(&self, source: &MergeSource) -> Value {
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
        })
    }
}
