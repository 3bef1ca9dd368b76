//! The handling of batches: they are looked at and let go, or go to a sink.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use bowstring::Batch;
use bowstring_cli::signals::Signals;

use crate::choice::Choice;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan::{Handling, Look, Plan};
use crate::screen::Screen;
use crate::sink::{self, End, Sink};
use crate::slices::slices;
use crate::stopwatch::Stopwatch;

/// The handling of batches.
pub(crate) enum Work {
    Look { full: bool, what: Look, sum: u64 },
    Keep { sink: Box<dyn Sink>, table: SchemaRef },
}

impl Work {
    /// Opens what was planned, for tables of a schema of which there is a choice.
    pub(crate) fn open(
        plan: &Plan,
        table: &SchemaRef,
        choice: &Choice,
        signals: &Signals,
    ) -> Result<Work, Failure> {
        let sink = match &plan.handling {
            Handling::Look { full, what } => return Ok(Work::Look { full: *full, what: *what, sum: 0 }),
            Handling::Keep(sink) => sink,
        };
        let (schema, screen, stop) = (choice.schema(), Screen::of_stdout(), signals.flag());
        let sink = match &plan.agg {
            Some(agg) => sink::aggregating(agg, sink, schema, screen, &stop)?,
            None => sink::open(sink, schema, screen, &stop)?,
        };
        Ok(Work::Keep { sink, table: table.clone() })
    }

    /// Takes a batch; of a long one, only what comes before a signal.
    pub(crate) fn take(
        &mut self,
        batch: Batch<'_>,
        choice: &mut Choice,
        signals: &Signals,
        stopwatch: &mut Stopwatch,
    ) -> Result<(), Failure> {
        match self {
            Work::Look { full, what, sum } => look(batch, *full, *what, sum, choice, signals, stopwatch),
            Work::Keep { sink, table } => {
                let arrays = batch.into_record_batch().map_err(Failure::from)?;
                keep(&adopt(arrays, table)?, sink.as_mut(), choice, signals, stopwatch)
            }
        }
    }

    /// Takes a batch as arrays.
    #[allow(dead_code, reason = "for several senders, which come next")]
    pub(crate) fn take_arrays(
        &mut self,
        arrays: &RecordBatch,
        choice: &mut Choice,
        signals: &Signals,
        stopwatch: &mut Stopwatch,
    ) -> Result<(), Failure> {
        match self {
            Work::Look { .. } => look_at_arrays(arrays, choice, signals, stopwatch),
            Work::Keep { sink, .. } => keep(arrays, sink.as_mut(), choice, signals, stopwatch),
        }
    }

    /// Lets a sink look at the clock.
    pub(crate) fn tick(&mut self) -> Result<(), Failure> {
        match self {
            Work::Look { .. } => Ok(()),
            Work::Keep { sink, .. } => sink.tick(),
        }
    }

    pub(crate) fn finish(self, end: End, rows: u64) -> Result<(), Failure> {
        let line = match self {
            Work::Keep { sink, .. } => return sink.finish(end),
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
        return look_at_arrays(&arrays, choice, signals, stopwatch);
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

/// Counts the rows that are wanted.
fn look_at_arrays(
    arrays: &RecordBatch,
    choice: &mut Choice,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Result<(), Failure> {
    if choice.has_condition() {
        for slice in slices(arrays, false) {
            if choice.is_satisfied() || signals.caught().is_some() {
                break;
            }
            stopwatch.checked(choice.of(&slice?)?.num_rows());
        }
    } else {
        stopwatch.checked(choice.rows(arrays.num_rows()));
    }
    stopwatch.handed_on();
    Ok(())
}

/// Returns the batch under the schema of the first sender: that of the next may have other metadata.
fn adopt(batch: RecordBatch, table: &SchemaRef) -> Result<RecordBatch, Failure> {
    if Arc::ptr_eq(batch.schema_ref(), table) {
        return Ok(batch);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let (_, columns, _) = batch.into_parts();
    RecordBatch::try_new_with_options(table.clone(), columns, &options)
        .map_err(|error| Failure::Choice(error.to_string()))
}

fn keep(
    arrays: &RecordBatch,
    sink: &mut dyn Sink,
    choice: &mut Choice,
    signals: &Signals,
    stopwatch: &mut Stopwatch,
) -> Result<(), Failure> {
    if sink.takes_whole() && !choice.has_condition() {
        let chosen = choice.of(arrays)?;
        stopwatch.checked(chosen.num_rows());
        sink.write(&chosen)?;
        stopwatch.handed_on();
        return Ok(());
    }
    for slice in slices(arrays, sink.repeats_names()) {
        if choice.is_satisfied() || signals.caught().is_some() {
            break;
        }
        let slice = slice?;
        let chosen = choice.of(&slice)?;
        stopwatch.checked(chosen.num_rows());
        sink.write(&chosen)?;
        stopwatch.handed_on();
    }
    Ok(())
}

/// Returns the sum of a message's 64-bit words: the cheapest thing that reads every byte of it. Messages are whole
/// words.
fn sum_of_words(message: &[u8]) -> u64 {
    let (words, _) = message.as_chunks::<8>();
    words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}
