//! The loop: receive, check, hand on, until the table ends or somebody wants no more.

// claim: programs-heap-free

use std::time::{Duration, Instant};

use bowstring::transport::Wait;
use bowstring::{ReceiveError, TableReceiver};
use bowstring_cli::progress::Progress;
use bowstring_cli::signals::{Signal, Signals};

use crate::again::History;
use crate::choice::Choice;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::sink::{End, Missing, Sink};
use crate::stopwatch::Stopwatch;
use crate::work::Work;
use crate::zero_copy;

/// The longest wait between two looks whether a signal has come.
pub(crate) const ATTENTION: Duration = Duration::from_millis(100);

/// A reason to receive no more.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The table ended.
    Whole,
    /// The table ended, but rows are missing, or may be: skipped, sent before this receiver came, or lost between two
    /// senders.
    Partial,
    /// As many rows as were asked for have come.
    Enough,
    /// Nobody reads the output any more.
    NobodyReads,
    /// A signal came.
    Interrupted(Signal),
    /// Something went wrong.
    Failed(Failure),
}

impl Ending {
    /// Its name in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Ending::Whole => "whole",
            Ending::Partial => "partial",
            Ending::Enough => "enough",
            Ending::NobodyReads => "nobody_reads",
            Ending::Interrupted(_) => "interrupted",
            Ending::Failed(_) => "failed",
        }
    }

    /// Returns the ending for a failure of the work: none of its own if a signal came, or nobody reads.
    pub(crate) fn of_work(failure: Failure, signals: &Signals) -> Ending {
        match signals.caught() {
            Some(signal) => Ending::Interrupted(signal),
            None if failure.is_broken_pipe() => Ending::NobodyReads,
            None => Ending::Failed(failure),
        }
    }
}

/// Receives the whole table, and does with it what was planned.
pub(crate) fn drain(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    history: &mut History,
) -> Result<Ending, Failure> {
    drain_into(receiver, plan, signals, stopwatch, history, |receiver, choice| {
        Work::open(plan, receiver.schema(), choice, signals)
    })
}

/// Receives the whole table into a sink that is open.
pub(crate) fn drain_to(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    history: &mut History,
    sink: Box<dyn Sink>,
) -> Result<Ending, Failure> {
    drain_into(receiver, plan, signals, stopwatch, history, |receiver, _| {
        Ok(Work::Keep { sink, table: receiver.schema().clone() })
    })
}

fn drain_into(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    history: &mut History,
    work: impl FnOnce(&TableReceiver, &Choice) -> Result<Work, Failure>,
) -> Result<Ending, Failure> {
    let mut choice = Choice::new(receiver.schema(), &plan.columns, plan.limit, plan.condition.as_deref())?;
    if plan.require_zero_copy {
        zero_copy::demand(receiver)?;
    }
    let mut work = work(receiver, &choice)?;
    let wait = Wait::sleeping().at_most(plan.idle.map_or(ATTENTION, |idle| idle.min(ATTENTION)));
    let mut progress = Progress::new(plan.output_options.progress, receiver.hints().rows);
    let ending = loop {
        if choice.is_satisfied() {
            break Ending::Enough;
        }
        if let Some(signal) = signals.caught() {
            break Ending::Interrupted(signal);
        }
        let ended = match receiver.next_batch_with(wait) {
            Ok(Some(batch)) => {
                stopwatch.received();
                if let Err(failure) = work.take(batch, &mut choice, signals, stopwatch) {
                    break Ending::of_work(failure, signals);
                }
                None
            }
            Ok(None) => Some(Ending::Whole),
            Err(ReceiveError::TimedOut) if !stopwatch.is_idle_for(plan.idle) => {
                if let Err(failure) = work.tick() {
                    break Ending::of_work(failure, signals);
                }
                None
            }
            Err(error) => Some(Ending::Failed(Failure::from(error))),
        };
        if let Some(ending) = ended {
            progress.clear();
            if let Err(ending) = history.go_on(receiver, ending, plan, signals) {
                break ending;
            }
            stopwatch.resumed();
        }
        if plan.require_zero_copy
            && let Err(failure) = zero_copy::still_holds(receiver)
        {
            break Ending::Failed(failure);
        }
        progress.show(|| (stopwatch.rows(), receiver.stats().bytes));
    };
    progress.clear();
    stopwatch.end();
    Ok(conclude(work, ending, history.missing(receiver), signals, stopwatch))
}

/// Lets the work come to its end, which may fail too.
pub(crate) fn conclude(
    work: Work,
    ending: Ending,
    missing: Missing,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Ending {
    let ending = match ending {
        Ending::Whole if missing.end() != End::Whole => Ending::Partial,
        ending => ending,
    };
    let end = match ending {
        Ending::Whole | Ending::Partial | Ending::Enough => missing.end(),
        Ending::Interrupted(_) | Ending::Failed(_) => End::BrokenOff,
        Ending::NobodyReads => return ending,
    };
    let begun = Instant::now();
    let finished = work.finish(end, stopwatch.rows());
    stopwatch.wrote(begun.elapsed());
    match finished {
        Ok(()) => ending,
        Err(failure) if failure.is_broken_pipe() => Ending::NobodyReads,
        // The first error is the one reported.
        Err(_) if end == End::BrokenOff => ending,
        Err(failure) => signals.caught().map_or(Ending::Failed(failure), Ending::Interrupted),
    }
}
