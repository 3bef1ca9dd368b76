//! Where rows come from: files of several formats one after the other, standard input, or a demonstration.

mod chain;
mod csv;
mod demo;
mod file;
mod format;
pub mod fuzz;
mod input;
mod json;
mod parquet;
mod schema;
mod stream;
mod third_party;
mod window;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use self::chain::Chain;
pub(crate) use self::demo::Demo;
use self::window::Window;
use crate::failure::Failure;
use crate::plan::{Input, Plan};

/// What is sent.
#[derive(Debug)]
pub(crate) enum Source {
    /// Batches that exist before they are sent.
    Batches(Window),
    /// Batches that come into being where receivers read them.
    Demo(Demo),
}

/// Something that has batches.
pub(crate) trait Batches: std::fmt::Debug {
    /// The schema of every batch.
    fn schema(&self) -> &SchemaRef;

    /// All rows there are, if that is known beforehand.
    fn rows(&self) -> Option<u64> {
        None
    }

    /// Passes over up to `rows` rows from the beginning, as far as that is cheaper than reading them; answers how many.
    fn skip(&mut self, rows: u64) -> Result<u64, Failure> {
        let _ = rows;
        Ok(0)
    }

    /// Chooses one batch, to be the only one. Answers whether the input has batches of its own.
    fn choose(&mut self, batch: usize) -> Result<bool, Failure> {
        let _ = batch;
        Ok(false)
    }

    /// The next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, Failure>;
}

/// Opens what the plan names.
pub(crate) fn open(plan: &Plan) -> Result<Source, Failure> {
    if let [Input::Demo { rows }] = plan.inputs[..] {
        let (start, end) = match plan.choice.rows {
            Some(range) => (range.start.min(rows), range.end.unwrap_or(rows).min(rows)),
            None => (0, rows),
        };
        return Ok(Source::Demo(Demo::new(start..end, plan.reading.batch_rows)));
    }
    let chain = Chain::open(&plan.inputs, &plan.reading)?;
    Window::new(chain, plan.choice).map(Source::Batches)
}

impl Source {
    pub(crate) fn schema(&self) -> SchemaRef {
        match self {
            Source::Batches(window) => window.schema().clone(),
            Source::Demo(demo) => demo.schema(),
        }
    }

    /// Rows of one pass over the source, if that is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        match self {
            Source::Batches(window) => window.rows(),
            Source::Demo(demo) => Some(demo.rows()),
        }
    }

    /// Begins again.
    pub(crate) fn rewind(&mut self) -> Result<(), Failure> {
        match self {
            Source::Batches(window) => window.rewind(),
            Source::Demo(demo) => {
                demo.rewind();
                Ok(())
            }
        }
    }
}
