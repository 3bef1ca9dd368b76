//! `--record`: an Arrow IPC stream whose batches say when they arrived.
//!
//! The custom metadata of each record batch has `bowstring.arrived`: nanoseconds since 1970. `sender --replay` reads it;
//! every other reader of Arrow streams reads the rows. A recording that breaks off is kept: it is what came until then.

use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::{OnGrowth, Plan, StreamWriter, tag_batches};

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// The key of a batch's arrival.
const ARRIVED: &str = "bowstring.arrived";

/// Writes a recording.
pub(super) struct Record {
    /// Writes into memory, where batches are given their times.
    writer: StreamWriter<Vec<u8>>,
    output: Output,
    watch: Watch,
    /// The clock of the wall once, and from then on one that never goes back.
    began: (u128, Instant),
}

impl Record {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<Record, Failure> {
        let watch = output.watch();
        let plan = Plan::new(schema.clone()).map_err(|error| watch.explain(error))?;
        let writer = StreamWriter::new(Vec::new(), plan, OnGrowth::Replace);
        let writer = writer.map_err(|error| watch.explain(error))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Record { writer, output, watch, began: (since.as_nanos(), Instant::now()) })
    }
}

impl Sink for Record {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let arrived = self.began.0 + self.began.1.elapsed().as_nanos();
        self.writer.write(batch).map_err(|error| self.watch.explain(error))?;
        let messages = std::mem::take(self.writer.get_mut());
        let tagged = tag_batches(&messages, &[(ARRIVED, &arrived.to_string())]);
        let tagged = tagged.map_err(|error| self.watch.explain(error))?;
        self.output.write_all(&tagged).map_err(|error| self.watch.explain(error))?;
        self.output.flush().map_err(|error| self.watch.explain(error))
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn finish(mut self: Box<Self>, _: End) -> Result<(), Failure> {
        let rest = self.writer.finish().map_err(|error| self.watch.explain(error))?;
        self.output.write_all(&rest).map_err(|error| self.watch.explain(error))?;
        self.output.finish()
    }
}
