//! Making a segment of batches.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_codec::{Dictionaries, EncodeError, Encoder, LayoutError, OnGrowth, Plan};
use bowstring_transport::OsError;
use bowstring_transport::region::Appender;

use super::{PIECE, Segment, Segments};

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
