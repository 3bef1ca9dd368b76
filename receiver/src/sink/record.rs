//! `--record`: tables with the times at which their batches arrived.
//!
//! The recording of one table is an Arrow IPC stream of it. The custom metadata of each record batch has
//! `bowstring.arrived`: nanoseconds since 1970. `sender --replay` reads it; every other reader of Arrow streams reads the
//! rows.
//!
//! The recording of several is an Arrow stream too, with a row for each batch of any of them: the `channel`, when it
//! `arrived`, and the `messages` that it takes in the channel's own stream, made like that of one table. Rows without an arrival
//! hold the channels' schemas, which come first, and their ends. So the messages of a channel, joined, are a stream that
//! every reader reads.
//!
//! Either is flushed with each batch to a file that is there from the beginning. One that breaks off is kept: it is what
//! came until then, and whoever is killed leaves it without an end.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arrow_array::{LargeBinaryArray, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bowstring::codec::{OnGrowth, Plan, StreamWriter, tag_batches};

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// The key of a batch's arrival.
const ARRIVED: &str = "bowstring.arrived";

/// The key of the number of channels, in the schema of a recording of several.
const CHANNELS: &str = "bowstring.channels";

/// Writes a recording of one table.
pub(super) struct Record {
    /// Writes into memory, where batches are given their times.
    writer: StreamWriter<Vec<u8>>,
    output: Output,
    watch: Watch,
    clock: Clock,
}

impl Record {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<Record, Failure> {
        let watch = output.watch();
        Ok(Record { writer: stream(schema, &watch)?, output, watch, clock: Clock::start() })
    }
}

impl Sink for Record {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let messages = timed(&mut self.writer, batch, self.clock.now(), &self.watch)?;
        self.output.write_all(&messages).map_err(|error| self.watch.explain(error))?;
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

/// Writes a recording of several channels, whose threads share it.
#[derive(Clone)]
pub(crate) struct Recording {
    file: Arc<Mutex<File>>,
    watch: Watch,
    clock: Clock,
}

/// The file of a recording of several channels.
struct File {
    writer: StreamWriter<Output>,
    schema: SchemaRef,
}

impl Recording {
    pub(crate) fn create(path: &Path, channels: usize, stop: Arc<AtomicBool>) -> Result<Recording, Failure> {
        let output = Output::create_kept(path, stop)?;
        let watch = output.watch();
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let fields = vec![
            Field::new("channel", DataType::Utf8, false),
            Field::new("arrived", nanoseconds, true),
            Field::new("messages", DataType::LargeBinary, false),
        ];
        let metadata = HashMap::from([(CHANNELS.to_owned(), channels.to_string())]);
        let schema: SchemaRef = Schema::new_with_metadata(fields, metadata).into();
        let plan = Plan::new(schema.clone()).map_err(|error| watch.explain(error))?;
        let writer = StreamWriter::new(output, plan, OnGrowth::Replace);
        let writer = writer.map_err(|error| watch.explain(error))?;
        Ok(Recording { file: Arc::new(Mutex::new(File { writer, schema })), watch, clock: Clock::start() })
    }

    /// Begins a channel: all must have begun before the first of them gets a batch.
    pub(crate) fn begin(&self, name: &str, schema: &SchemaRef) -> Result<Channel, Failure> {
        let mut writer = stream(schema, &self.watch)?;
        let first = std::mem::take(writer.get_mut());
        let channel = Channel { recording: self.clone(), name: name.to_owned(), writer };
        channel.recording.file().add(&channel.name, None, first, &self.watch)?;
        Ok(channel)
    }

    /// Ends the recording, and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Recording { file, watch, .. } = self;
        let Some(file) = Arc::into_inner(file) else { return Ok(()) };
        let File { writer, .. } = file.into_inner().unwrap_or_else(PoisonError::into_inner);
        writer.finish().map_err(|error| watch.explain(error))?.finish()
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    /// Adds a row, and writes it out.
    fn add(
        &mut self,
        channel: &str,
        arrived: Option<u128>,
        messages: Vec<u8>,
        watch: &Watch,
    ) -> Result<(), Failure> {
        let arrived = arrived.map(|arrived| i64::try_from(arrived).unwrap_or(i64::MAX));
        let offsets = OffsetBuffer::from_lengths([messages.len()]);
        let messages = LargeBinaryArray::new(offsets, Buffer::from_vec(messages), None);
        let columns: Vec<arrow_array::ArrayRef> = vec![
            Arc::new(StringArray::from(vec![channel])),
            Arc::new(TimestampNanosecondArray::from(vec![arrived]).with_timezone("UTC")),
            Arc::new(messages),
        ];
        let row = RecordBatch::try_new(self.schema.clone(), columns);
        let row = row.map_err(|error| watch.explain(error))?;
        self.writer.write(&row).map_err(|error| watch.explain(error))?;
        self.writer.get_mut().flush().map_err(|error| watch.explain(error))
    }
}

/// A channel of a recording.
pub(crate) struct Channel {
    recording: Recording,
    name: String,
    /// Writes the channel's own stream, into memory.
    writer: StreamWriter<Vec<u8>>,
}

impl Sink for Channel {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let Channel { recording: Recording { file, watch, clock }, name, writer } = self;
        // The clock is read under the lock, so that rows are in the order of their times.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = clock.now();
        let messages = timed(writer, batch, arrived, watch)?;
        file.add(name, Some(arrived), messages, watch)
    }

    fn takes_whole(&self) -> bool {
        true
    }

    fn finish(self: Box<Self>, _: End) -> Result<(), Failure> {
        let Channel { recording, name, writer } = *self;
        let rest = writer.finish().map_err(|error| recording.watch.explain(error))?;
        recording.file().add(&name, None, rest, &recording.watch)
    }
}

/// The clock of the wall once, and from then on one that never goes back.
#[derive(Clone, Copy)]
struct Clock(u128, Instant);

impl Clock {
    fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock(since.as_nanos(), Instant::now())
    }

    /// Returns nanoseconds since 1970.
    fn now(self) -> u128 {
        self.0 + self.1.elapsed().as_nanos()
    }
}

/// Begins a stream in memory.
fn stream(schema: &SchemaRef, watch: &Watch) -> Result<StreamWriter<Vec<u8>>, Failure> {
    let plan = Plan::new(schema.clone()).map_err(|error| watch.explain(error))?;
    StreamWriter::new(Vec::new(), plan, OnGrowth::Replace).map_err(|error| watch.explain(error))
}

/// Returns what a stream has grown by: the messages of a batch, with its time.
fn timed(
    writer: &mut StreamWriter<Vec<u8>>,
    batch: &RecordBatch,
    arrived: u128,
    watch: &Watch,
) -> Result<Vec<u8>, Failure> {
    writer.write(batch).map_err(|error| watch.explain(error))?;
    let messages = std::mem::take(writer.get_mut());
    tag_batches(&messages, &[(ARRIVED, &arrived.to_string())]).map_err(|error| watch.explain(error))
}
