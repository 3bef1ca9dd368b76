//! `--replay`: the batches of a recording, each when its time has come.
//!
//! A recording of one table is an Arrow stream of it, whose batches say when they arrived. One of several `channel`s
//! holds such a stream of each, in pieces. Either may lack its end, if its recorder was killed: everything complete is
//! sent, and [`Replaying::cut`] then says so.

mod channel;
mod words;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::decode::{FrameFault, ReadError};
use bowstring::codec::interop::{Align, ImportError};
use bowstring::codec::read::{IoError, IoReader};

use self::channel::Channel;
pub use self::channel::channels;
pub(crate) use self::words::{speed, time};
use crate::error::name;
use crate::{Next, SourceError};

/// The key of a batch's arrival, in nanoseconds since 1970: what `receiver --record` writes.
const ARRIVED: &str = "bowstring.arrived";

/// The end of an Arrow stream.
const END: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// The speed of a repetition: in thousandths of the recording's own pace, or as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(pub Option<u32>);

/// A recording to repeat, and the way to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The recording.
    pub path: PathBuf,
    /// The channel, of a recording of several.
    pub channel: Option<String>,
    /// The speed.
    pub speed: Speed,
    /// Leaves out what arrived earlier than this after the first batch of all channels.
    pub from: Duration,
    /// Leaves out what arrived later than this after it.
    pub to: Option<Duration>,
    /// Shared by the channels of a recording, so that they keep their distances.
    pub clock: Arc<Clock>,
}

/// The times that the channels of a recording have in common.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The arrival of the first batch of the recording.
    first: OnceLock<u64>,
    /// The time at which the first batch was asked for.
    began: OnceLock<Instant>,
}

/// A recording that is being repeated.
#[derive(Debug)]
pub struct Replaying {
    replay: Replay,
    reader: IoReader<Tail>,
    schema: SchemaRef,
    /// The batch that is next, and its time after the first one that is sent.
    next: Option<(RecordBatch, Duration)>,
    /// The bytes that end what was read, if they are no end of a stream.
    cut: Option<SourceError>,
}

impl Replaying {
    pub(crate) fn open(mut replay: Replay) -> Result<Replaying, SourceError> {
        // The one channel of a recording need not be named.
        if let ([only], None) = (&channels(&replay.path)?[..], &replay.channel) {
            replay.channel = Some(only.clone());
        }
        let bytes: Box<dyn Read + Send> = match &replay.channel {
            None => Box::new(BufReader::new(open(&replay.path)?)),
            Some(channel) => Box::new(Channel::open(&replay.path, channel, replay.clock.clone())?),
        };
        let reader = IoReader::new(Tail { bytes, last: END });
        let reader = reader.map_err(|error| wrong(&name(&replay.path), &error))?;
        let schema = reader.schema().clone();
        Ok(Replaying { replay, reader, schema, next: None, cut: None })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        let replay = Replay { clock: Arc::default(), ..self.replay.clone() };
        *self = Replaying::open(replay)?;
        Ok(())
    }

    /// Returns what is missing of a recording that came to an end without one.
    #[must_use]
    pub fn cut(&self) -> Option<&SourceError> {
        self.cut.as_ref()
    }

    /// Returns the next batch if its time has come.
    pub fn poll_next(&mut self) -> Result<Next, SourceError> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        if !self.pause().is_zero() {
            return Ok(Next::Idle);
        }
        Ok(self.next.take().map_or(Next::End, |(batch, _)| Next::Batch(batch)))
    }

    /// Returns the time until the next batch.
    pub fn pause(&mut self) -> Duration {
        let now = Instant::now();
        let began = *self.replay.clock.began.get_or_init(|| now);
        match (&self.next, self.replay.speed.0) {
            (Some((_, after)), Some(speed)) => {
                (began + after.mul_f64(1000.0 / f64::from(speed))).saturating_duration_since(now)
            }
            _ => Duration::ZERO,
        }
    }

    /// Reads the next batch that is to be sent.
    fn read(&mut self) -> Result<Option<(RecordBatch, Duration)>, SourceError> {
        let name = name(&self.replay.path);
        if self.cut.is_some() {
            return Ok(None);
        }
        loop {
            let (imported, pairs) = match self.reader.next_with_metadata(Align::Copy) {
                Ok(Some(read)) => read,
                Ok(None) if self.reader.source().last == END => return Ok(None),
                Ok(None) => {
                    self.cut = Some(cut(&name));
                    return Ok(None);
                }
                Err(error) if is_cut(&error) => {
                    self.cut = Some(cut(&name));
                    return Ok(None);
                }
                Err(error) => return Err(wrong(&name, &error)),
            };
            let arrived = pairs.get(ARRIVED).and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| {
                SourceError::malformed(&name, "a batch does not say when it arrived: this is no recording")
                    .advise(
                        "record with `receiver --record FILE`, or send the file as it is, without --replay",
                    )
            })?;
            let first = *self.replay.clock.first.get_or_init(|| arrived);
            let after = Duration::from_nanos(arrived.saturating_sub(first));
            if self.replay.to.is_some_and(|to| after > to) {
                return Ok(None);
            }
            if let Some(after) = after.checked_sub(self.replay.from) {
                return Ok(Some((imported.batch, after)));
            }
        }
    }
}

/// Bytes, of which the last are remembered.
struct Tail {
    bytes: Box<dyn Read + Send>,
    last: [u8; 8],
}

impl Read for Tail {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bytes.read(into)?;
        let new = &into[..read];
        match new.last_chunk() {
            Some(last) => self.last = *last,
            None => {
                self.last.rotate_left(read);
                let kept = self.last.len() - read;
                self.last[kept..].copy_from_slice(new);
            }
        }
        Ok(read)
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("last", &self.last).finish_non_exhaustive()
    }
}

fn open(path: &Path) -> Result<File, SourceError> {
    File::open(path).map_err(|error| SourceError::input(&name(path), &error))
}

/// True if the bytes ended within a message.
fn is_cut(error: &IoError) -> bool {
    let IoError::Import(ImportError::Read(read)) = error else { return false };
    matches!(read.innermost(), ReadError::Frame { fault: FrameFault::Truncated { .. }, .. })
}

fn cut(name: &str) -> SourceError {
    SourceError::malformed(
        name,
        "the recording has no end: its recorder was killed, or the file was cut short",
    )
    .advise("every batch that is complete was sent")
}

/// Returns the error of a recording that cannot be read: of a channel's own reader, or of the reader of its stream.
fn wrong(name: &str, error: &IoError) -> SourceError {
    if let IoError::Io(io) = error
        && let Some(source) = io.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>())
    {
        return source.clone();
    }
    SourceError::arrow(name, error)
}
