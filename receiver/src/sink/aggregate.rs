//! `--agg`: rows in, aggregates out, for all or for each window.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bowstring_query::{Aggregates, QueryError};

use super::{End, Sink};
use crate::every::Every;
use crate::failure::Failure;
use crate::plan::Agg;
use crate::slices::slices;

/// Takes rows and hands on their aggregates.
pub(super) struct Aggregate {
    aggregates: Aggregates,
    every: Option<Every>,
    inner: Box<dyn Sink>,
    /// The number of the window, from 0 on.
    window: u64,
    /// Rows of the window so far.
    rows: u64,
    /// The time at which the window began.
    began: Instant,
}

pub(super) fn parse(agg: &Agg, schema: &SchemaRef) -> Result<Aggregates, Failure> {
    Aggregates::parse(&agg.sql, schema, agg.groups).map_err(failed)
}

/// The schema of the aggregates, with the number of the window in front where there are windows.
pub(super) fn schema(aggregates: &Aggregates, agg: &Agg) -> SchemaRef {
    if agg.every.is_none() {
        return aggregates.schema().clone();
    }
    let mut fields = vec![Arc::new(Field::new("window", DataType::UInt64, false))];
    fields.extend(aggregates.schema().fields().iter().cloned());
    Arc::new(Schema::new(fields))
}

impl Aggregate {
    pub(super) fn new(aggregates: Aggregates, agg: &Agg, inner: Box<dyn Sink>) -> Aggregate {
        Aggregate { aggregates, every: agg.every, inner, window: 0, rows: 0, began: Instant::now() }
    }

    /// Hands on the window, and begins the next.
    fn end_window(&mut self) -> Result<(), Failure> {
        let result = self.aggregates.take().map_err(failed)?;
        let result = match self.every {
            None => result,
            Some(_) => {
                let number: ArrayRef = Arc::new(UInt64Array::from(vec![self.window; result.num_rows()]));
                let mut fields = vec![Arc::new(Field::new("window", DataType::UInt64, false))];
                fields.extend(result.schema().fields().iter().cloned());
                let columns = std::iter::once(number).chain(result.columns().iter().cloned()).collect();
                RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
                    .map_err(|error| Failure::Choice(error.to_string()))?
            }
        };
        self.window += 1;
        self.rows = 0;
        if self.inner.takes_whole() {
            return self.inner.write(&result);
        }
        slices(&result, self.inner.repeats_names()).try_for_each(|slice| self.inner.write(&slice?))
    }

    /// Ends the windows whose time is over.
    fn catch_up(&mut self, length: Duration) -> Result<(), Failure> {
        while self.began.elapsed() >= length {
            self.end_window()?;
            self.began += length;
        }
        Ok(())
    }
}

impl Sink for Aggregate {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.tick()?;
        let Some(Every::Rows(length)) = self.every else {
            self.rows += batch.num_rows() as u64;
            return self.aggregates.add(batch).map_err(failed);
        };
        let mut start = 0;
        while start < batch.num_rows() {
            let take = (batch.num_rows() - start).min((length - self.rows) as usize);
            self.aggregates.add(&batch.slice(start, take)).map_err(failed)?;
            self.rows += take as u64;
            start += take;
            if self.rows == length {
                self.end_window()?;
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Failure> {
        match self.every {
            Some(Every::Time(length)) => self.catch_up(length),
            _ => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        self.tick()?;
        // The last window is shown if it has rows; the only one always.
        if self.every.is_none() || self.rows > 0 {
            self.end_window()?;
        }
        self.inner.finish(end)
    }
}

fn failed(error: QueryError) -> Failure {
    match error {
        QueryError::NoColumn { name, there } => Failure::NoColumn { name, there },
        QueryError::Value(why) => {
            Failure::Choice(format!("--agg: {why}; --groups raises the limit on groups"))
        }
        QueryError::Syntax(why) => usage(format!("--agg is no SQL: {why}")),
        QueryError::Unsupported(what) => usage(format!("--agg cannot have this: {what}")),
        error => usage(format!("--agg: {error}")),
    }
}

fn usage(what: String) -> Failure {
    Failure::Usage {
        what,
        advice: "write aggregates, such as \"count(*), avg(price), max(at) by city\"; for anything else: \
                 receiver -o - --format arrows | duckdb",
    }
}
