//! One channel out of a recording of several.
//!
//! Such a recording is an Arrow stream too, of three columns: `channel`, `arrived` and `messages`. The messages of a
//! channel, row after row, are an Arrow stream of its own: its schema in a row without an arrival, then each batch
//! with what it needs, then its end. The rows with the schemas come first; the metadata says how many they are.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Schema, TimeUnit};
use bowstring::codec::interop::Align;
use bowstring::codec::read::{IoError, IoReader};

use super::{Clock, is_cut, open};
use crate::SourceError;
use crate::error::name;

/// The key of the number of channels, in the metadata of the schema of a recording of several.
const CHANNELS: &str = "bowstring.channels";

/// The most channels of a recording.
const MOST: usize = 64;

/// Returns the names of the channels of a recording; none for a recording of one table.
pub fn channels(path: &Path) -> Result<Vec<String>, SourceError> {
    let name = name(path);
    let mut found: Vec<String> = Vec::new();
    let reader = IoReader::new(BufReader::new(open(path)?));
    let mut reader = reader.map_err(|error| SourceError::arrow(&name, &error))?;
    let Some(count) = count(&name, reader.schema())? else { return Ok(found) };
    while found.len() < count {
        let batch = match next(&mut reader) {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => return Err(SourceError::arrow(&name, &error)),
        };
        for channel in batch.column(0).as_string::<i32>().iter().flatten() {
            if !found.iter().any(|known| known == channel) {
                found.push(channel.to_owned());
            }
        }
    }
    match found.is_empty() {
        true => Err(SourceError::malformed(&name, "the recording ends before its first channel")),
        false => Ok(found),
    }
}

/// Returns the number of channels that a recording of several announces.
fn count(name: &str, schema: &Schema) -> Result<Option<usize>, SourceError> {
    let Some(count) = schema.metadata().get(CHANNELS) else { return Ok(None) };
    let wrong = |what: String| Err(SourceError::malformed(name, what));
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type()).collect();
    let as_written = matches!(
        types[..],
        [DataType::Utf8, DataType::Timestamp(TimeUnit::Nanosecond, _), DataType::LargeBinary]
    );
    match count.parse() {
        _ if !as_written => wrong("its columns are not those of a recording of channels".to_owned()),
        Ok(count @ 1..=MOST) => Ok(Some(count)),
        _ => wrong(format!("{CHANNELS} is {count:?}, and not a number from 1 to {MOST}")),
    }
}

/// Reads rows of the recording. One that is cut short ends there.
fn next(reader: &mut IoReader<BufReader<File>>) -> Result<Option<RecordBatch>, IoError> {
    match reader.next_record_batch(Align::Copy) {
        Ok(imported) => Ok(imported.map(|imported| imported.batch)),
        Err(error) if is_cut(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a channel's own stream.
pub(super) struct Channel {
    recording: IoReader<BufReader<File>>,
    /// The recording's name.
    name: String,
    channel: String,
    /// Messages of the channel that were not read yet.
    messages: VecDeque<Buffer>,
    /// Bytes of the first of them that were.
    read: usize,
    clock: Arc<Clock>,
}

impl Channel {
    pub(super) fn open(path: &Path, channel: &str, clock: Arc<Clock>) -> Result<Channel, SourceError> {
        let known = channels(path)?;
        if !known.iter().any(|known| known == channel) {
            let (path, known) = (name(path), known.join(", "));
            return Err(match known.is_empty() {
                true => SourceError::usage(format!("{path} is a recording of one table"))
                    .advise("leave --channel out"),
                false => SourceError::usage(format!("{path} has no channel {channel:?}"))
                    .advise(format!("its channels are: {known}")),
            });
        }
        let name = name(path);
        let recording = IoReader::new(BufReader::new(open(path)?));
        let recording = recording.map_err(|error| SourceError::arrow(&name, &error))?;
        // The file may have been replaced since it was looked at.
        if count(&name, recording.schema())?.is_none() {
            return Err(SourceError::malformed(&name, "the recording was replaced while it was opened"));
        }
        let channel = channel.to_owned();
        Ok(Channel { recording, name, channel, messages: VecDeque::new(), read: 0, clock })
    }

    /// Keeps what is the channel's. The first arrival of all channels is where the clock begins.
    fn take(&mut self, batch: &RecordBatch) {
        let names = batch.column(0).as_string::<i32>();
        let arrivals = batch.column(1).as_primitive::<TimestampNanosecondType>();
        let messages = batch.column(2).as_binary::<i64>();
        for row in 0..batch.num_rows() {
            if arrivals.is_valid(row) {
                self.clock.first.get_or_init(|| u64::try_from(arrivals.value(row)).unwrap_or(0));
            }
            if names.is_valid(row) && names.value(row) == self.channel && messages.is_valid(row) {
                let offsets = messages.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                self.messages.push_back(messages.values().slice_with_length(start, end - start));
            }
        }
    }
}

impl Read for Channel {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(message) = self.messages.front() {
                let left = &message[self.read..];
                if !left.is_empty() {
                    let count = left.len().min(into.len());
                    into[..count].copy_from_slice(&left[..count]);
                    self.read += count;
                    return Ok(count);
                }
                self.messages.pop_front();
                self.read = 0;
                continue;
            }
            match next(&mut self.recording) {
                Ok(Some(batch)) => self.take(&batch),
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(SourceError::arrow(&self.name, &error))),
            }
        }
    }
}
