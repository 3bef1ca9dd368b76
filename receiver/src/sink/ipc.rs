//! Arrow IPC: a stream, or a file with a footer.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::{FileWriter, OnGrowth, Plan, StreamWriter, WriteError};

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Writes an Arrow IPC stream.
#[derive(Debug)]
pub(super) struct Stream {
    writer: StreamWriter<Output>,
    watch: Watch,
}

impl Stream {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<Stream, Failure> {
        let watch = output.watch();
        let plan = Plan::new(schema.clone()).map_err(|error| watch.explain(error))?;
        let writer = StreamWriter::new(output, plan, OnGrowth::Replace);
        Ok(Stream { writer: writer.map_err(|error| watch.explain(error))?, watch })
    }
}

impl Sink for Stream {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(|error| self.watch.explain(error))?;
        self.writer.get_mut().flush().map_err(|error| self.watch.explain(error))
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn finish(self: Box<Self>, end: End) -> Result<(), Failure> {
        match end {
            End::Whole | End::Partial(_) => {
                self.writer.finish().map_err(|error| self.watch.explain(error))?.finish()
            }
            // Without its end mark: who reads it on a pipe can tell.
            End::BrokenOff => Ok(()),
        }
    }
}

/// Writes an Arrow IPC file.
#[derive(Debug)]
pub(super) struct File {
    writer: FileWriter<Output>,
    watch: Watch,
}

impl File {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<File, Failure> {
        let watch = output.watch();
        let plan = Plan::new(schema.clone()).map_err(|error| watch.explain(error))?;
        let writer = FileWriter::new(output, plan, OnGrowth::Delta);
        Ok(File { writer: writer.map_err(|error| watch.explain(error))?, watch })
    }
}

impl Sink for File {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(|error| match error {
            WriteError::Replaced { .. } => Failure::ReplacedDictionary,
            error => self.watch.explain(error),
        })
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        if let End::Partial(missing) = end {
            missing.metadata().for_each(|(key, value)| self.writer.set_metadata(key, value));
        }
        match end {
            End::Whole | End::Partial(_) => {
                self.writer.finish().map_err(|error| self.watch.explain(error))?.finish()
            }
            End::BrokenOff => Ok(()),
        }
    }
}
