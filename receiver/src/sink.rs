//! Sinks: what becomes of a table. Each has a room of its own.

mod aggregate;
mod cell;
mod csv;
mod form;
mod ipc;
mod json;
mod parquet;
pub(crate) mod record;
mod summary;
pub(crate) mod table;
mod typed;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_cli::args::Format;

use crate::failure::Failure;
use crate::output::Output;
use crate::plan::{Agg, SinkPlan};
use crate::screen::Screen;

/// The end of the stream, as a sink sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything came that was to come.
    Whole,
    /// The stream has ended, and rows are missing. Formats that have a place for it record that.
    Partial(Missing),
    /// It broke off. What came is still shown, but nothing is kept under a name that promises the whole.
    BrokenOff,
}

/// Rows that a receiver was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Batches that the sender skipped it for.
    pub(crate) skipped: u64,
    /// Batches that were sent before it came.
    pub(crate) batches_before: u64,
    /// Rows of these.
    pub(crate) rows_before: u64,
    /// Tables that broke off and were taken up again with another sender. Nobody knows what lies between.
    pub(crate) interruptions: u64,
}

impl Missing {
    /// Returns how a stream ended that came to its end with this missing.
    pub(crate) fn end(self) -> End {
        if self == Missing::default() { End::Whole } else { End::Partial(self) }
    }

    /// Returns the pairs that say so in a file's metadata.
    fn metadata(self) -> impl Iterator<Item = (&'static str, String)> {
        let counts = [
            ("bowstring.missing.batches", self.skipped),
            ("bowstring.missing.batches_before", self.batches_before),
            ("bowstring.missing.rows_before", self.rows_before),
            ("bowstring.interruptions", self.interruptions),
        ];
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| (key, count.to_string()))
    }
}

/// A consumer of a table's batches.
///
/// A batch lies in the sender's memory, which the sender waits to get back: a sink takes what it needs and keeps
/// nothing of it.
pub(crate) trait Sink {
    /// Takes a batch, or a slice of one.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure>;

    /// Returns true if batches are to come whole. Such a sink unfolds nothing.
    fn takes_whole(&self) -> bool {
        false
    }

    /// Returns true if each row of a struct is written with the names of its fields.
    fn repeats_names(&self) -> bool {
        false
    }

    /// Looks at the clock, while nothing comes.
    fn tick(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Takes the end.
    fn finish(self: Box<Self>, end: End) -> Result<(), Failure>;
}

/// Opens a sink for tables of a schema. What the schema cannot have there is refused now, before anything is written.
/// A sink that writes gives up soon after `stop` is raised, even where nobody takes it.
pub(crate) fn open(
    plan: &SinkPlan,
    schema: &SchemaRef,
    screen: Screen,
    stop: &Arc<AtomicBool>,
) -> Result<Box<dyn Sink>, Failure> {
    over(plan, schema, screen, || match plan {
        SinkPlan::Record { path } => Output::create_kept(path, stop.clone()),
        SinkPlan::Write { path: Some(path), .. } => Output::create(path, stop.clone()),
        SinkPlan::Table { .. } | SinkPlan::Summary | SinkPlan::Write { path: None, .. } => {
            Output::stoppable(stop.clone())
        }
    })
}

/// Opens a sink over an output, which is opened once the schema is known to have a place there.
pub(crate) fn over(
    plan: &SinkPlan,
    schema: &SchemaRef,
    screen: Screen,
    output: impl FnOnce() -> Result<Output, Failure>,
) -> Result<Box<dyn Sink>, Failure> {
    Ok(match plan {
        SinkPlan::Table { head } => Box::new(table::Table::new(output()?, schema, *head, screen)),
        SinkPlan::Record { .. } => Box::new(record::Record::new(output()?, schema)?),
        SinkPlan::Summary => Box::new(summary::SummaryTable::new(output()?, schema, screen)),
        SinkPlan::Write { format, .. } => {
            typed::check(schema, *format)?;
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

/// Opens a sink that takes rows of a schema, and hands their aggregates to another.
pub(crate) fn aggregating(
    agg: &Agg,
    plan: &SinkPlan,
    schema: &SchemaRef,
    screen: Screen,
    stop: &Arc<AtomicBool>,
) -> Result<Box<dyn Sink>, Failure> {
    let aggregates = aggregate::parse(agg, schema)?;
    let inner = open(plan, &aggregate::schema(&aggregates, agg), screen, stop)?;
    Ok(Box::new(aggregate::Aggregate::new(aggregates, agg, inner)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use arrow_schema::{DataType, Field, Schema};
    use bowstring_codec::testing::{Source, batch_of, every_type};

    use super::*;

    /// The writer of Parquet would panic.
    #[test]
    fn parquet_refuses_binary_values_of_width_0() {
        let empty = DataType::FixedSizeBinary(0);
        let key = Box::new(DataType::Int8);
        let types = [
            empty.clone(),
            DataType::Dictionary(key, Box::new(empty.clone())),
            DataType::new_list(empty, true),
        ];
        for data_type in types {
            let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
            let plan = SinkPlan::Write { format: Format::Parquet, path: Some("/dev/null".into()) };
            let opened = open(&plan, &schema, Screen { width: 80, colour: false }, &Arc::default());
            assert!(matches!(opened, Err(Failure::Unsupported { column, .. }) if column.starts_with('c')));
        }
    }

    /// Whatever a format is said to hold it holds, and whatever it does not is said before anything is written.
    #[test]
    fn every_type_is_written_or_refused_beforehand() {
        let screen = Screen { width: 80, colour: false };
        let (mut refused, mut wrong) = (0, Vec::new());
        for (i, data_type) in every_type().into_iter().enumerate() {
            let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
            let bytes: Vec<u8> = (0..250u8).map(|b| b.wrapping_mul(2 * i as u8 + 1)).collect();
            let mut source = Source::new(&bytes);
            let batches = [30, 0, 7].map(|rows| batch_of(&mut source, &schema, rows));
            for format in [Format::Arrow, Format::Arrows, Format::Parquet, Format::Csv, Format::Jsonl] {
                let plan = SinkPlan::Write { format, path: Some("/dev/null".into()) };
                let mut sink = match open(&plan, &schema, screen, &Arc::default()) {
                    Ok(sink) => sink,
                    Err(Failure::Unsupported { column, .. }) => {
                        assert!(column.starts_with('c'));
                        refused += 1;
                        continue;
                    }
                    Err(failure) => {
                        wrong.push(format!("{data_type} as {format:?}: {failure}"));
                        continue;
                    }
                };
                for batch in &batches {
                    match sink.write(batch) {
                        // Each of these batches has a dictionary of its own.
                        Ok(()) | Err(Failure::ReplacedDictionary) => {}
                        Err(failure) => wrong.push(format!("{data_type} as {format:?}: {failure}")),
                    }
                }
                sink.finish(End::Whole)
                    .unwrap_or_else(|failure| panic!("{data_type} as {format:?}: {failure}"));
            }
            let mut summary = summary::Summary::new(&schema);
            batches.iter().for_each(|batch| summary.add(batch));
            summary.show(&mut Vec::new(), screen, End::Whole).unwrap();
            assert_eq!(cell::cells(batches[0].column(0), 30).len(), 30);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(refused > 0);
    }
}
