//! Reads tables of several formats: files one after the other, standard input, or a demonstration.
//!
//! [`options`] has the command line options; [`open`] makes a [`Source`] of them. A `chain` joins inputs, a `window`
//! cuts out the requested rows, and there is a module for each format.

mod chain;
mod csv;
mod demo;
mod error;
mod excel;
mod file;
mod format;
pub mod fuzz;
mod input;
mod json;
pub mod options;
mod parquet;
mod pipeline;
mod schema;
mod stream;
mod text;
mod third_party;
mod waiting;
mod window;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::chain::Chain;
pub use crate::demo::Demo;
pub use crate::error::{Kind, SourceError};
use crate::options::{Choice, Input, Reading};
pub use crate::waiting::{Next, Waiting};
use crate::window::Window;

/// A source of rows.
#[derive(Debug)]

pub enum Source {
    /// Batches that exist before they are sent.
    Batches(Box<Waiting>),
    /// Batches that are generated where receivers read them.
    Demo(Box<Demo>),
}

/// A reader of batches.
pub(crate) trait Batches: std::fmt::Debug + Send {
    /// Returns the schema of every batch.
    fn schema(&self) -> &SchemaRef;

    /// Returns the number of rows, if known in advance.
    fn rows(&self) -> Option<u64> {
        None
    }

    /// Skips up to `rows` rows from the beginning, if that is cheaper than reading them; returns how many.
    fn skip(&mut self, rows: u64) -> Result<u64, SourceError> {
        let _ = rows;
        Ok(0)
    }

    /// Chooses a single batch. Returns false if the input has no batches of its own.
    fn choose(&mut self, batch: usize) -> Result<bool, SourceError> {
        let _ = batch;
        Ok(false)
    }

    /// Reads the next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError>;
}

/// Opens inputs as one table.
pub fn open(inputs: &[Input], reading: &Reading, choice: Choice) -> Result<Source, SourceError> {
    if let [Input::Demo { rows }] = inputs[..] {
        let (start, end) = match choice.rows {
            Some(range) => (range.start.min(rows), range.end.unwrap_or(rows).min(rows)),
            None => (0, rows),
        };
        return Ok(Source::Demo(Box::new(Demo::new(start..end, reading.batch_rows))));
    }
    let chain = Chain::open(inputs, reading)?;
    Ok(Source::Batches(Box::new(Waiting::new(Window::new(chain, choice)?))))
}

impl Source {
    /// Returns the schema of every batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        match self {
            Source::Batches(waiting) => waiting.schema(),
            Source::Demo(demo) => demo.schema(),
        }
    }

    /// Returns the rows of one pass over the source, if known.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        match self {
            Source::Batches(waiting) => waiting.rows(),
            Source::Demo(demo) => Some(demo.rows()),
        }
    }

    /// Starts again from the beginning.
    pub fn rewind(&mut self) -> Result<(), SourceError> {
        match self {
            Source::Batches(waiting) => waiting.rewind(),
            Source::Demo(demo) => {
                demo.rewind();
                Ok(())
            }
        }
    }
}
