//! The loop: receive, check, hand on, until the table ends or somebody wants no more.

// claim: programs-heap-free

use std::io::Write;
use std::time::{Duration, Instant};

use bowstring::transport::Wait;
use bowstring::{Batch, ReceiveError, TableReceiver};
use bowstring_cli::progress::Progress;
use bowstring_cli::signals::{Signal, Signals};

use crate::choice::Choice;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan::{Handling, Look, Plan};
use crate::screen::Screen;
use crate::sink::{self, End, Missing, Sink};
use crate::slices::slices;
use crate::stopwatch::Stopwatch;
use crate::zero_copy;

/// The longest wait between two looks whether a signal has come.
const ATTENTION: Duration = Duration::from_millis(100);

/// A reason to receive no more.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The table ended.
    Whole,
    /// The table ended, but rows are missing: skipped, or sent before this receiver came.
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
}

/// The handling of batches.
enum Work {
    Look { full: bool, what: Look, sum: u64 },
    Keep(Box<dyn Sink>),
}

/// Receives the whole table, and does with it what was planned.
pub(crate) fn drain(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Result<Ending, Failure> {
    drain_into(receiver, plan, signals, stopwatch, |choice| {
        Ok(match &plan.handling {
            Handling::Look { full, what } => Work::Look { full: *full, what: *what, sum: 0 },
            Handling::Keep(sink) => {
                let (schema, screen, stop) = (choice.schema(), Screen::of_stdout(), signals.flag());
                Work::Keep(match &plan.agg {
                    Some(agg) => sink::aggregating(agg, sink, schema, screen, &stop)?,
                    None => sink::open(sink, schema, screen, &stop)?,
                })
            }
        })
    })
}

/// Receives the whole table into a sink that is open.
pub(crate) fn drain_to(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    sink: Box<dyn Sink>,
) -> Result<Ending, Failure> {
    drain_into(receiver, plan, signals, stopwatch, |_| Ok(Work::Keep(sink)))
}

fn drain_into(
    receiver: &mut TableReceiver,
    plan: &Plan,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
    work: impl FnOnce(&Choice) -> Result<Work, Failure>,
) -> Result<Ending, Failure> {
    let before = receiver.missed_before();
    if before.batches > 0 && plan.writes_file() && !plan.from_now {
        return Err(Failure::Late { rows: before.rows, batches: before.batches });
    }
    let mut choice = Choice::new(receiver.schema(), &plan.columns, plan.limit, plan.condition.as_deref())?;
    if plan.require_zero_copy {
        zero_copy::demand(receiver)?;
    }
    let mut work = work(&choice)?;
    let wait = Wait::sleeping().at_most(plan.idle.map_or(ATTENTION, |idle| idle.min(ATTENTION)));
    let mut progress = Progress::new(plan.output_options.progress, receiver.hints().rows);
    let ending = loop {
        if choice.is_satisfied() {
            break Ending::Enough;
        }
        if let Some(signal) = signals.caught() {
            break Ending::Interrupted(signal);
        }
        match receiver.next_batch_with(wait) {
            Ok(Some(batch)) => {
                stopwatch.received();
                if let Err(failure) = work.take(batch, &mut choice, signals, stopwatch) {
                    break match signals.caught() {
                        Some(signal) => Ending::Interrupted(signal),
                        None if failure.is_broken_pipe() => Ending::NobodyReads,
                        None => Ending::Failed(failure),
                    };
                }
            }
            Ok(None) => break Ending::Whole,
            Err(ReceiveError::TimedOut) if !stopwatch.is_idle_for(plan.idle) => {
                if let Err(failure) = work.tick() {
                    break if failure.is_broken_pipe() {
                        Ending::NobodyReads
                    } else {
                        Ending::Failed(failure)
                    };
                }
            }
            Err(error) => break Ending::Failed(Failure::from(error)),
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
    let ending = match ending {
        Ending::Whole if before.batches > 0 || receiver.stats().transport.missed > 0 => Ending::Partial,
        ending => ending,
    };
    let missing = Missing {
        skipped: receiver.stats().transport.missed,
        batches_before: before.batches,
        rows_before: before.rows,
    };
    Ok(conclude(work, ending, missing, signals, stopwatch))
}

/// Lets the work come to its end, which may fail too.
fn conclude(
    work: Work,
    ending: Ending,
    missing: Missing,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Ending {
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

impl Work {
    /// Takes a batch; of a long one, only what comes before a signal.
    fn take(
        &mut self,
        batch: Batch<'_>,
        choice: &mut Choice,
        signals: &Signals,
        stopwatch: &mut Stopwatch,
    ) -> Result<(), Failure> {
        match self {
            Work::Look { full, what, sum } => look(batch, *full, *what, sum, choice, signals, stopwatch),
            Work::Keep(sink) => keep(batch, sink.as_mut(), choice, signals, stopwatch),
        }
    }

    /// Lets a sink look at the clock.
    fn tick(&mut self) -> Result<(), Failure> {
        match self {
            Work::Look { .. } => Ok(()),
            Work::Keep(sink) => sink.tick(),
        }
    }

    fn finish(self, end: End, rows: u64) -> Result<(), Failure> {
        let line = match self {
            Work::Keep(sink) => return sink.finish(end),
            Work::Look { what: Look::Null, .. } => return Ok(()),
            Work::Look { what: Look::Count, .. } => rows,
            Work::Look { what: Look::Touch, sum, .. } => sum,
        };
        let mut output = Output::stdout()?;
        let watch = output.watch();
        writeln!(output, "{line}").map_err(|error| watch.explain(error))?;
        output.finish()
    }
}

fn look(
    mut batch: Batch<'_>,
    full: bool,
    what: Look,
    sum: &mut u64,
    choice: &mut Choice,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Result<(), Failure> {
    if choice.has_condition() {
        // A condition needs arrays.
        let touched = if what == Look::Touch { sum_of_words(batch.message()) } else { 0 };
        let arrays = batch.into_record_batch().map_err(Failure::from)?;
        *sum = sum.wrapping_add(touched);
        for slice in slices(&arrays) {
            if choice.is_satisfied() || signals.caught().is_some() {
                break;
            }
            stopwatch.checked(choice.of(&slice?)?.num_rows());
        }
        drop(arrays);
        stopwatch.handed_on();
        return Ok(());
    }
    let rows = if full {
        batch.full_view().map(|view| view.num_rows())
    } else {
        batch.view().map(|view| view.num_rows())
    };
    stopwatch.checked(choice.rows(rows.map_err(Failure::from)?));
    if what == Look::Touch {
        *sum = sum.wrapping_add(sum_of_words(batch.message()));
    }
    drop(batch);
    stopwatch.handed_on();
    Ok(())
}

fn keep(
    batch: Batch<'_>,
    sink: &mut dyn Sink,
    choice: &mut Choice,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Result<(), Failure> {
    let arrays = batch.into_record_batch().map_err(Failure::from)?;
    if sink.takes_whole() && !choice.has_condition() {
        let chosen = choice.of(&arrays)?;
        stopwatch.checked(chosen.num_rows());
        sink.write(&chosen)?;
        stopwatch.handed_on();
        return Ok(());
    }
    for slice in slices(&arrays) {
        if choice.is_satisfied() || signals.caught().is_some() {
            break;
        }
        let slice = slice?;
        let chosen = choice.of(&slice)?;
        stopwatch.checked(chosen.num_rows());
        sink.write(&chosen)?;
        stopwatch.handed_on();
    }
    // The sender's memory goes back to it here.
    Ok(())
}

/// Returns the sum of a message's 64-bit words: the cheapest thing that reads every byte of it. Messages are whole
/// words.
fn sum_of_words(message: &[u8]) -> u64 {
    let (words, _) = message.as_chunks::<8>();
    words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}
