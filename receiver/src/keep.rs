//! Shows and writes tables that came by other ways than a channel, as the program does.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_cli::exit::Exit;
use bowstring_cli::failure::Failure as KeepFailure;
use clap::Args;

use crate::args::{ChoiceArgs, SinkArgs, Validate};
use crate::choice::Choice;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan::{Handling, Look, handling};
use crate::screen::Screen;
use crate::sink::{self, End, Sink};
use crate::slices::slices;

/// The wanted part of a table, and its destination.
#[derive(Args, Debug)]
pub struct KeepOptions {
    #[command(flatten)]
    sink: SinkArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

impl KeepOptions {
    /// Returns the options that show the first rows, whatever standard output is.
    #[must_use]
    pub fn head(rows: usize) -> KeepOptions {
        KeepOptions {
            sink: SinkArgs {
                table: true,
                json: false,
                csv: false,
                output: None,
                summary: false,
                count: false,
                null: false,
                touch: false,
                format: None,
                head: rows,
            },
            choice: ChoiceArgs { columns: Vec::new(), limit: Some(rows as u64), condition: None },
        }
    }

    /// Returns the most rows that are wanted, if nothing but their number decides which.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.choice.limit.filter(|_| self.choice.condition.is_none())
    }
}

impl KeepOptions {
    /// Returns the places of the columns that are needed, in their order in the schema; nothing if all are. What makes no
    /// sense needs all: [`keep`] says what is wrong with it.
    #[must_use]
    pub fn needs(&self, schema: &SchemaRef) -> Option<Vec<usize>> {
        let ChoiceArgs { columns, limit, condition } = &self.choice;
        let choice = Choice::new(schema, columns, *limit, condition.as_deref()).ok()?;
        let needed = choice.needs(self.sink.count);
        needed.filter(|needed| needed.len() < schema.fields().len())
    }
}

fn of(failure: &Failure) -> KeepFailure {
    KeepFailure { exit: failure.exit(), what: failure.to_string(), advice: failure.advice() }
}

/// Takes batches to where the options say, until there are no more or enough; returns the rows that were kept.
///
/// A file gets its name only if all went well. That nobody reads the output any more, as with `head`, is no error.
pub fn keep<E: Display>(
    options: &KeepOptions,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, E>>,
) -> Result<u64, KeepFailure> {
    let KeepOptions { sink, choice: ChoiceArgs { columns, limit, condition } } = options;
    let failed = |failure: Failure| of(&failure);
    let mut choice = Choice::new(schema, columns, *limit, condition.as_deref()).map_err(failed)?;
    let (mut sink, count) = match handling(sink, Validate::Full).map_err(failed)? {
        Handling::Keep(plan) => (
            Some(sink::open(&plan, choice.schema(), Screen::of_stdout(), &Arc::default()).map_err(failed)?),
            false,
        ),
        Handling::Look { what, .. } => (None, what == Look::Count),
    };
    let mut rows = 0;
    let mut outcome = Ok(());
    let mut batches = batches.into_iter();
    // Once there is enough, the next batch is not waited for.
    while !choice.is_satisfied() {
        let Some(batch) = batches.next() else { break };
        outcome = batch.map_err(malformed).and_then(|batch| {
            match put(
                &batch,
                sink.as_mut().map(|sink| sink.as_mut() as &mut dyn Sink),
                &mut choice,
                &mut rows,
                || false,
            ) {
                Err(failure) if failure.is_broken_pipe() => Err(gone()),
                put => put.map_err(failed),
            }
        });
        if outcome.is_err() {
            break;
        }
    }
    let whole = outcome.is_ok();
    if let Some(sink) = sink {
        match sink.finish(if whole { End::Whole } else { End::BrokenOff }) {
            Err(failure) if failure.is_broken_pipe() => return Ok(rows),
            Err(failure) if whole => return Err(of(&failure)),
            _ => {}
        }
    }
    if count && whole {
        use std::io::Write;
        let mut output = Output::stdout().map_err(failed)?;
        let watch = output.watch();
        writeln!(output, "{rows}").map_err(|error| failed(watch.explain(error)))?;
        output.finish().map_err(failed)?;
    }
    match outcome {
        Err(error) if error.exit == GONE => Ok(rows),
        outcome => outcome.map(|()| rows),
    }
}

/// Takes what is wanted of a batch to the sink, in slices unless it takes them whole, until there are enough of them.
pub(crate) fn put(
    batch: &RecordBatch,
    mut sink: Option<&mut dyn Sink>,
    choice: &mut Choice,
    rows: &mut u64,
    mut enough: impl FnMut() -> bool,
) -> Result<(), Failure> {
    let names = sink.as_ref().is_some_and(|sink| sink.repeats_names());
    let whole = sink.as_ref().is_none_or(|sink| sink.takes_whole());
    let mut put = |part: &RecordBatch, choice: &mut Choice| {
        let chosen = choice.of(part)?;
        *rows += chosen.num_rows() as u64;
        sink.as_mut().map_or(Ok(()), |sink| sink.write(&chosen))
    };
    if whole && !choice.has_condition() {
        return put(batch, choice);
    }
    for slice in slices(batch, names) {
        if choice.is_satisfied() || enough() {
            break;
        }
        put(&slice?, choice)?;
    }
    Ok(())
}

/// No program's exit code: nobody reads any more.
const GONE: u8 = u8::MAX;

fn gone() -> KeepFailure {
    KeepFailure { exit: GONE, what: String::new(), advice: None }
}

fn malformed(error: impl Display) -> KeepFailure {
    KeepFailure::new(Exit::Malformed, error.to_string())
}
