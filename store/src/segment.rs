//! Segments: frozen files of Arrow messages, how they are made, and how they are checked.
//!
//! A segment holds encapsulated Arrow IPC messages one after the other: dictionaries and batches, never a schema. The
//! segments of one put or append are self-contained: every dictionary that they refer to is among them.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use bowstring_codec::decode::{Decoder, MessageKind, ReadError};
use bowstring_codec::interop::share;
use bowstring_codec::{Dictionaries, EncodeError, Encoder, LayoutError, OnGrowth, Plan};
use bowstring_transport::region::{Appender, FrozenView};
use bowstring_transport::{OsError, RegionFault};

/// Bytes of rows converted at a time: few enough to stay in the processor's cache until they are written.
const PIECE: usize = 1 << 20;

/// A frozen file of messages.
#[derive(Debug)]
pub struct Segment {
    /// The file.
    pub fd: OwnedFd,
    /// Bytes of it that hold messages.
    pub len: u64,
    /// The number of rows of its batches.
    pub rows: u64,
}

/// A schema's message and segments of its rows, ready to be put.
#[derive(Debug)]
pub struct Segments {
    /// The encapsulated schema message.
    pub schema: Arc<[u8]>,
    /// The segments in their order.
    pub list: Vec<Segment>,
}

impl Segments {
    /// Returns the rows of all segments.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.list.iter().map(|segment| segment.rows).sum()
    }

    /// Returns the bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.list.iter().map(|segment| segment.len).sum()
    }
}

/// Reasons why rows could not be converted to a segment.
#[derive(Debug)]
#[non_exhaustive]
pub enum MakeError {
    /// Arrow IPC cannot represent the schema.
    Layout(LayoutError),
    /// A batch could not be encoded.
    Encode(EncodeError),
    /// The host has no memory for it, or does not let this process have it.
    Host(OsError),
    /// The table would be larger than allowed.
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
}

impl fmt::Display for MakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::TooLarge { limit } => write!(f, "larger than max_table_size, {limit} bytes"),
        }
    }
}

impl std::error::Error for MakeError {}

impl From<OsError> for MakeError {
    fn from(error: OsError) -> Self {
        Self::Host(error)
    }
}

impl From<EncodeError> for MakeError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// Writes batches into one segment.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// use bowstring_store::SegmentWriter;
/// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)])?;
/// let mut writer = SegmentWriter::new(batch.schema())?;
/// writer.write(&batch)?;
/// assert_eq!(writer.finish()?.rows(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SegmentWriter {
    file: Appender,
    encoder: Encoder,
    sent: Dictionaries,
    scratch: Vec<u8>,
    rows: u64,
    limit: u64,
}

impl SegmentWriter {
    /// Begins a segment of batches of this schema.
    pub fn new(schema: SchemaRef) -> Result<SegmentWriter, MakeError> {
        let plan = Plan::new(schema).map_err(MakeError::Layout)?;
        Ok(SegmentWriter {
            file: Appender::create(c"bowstring-segment")?,
            sent: Dictionaries::new(plan.clone(), OnGrowth::Delta),
            encoder: Encoder::new(plan),
            scratch: Vec::new(),
            rows: 0,
            limit: u64::MAX,
        })
    }

    /// Limits the segment to this many bytes.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> SegmentWriter {
        self.limit = bytes;
        self
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.encoder.plan().schema()
    }

    /// Writes a batch. After an error the segment is unusable.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), MakeError> {
        let mut updates = Vec::new();
        self.sent.updates(batch, &mut updates)?;
        for update in updates {
            let len = self.encoder.dictionary_len(update.index, &update.values)?;
            let region = aligned(&mut self.scratch, len);
            self.encoder.encode_dictionary(update.index, &update.values, update.delta, region)?;
            append(&mut self.file, region, self.limit)?;
            self.sent.note(update);
        }
        let Self { file, encoder, limit, .. } = self;
        let (limit, start) = (*limit, file.len());
        encoder.encode_to(batch, |at, parts| {
            let at = start.saturating_add(at);
            let len: usize = parts.iter().map(|part| part.len()).sum();
            check_limit(at, len, limit)?;
            Ok::<_, MakeError>(file.write(at, parts)?)
        })?;
        self.rows += batch.num_rows() as u64;
        if self.scratch.len() > 16 * PIECE {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    /// Returns the bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.len() as u64
    }

    /// Returns the rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Seals the segment. Without rows there is none.
    pub fn finish(self) -> Result<Segments, MakeError> {
        let schema = self.encoder.plan().schema_message().into();
        if self.file.is_empty() {
            return Ok(Segments { schema, list: Vec::new() });
        }
        let (len, rows) = (self.file.len() as u64, self.rows);
        let fd = self.file.freeze()?.into_fd();
        Ok(Segments { schema, list: vec![Segment { fd, len, rows }] })
    }
}

fn append(file: &mut Appender, bytes: &[u8], limit: u64) -> Result<(), MakeError> {
    check_limit(file.len(), bytes.len(), limit)?;
    Ok(file.append(bytes)?)
}

fn check_limit(at: usize, len: usize, limit: u64) -> Result<(), MakeError> {
    if (at as u64).saturating_add(len as u64) > limit { Err(MakeError::TooLarge { limit }) } else { Ok(()) }
}

/// Returns `len` bytes of the buffer that begin at a multiple of 64.
fn aligned(scratch: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let room = len.saturating_add(64);
    if scratch.len() < room {
        scratch.resize(room, 0);
    }
    let start = scratch.as_ptr().addr().next_multiple_of(64) - scratch.as_ptr().addr();
    &mut scratch[start..start + len]
}

/// Freezes a copy of bytes, such as a schema too long for a datagram.
pub(crate) fn freeze(bytes: &[u8]) -> Result<OwnedFd, OsError> {
    let mut file = Appender::create(c"bowstring-schema")?;
    file.append(bytes)?;
    Ok(file.freeze()?.into_fd())
}

/// Faults of segments that a client put.
#[derive(Debug)]
#[non_exhaustive]
pub enum SegmentFault {
    /// The schema message is malformed.
    Schema(ReadError),
    /// The file is not frozen, too short, or has holes.
    Region {
        /// The index of the segment.
        segment: usize,
        /// The fault.
        fault: RegionFault,
    },
    /// A message is malformed.
    Message {
        /// The index of the segment.
        segment: usize,
        /// The byte at which the message begins.
        at: usize,
        /// The fault.
        error: ReadError,
    },
    /// A message that is neither a dictionary nor a batch.
    Kind {
        /// The index of the segment.
        segment: usize,
        /// The byte at which the message begins.
        at: usize,
    },
    /// A segment has a different number of rows than stated.
    Rows {
        /// The index of the segment.
        segment: usize,
        /// The number of rows that it has.
        found: u64,
        /// The number stated.
        stated: u64,
    },
    /// An empty segment.
    Empty {
        /// The index of the segment.
        segment: usize,
    },
    /// The check took longer than is allowed.
    Late,
}

impl fmt::Display for SegmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => write!(f, "the schema: {error}"),
            Self::Region { segment, fault } => write!(f, "segment {segment}: {fault}"),
            Self::Message { segment, at, error } => {
                write!(f, "segment {segment}, message at byte {at}: {error}")
            }
            Self::Kind { segment, at } => {
                write!(f, "segment {segment}, message at byte {at}: neither a dictionary nor a batch")
            }
            Self::Rows { segment, found, stated } => {
                write!(f, "segment {segment} has {found} rows, not {stated}")
            }
            Self::Empty { segment } => write!(f, "segment {segment} is empty"),
            Self::Late => f.write_str("checking it took longer than request_timeout"),
        }
    }
}

impl std::error::Error for SegmentFault {}

/// Returns a frozen file, mapped as it is read. Arrays made from it keep the mapping.
pub(crate) fn map(fd: &OwnedFd, len: u64) -> Result<Buffer, RegionFault> {
    let len = usize::try_from(len).ok().filter(|&len| isize::try_from(len).is_ok());
    let len = len.ok_or(RegionFault::Size { found: 0, wanted: u64::MAX })?;
    FrozenView::attach_lazily(fd.as_fd(), len).map(share)
}

/// Checks the segments of one put or append: their seals, and the structure of every message.
///
/// Only metadata are read, and dictionaries, whose values are checked in full. Readers check batches in full.
pub(crate) fn check(
    schema: &[u8],
    segments: &[Segment],
    deadline: Option<Instant>,
) -> Result<SchemaRef, SegmentFault> {
    let mut decoder = Decoder::from_schema_message(schema).map_err(SegmentFault::Schema)?;
    for (segment, Segment { fd, len, rows }) in segments.iter().enumerate() {
        if *len == 0 {
            return Err(SegmentFault::Empty { segment });
        }
        let memory = map(fd, *len).map_err(|fault| SegmentFault::Region { segment, fault })?;
        let (mut at, mut found) = (0, 0_u64);
        while at < memory.len() {
            let message = memory.slice(at);
            let in_message = |error| SegmentFault::Message { segment, at, error };
            let (kind, len) = decoder.measure(&message).map_err(in_message)?;
            match kind {
                MessageKind::Dictionary => {
                    decoder.dictionary(&message).map_err(in_message)?;
                }
                MessageKind::Batch => {
                    let batch = decoder.decode(&message).map_err(in_message)?;
                    found = found.saturating_add(batch.num_rows() as u64);
                }
                _ => return Err(SegmentFault::Kind { segment, at }),
            }
            // Messages are whole multiples of 8 bytes; `measure` has checked that all of it is there.
            at = at.saturating_add(len.max(1));
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(SegmentFault::Late);
            }
        }
        if found != *rows {
            return Err(SegmentFault::Rows { segment, found, stated: *rows });
        }
    }
    Ok(Arc::clone(decoder.schema()))
}

/// Merges the messages of several segments into one.
pub(crate) fn merge(parts: &[Arc<Segment>]) -> io::Result<Segment> {
    let mut file = Appender::create(c"bowstring-segment")?;
    let mut rows = 0;
    for part in parts {
        let memory = map(&part.fd, part.len).map_err(|fault| io::Error::other(fault.to_string()))?;
        for piece in memory.chunks(PIECE) {
            file.append(piece)?;
        }
        rows += part.rows;
    }
    let len = file.len() as u64;
    Ok(Segment { fd: file.freeze()?.into_fd(), len, rows })
}
