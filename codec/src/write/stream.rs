//! The stream format: a schema, then dictionaries and batches, then an end.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::dictionaries::OnGrowth;
use super::error::WriteError;
use super::messages::Messages;
use crate::plan::Plan;
use crate::wire::END_OF_STREAM;

/// Writes batches of one schema as a stream.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Int32Array, RecordBatch};
/// use bowstring_codec::{OnGrowth, Plan, StreamWriter};
///
/// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
/// let mut writer = StreamWriter::new(Vec::new(), Plan::new(batch.schema())?, OnGrowth::Replace)?;
/// writer.write(&batch)?;
/// let bytes: Vec<u8> = writer.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamWriter<W> {
    out: W,
    messages: Messages,
}

impl<W: Write> StreamWriter<W> {
    /// Begins a stream: writes its schema.
    pub fn new(mut out: W, plan: Arc<Plan>, on_growth: OnGrowth) -> Result<Self, WriteError> {
        out.write_all(plan.schema_message())?;
        Ok(Self { out, messages: Messages::new(plan, on_growth) })
    }

    /// Returns the plan of the stream's schema.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.messages.plan()
    }

    /// Writes the dictionaries that the batch needs, and the batch.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        let Self { out, messages } = self;
        messages.of(batch, true, |_, message| Ok(out.write_all(message)?))
    }

    /// Writes the end of the stream, flushes, and returns the output.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.out.write_all(&END_OF_STREAM)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Returns the output, for a flush between batches.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }
}
