//! Comma-separated values, with a header line.

use arrow_array::RecordBatch;
use arrow_csv::{Writer, WriterBuilder};
use arrow_schema::SchemaRef;

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Writes CSV.
#[derive(Debug)]
pub(super) struct Csv {
    writer: Writer<Output>,
    watch: Watch,
}

impl Csv {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<Csv, Failure> {
        let watch = output.watch();
        let mut writer = WriterBuilder::new().with_header(true).build(output);
        // The header comes with the first batch: a table without any still has one.
        let empty = RecordBatch::new_empty(schema.clone());
        writer.write(&empty).map_err(|error| watch.explain(error))?;
        Ok(Csv { writer, watch })
    }
}

impl Sink for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        // The writer flushes after each batch, so that whoever reads along sees what has come.
        self.writer.write(batch).map_err(|error| self.watch.explain(error))
    }

    fn finish(self: Box<Self>, end: End) -> Result<(), Failure> {
        match end {
            End::Whole => self.writer.into_inner().finish(),
            End::BrokenOff => Ok(()),
        }
    }
}
