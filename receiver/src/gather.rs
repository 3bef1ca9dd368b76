//! Several tables received as one.

mod again;
mod report;

use std::fmt;

use bowstring::{Hints, Merge, MergeError, MergeSource, Missed};
use bowstring_cli::output_options;
use bowstring_cli::progress::Progress;
use bowstring_cli::signals::Signals;
use bowstring_cli::text;

use self::again::Comebacks;
use self::report::Report;
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
    allowed(total_before(merge.sources()), plan)?;
    let mut stopwatch = Stopwatch::new();
    let mut broken = Vec::new();
    let mut comebacks = Comebacks::new(plan, signals)?;
    let (work, ending) = run(&mut merge, plan, &mut comebacks, &mut stopwatch, &mut broken)?;
    stopwatch.end();
    let before = total_before(merge.sources());
    let missing = Missing {
        skipped: merge.stats().transport.missed,
        batches_before: before.batches,
        rows_before: before.rows,
        interruptions: comebacks.interruptions(),
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
    let report = Report {
        merge: &merge,
        broken: &broken,
        comebacks: &comebacks,
        stopwatch: &stopwatch,
        ending: &ending,
        code,
    };
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
    let mut merge = Merge::new(receivers).map_err(refused)?;
    if plan.reconnect.is_some_and(|reconnect| reconnect.always) {
        merge = merge.with_ends();
    }
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
fn total_before(sources: &[MergeSource]) -> Missed {
    sources.iter().map(MergeSource::missed_before).fold(Missed::default(), |sum, before| Missed {
        batches: sum.batches.saturating_add(before.batches),
        rows: sum.rows.saturating_add(before.rows),
    })
}

/// The loop: until all tables have ended, or somebody wants no more.
fn run(
    merge: &mut Merge,
    plan: &Plan,
    comebacks: &mut Comebacks<'_>,
    stopwatch: &mut Stopwatch,
    broken: &mut Vec<Broken>,
) -> Result<(Work, Ending), Failure> {
    let signals = comebacks.signals();
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
        let failed = match merge.next_batch_with(wait, &comebacks.wakes()) {
            Ok(Some((_, batch))) => {
                stopwatch.received();
                if let Err(failure) = work.take_arrays(&batch, &mut choice, signals, stopwatch) {
                    break Ending::of_work(failure, signals);
                }
                Vec::new()
            }
            Ok(None) if !comebacks.is_waiting() => break Ending::Whole,
            Ok(None) => {
                comebacks.sleep(wait);
                if let Err(failure) = work.tick() {
                    break Ending::of_work(failure, signals);
                }
                comebacks.take(merge)
            }
            Err(MergeError::Ended { place }) => comebacks.ended(merge, place),
            Err(MergeError::Woken) => comebacks.take(merge),
            Err(MergeError::TimedOut) if comebacks.is_waiting() || !stopwatch.is_idle_for(plan.idle) => {
                if let Err(failure) = work.tick() {
                    break Ending::of_work(failure, signals);
                }
                Vec::new()
            }
            Err(MergeError::TimedOut) => break Ending::Failed(bowstring::ReceiveError::TimedOut.into()),
            Err(MergeError::Receive { place, name, error }) => {
                comebacks.gone(merge, place, Broken { name, failure: error.into() })
            }
            Err(MergeError::Arrow { name, error }) => {
                vec![Broken { name, failure: Failure::Choice(error.to_string()) }]
            }
            Err(MergeError::Poll(error)) => {
                break Ending::Failed(Failure::Host { what: "cannot wait for the senders", error });
            }
            Err(error) => break Ending::Failed(Failure::Choice(error.to_string())),
        };
        let is_lost = !failed.is_empty() && plan.writes_file();
        for failed in failed {
            progress.clear();
            let rest = merge.sources().iter().filter(|source| source.is_open()).count();
            if !plan.writes_file() && rest > 0 && !plan.output_options.quiet {
                let rest = text::count(rest as u64, "other goes on", "others go on");
                output_options::say(&format!("receiver: {}; {rest}", text::escaped(&failed.to_string())));
            }
            broken.push(failed);
        }
        // No file would be kept.
        if is_lost {
            break Ending::Whole;
        }
        progress.show(|| (stopwatch.rows(), merge.stats().bytes));
    };
    progress.clear();
    Ok((work, ending))
}
