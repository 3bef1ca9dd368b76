//! Reads tables of several formats: files one after the other, standard input, or a demonstration.
//!
//! [`options`] has the command line options; [`open`] makes a [`Source`] of them. A `chain` joins inputs, a `window`
//! cuts out the requested rows, and there is a module for each format.

// claim: sources-memory, sources-memory-deep

mod chain;
mod compact;
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
mod position;
mod replay;
mod schema;
mod stream;
mod text;
mod third_party;
mod waiting;
mod window;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::chain::Chain;
pub use bowstring_compact::{Misfit, OnMisfit};

pub use crate::compact::{Compact, Sample};
pub use crate::demo::Demo;
pub use crate::error::{Kind, SourceError};
use crate::options::{Choice, Input, Reading};
pub use crate::position::Position;
pub use crate::replay::{Clock, Replay, Replaying, Speed, channels};
pub use crate::waiting::{Next, Waiting};
use crate::window::Window;

/// A source of rows.
#[derive(Debug)]

pub enum Source {
    /// Batches that exist before they are sent.
    Batches(Box<Waiting>),
    /// Batches that are generated where receivers read them.
    Demo(Box<Demo>),
    /// Batches of a recording, each with its time.
    Replay(Box<Replaying>),
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
    if let [Input::Replay(replay)] = inputs {
        return Ok(Source::Replay(Box::new(Replaying::open(replay.clone())?)));
    }
    let chain = Chain::open(inputs, reading)?;
    // The position says nothing about a part.
    if choice.batch.is_some() || choice.rows.is_some_and(|rows| rows.end.is_some()) {
        reading.position.set_size(None);
    }
    let mut window = Window::new(chain, choice)?;
    if let Some(compact) = reading.compact {
        window.compact(compact)?;
    }
    Ok(Source::Batches(Box::new(Waiting::new(window))))
}

impl Source {
    /// Returns the schema of every batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        match self {
            Source::Batches(waiting) => waiting.schema(),
            Source::Demo(demo) => demo.schema(),
            Source::Replay(replay) => replay.schema(),
        }
    }

    /// Returns the rows of one pass over the source, if known.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        match self {
            Source::Batches(waiting) => waiting.rows(),
            Source::Demo(demo) => Some(demo.rows()),
            Source::Replay(_) => None,
        }
    }

    /// Returns what became of each column, of the batches read so far, if smaller types were asked for.
    #[must_use]
    pub fn compacted(&self) -> Option<bowstring_compact::Report> {
        match self {
            Source::Batches(waiting) => {
                let report = waiting.compacted()?.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Some(report.clone())
            }
            Source::Demo(_) | Source::Replay(_) => None,
        }
    }

    /// Returns what is missing of an input that came to an end without one, although all that is there was read.
    #[must_use]
    pub fn cut(&self) -> Option<&SourceError> {
        match self {
            Source::Replay(replay) => replay.cut(),
            Source::Batches(_) | Source::Demo(_) => None,
        }
    }

    /// Once there are no more batches: goes on with the rows from the first on that did not fit smaller types, as a second
    /// table in the types of the input; returns the value that did not. There is one only where widening was asked for.
    pub fn widen(&mut self) -> Result<Option<Misfit>, SourceError> {
        match self {
            Source::Batches(waiting) => waiting.widen(),
            Source::Demo(_) | Source::Replay(_) => Ok(None),
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
            Source::Replay(replay) => replay.rewind(),
        }
    }
}
