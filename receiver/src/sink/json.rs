//! One JSON object a line. Columns that are null are named all the same, so that every line has the same keys.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_json::WriterBuilder;
use arrow_json::writer::{LineDelimited, Writer};

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Writes JSON lines.
#[derive(Debug)]
pub(super) struct Json {
    writer: Writer<Output, LineDelimited>,
    watch: Watch,
}

impl Json {
    pub(super) fn new(output: Output) -> Json {
        let watch = output.watch();
        Json { writer: WriterBuilder::new().with_explicit_nulls(true).build(output), watch }
    }
}

impl Sink for Json {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(|error| self.watch.explain(error))?;
        // Whoever reads along sees what has come.
        self.writer.get_mut().flush().map_err(|error| self.watch.explain(error))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        if end == End::BrokenOff {
            return Ok(());
        }
        self.writer.finish().map_err(|error| self.watch.explain(error))?;
        self.writer.into_inner().finish()
    }
}
