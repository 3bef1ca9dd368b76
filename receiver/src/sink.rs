//! Sinks: what becomes of a table. Each has a room of its own.

mod cell;
mod csv;
mod ipc;
mod json;
mod parquet;
mod summary;
mod table;
mod typed;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::args::Format;
use crate::failure::Failure;
use crate::output::Output;
use crate::plan::SinkPlan;
use crate::screen::Screen;

/// How the stream ended for a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything came that was to come.
    Whole,
    /// It broke off. What came is still shown, but nothing is kept under a name that promises the whole.
    BrokenOff,
}

/// What takes a table's batches.
///
/// A batch lies in the sender's memory, which the sender waits to get back: a sink takes what it needs and keeps
/// nothing of it.
pub(crate) trait Sink {
    /// Takes a batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure>;

    /// Takes the end.
    fn finish(self: Box<Self>, end: End) -> Result<(), Failure>;
}

/// Opens a sink for tables of a schema. What the schema cannot have there is refused now, before anything is written.
pub(crate) fn open(plan: &SinkPlan, schema: &SchemaRef, screen: Screen) -> Result<Box<dyn Sink>, Failure> {
    Ok(match plan {
        SinkPlan::Table { head } => Box::new(table::Table::new(schema, *head, screen)?),
        SinkPlan::Summary => Box::new(summary::SummaryTable::new(schema, screen)?),
        SinkPlan::Write { format, path } => {
            typed::check(schema, *format)?;
            let output = || match path {
                Some(path) => Output::create(path),
                None => Output::stdout(),
            };
            match format {
                Format::Arrow => Box::new(ipc::File::new(output()?, schema)?),
                Format::Arrows => Box::new(ipc::Stream::new(output()?, schema)?),
                Format::Parquet => Box::new(parquet::Parquet::new(output()?, schema)?),
                Format::Csv => Box::new(csv::Csv::new(output()?, schema)?),
                Format::Jsonl => Box::new(json::Json::new(output()?)),
            }
        }
    })
}
