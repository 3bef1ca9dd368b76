//! Streams from an `io::Read`: a pipe, a socket, a file that is not mapped.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_schema::SchemaRef;

use super::fill::fill;
use crate::decode::{Decoder, MessageKind};
use crate::interop::{Align, ImportError, Imported};
use crate::message::flat::FlatTable;
use crate::message::metadata::Scratch;
use crate::message::{BatchFault, FrameFault, Limits, MetadataFault, ReadError};
use crate::wire::CONTINUATION;

/// The body of each message begins at a multiple of this, so that no buffer of a well-aligned writer is copied.
const BODY_ALIGN: usize = 64;

/// The most memory taken before any of the bytes have come.
const STEP: usize = 1 << 20;

/// Pairs of texts in a message's own metadata.
pub type CustomMetadata = HashMap<String, String>;

/// A stream that could not be read further.
#[derive(Debug)]
#[non_exhaustive]
pub enum IoError {
    /// The source failed.
    Io(io::Error),
    /// The data is malformed.
    Import(ImportError),
}

/// Reads a stream from its source, message by message.
///
/// Each message is read into memory of its own, of which its arrays are slices. Memory grows as bytes come, not
/// because a length announces them.
#[derive(Debug)]
pub struct IoReader<R> {
    source: R,
    decoder: Decoder,
    limits: Limits,
    /// Bytes read so far.
    at: usize,
    ended: bool,
}

/// The next item of a stream.
enum Next {
    /// A message, and the number of bytes that it took from the source.
    Message {
        kind: MessageKind,
        bytes: Buffer,
        len: usize,
    },
    End,
}

impl<R: Read> IoReader<R> {
    /// Opens a stream: reads its schema.
    pub fn new(source: R) -> Result<Self, IoError> {
        Self::new_within(source, Limits::default())
    }

    /// Opens a stream with the given limits.
    pub fn new_within(mut source: R, limits: Limits) -> Result<Self, IoError> {
        let mut open = || match next(&mut source, limits)? {
            Next::Message { bytes, len, .. } => {
                Ok((Decoder::from_schema_message_within(&bytes, limits)?, len))
            }
            Next::End => Err(ReadError::Frame { at: 0, fault: FrameFault::UnexpectedEnd }.into()),
        };
        let (decoder, at) = open().map_err(|error: IoError| error.in_message(0))?;
        Ok(Self { source, decoder, limits, at, ended: false })
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.decoder.schema()
    }

    /// Returns the source, which was read as far as the last message that was returned.
    #[must_use]
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Returns the next batch as Arrow arrays, fully checked, after any dictionaries before it. `None` at the end of
    /// the stream, which may be explicit or the end of the source between two messages.
    pub fn next_record_batch(&mut self, align: Align) -> Result<Option<Imported>, IoError> {
        let Some((at, bytes)) = self.next_batch()? else { return Ok(None) };
        let imported = self.decoder.record_batch(&bytes, align);
        Ok(Some(imported.map_err(|error| error.in_message(at))?))
    }

    /// Returns the next batch with the custom metadata of its message.
    pub fn next_with_metadata(
        &mut self,
        align: Align,
    ) -> Result<Option<(Imported, CustomMetadata)>, IoError> {
        let Some((at, bytes)) = self.next_batch()? else { return Ok(None) };
        let mut read = || {
            let view = self.decoder.decode(&bytes)?.validate()?;
            let pairs = view.custom_metadata()?;
            Ok((view.to_record_batch(&bytes, align)?, pairs))
        };
        Ok(Some(read().map_err(|error: ImportError| error.in_message(at))?))
    }

    /// Returns the next batch's position and message, after any dictionaries before it.
    fn next_batch(&mut self) -> Result<Option<(usize, Buffer)>, IoError> {
        while !self.ended {
            let at = self.at;
            let next = next(&mut self.source, self.limits).map_err(|error| error.in_message(at))?;
            let Next::Message { kind, bytes, len } = next else {
                self.ended = true;
                break;
            };
            self.at += len;
            let found = match kind {
                MessageKind::Batch => return Ok(Some((at, bytes))),
                MessageKind::Dictionary => {
                    self.decoder.dictionary(&bytes).map_err(|error| error.in_message(at))?;
                    continue;
                }
                MessageKind::Schema => 1,
                MessageKind::Other(tag) => tag,
                MessageKind::End => break,
            };
            let fault = MetadataFault::UnexpectedKind { expected: "dictionary or record batch", found };
            return Err(ReadError::Metadata { at: None, fault }.in_message(at).into());
        }
        Ok(None)
    }
}

/// A message whose body has not been read.
pub(super) struct Head {
    /// The frame and the metadata, after padding that aligns what follows.
    memory: MutableBuffer,
    /// The frame's offset.
    lead: usize,
    /// The metadata's offset.
    metadata: usize,
    kind: MessageKind,
    /// Bytes of the body.
    body: usize,
}

impl Head {
    /// Reads the next frame and metadata, if the source has not ended.
    pub(super) fn read(source: &mut impl Read, limits: Limits) -> Result<Option<Head>, IoError> {
        let mut prefix = [0; 8];
        match fill(source, &mut prefix[..4]).map_err(IoError::Io)? {
            0 => return Ok(None),
            4 => {}
            short => return Err(truncated(4, short)),
        }
        let mut prefix_len = 4;
        if prefix[..4] == CONTINUATION {
            prefix_len = 8;
            let read = fill(source, &mut prefix[4..]).map_err(IoError::Io)?;
            if read < 4 {
                return Err(truncated(8, 4 + read));
            }
        }
        let prefix = &prefix[..prefix_len];
        let length = i32::from_le_bytes(*prefix.last_chunk().unwrap_or(&[0; 4]));
        if length == 0 {
            return Ok(None);
        }
        let in_frame = |fault| IoError::from(ReadError::Frame { at: prefix_len - 4, fault });
        let length = usize::try_from(length).map_err(|_| in_frame(FrameFault::NegativeLength(length)))?;
        if length > limits.metadata {
            return Err(in_frame(FrameFault::MetadataTooLong { length, limit: limits.metadata }));
        }
        let lead = (prefix_len + length).next_multiple_of(BODY_ALIGN) - (prefix_len + length);
        let mut memory = MutableBuffer::from_len_zeroed(lead);
        memory.extend_from_slice(prefix);
        read_on(source, &mut memory, lead, length)?;
        let metadata = lead + prefix_len;
        let mut scratch = Scratch::default();
        let message = FlatTable::root(scratch.copy(&memory[metadata..]))?;
        let kind = MessageKind::of(message.header_type()?);
        let body = message.body_length()?;
        let body = usize::try_from(body)
            .map_err(|_| ReadError::metadata(MetadataFault::NegativeBodyLength(body)))?;
        Ok(Some(Head { memory, lead, metadata, kind, body }))
    }

    /// Returns the number of rows of this head's batch.
    pub(super) fn rows(&self) -> Result<usize, ReadError> {
        let mut scratch = Scratch::default();
        let message = FlatTable::root(scratch.copy(&self.memory[self.metadata..]))?;
        if self.kind != MessageKind::Batch {
            let found = message.header_type()?.0;
            return Err(ReadError::metadata(MetadataFault::UnexpectedKind {
                expected: "record batch",
                found,
            }));
        }
        let rows = message.batch()?.rows;
        usize::try_from(rows).map_err(|_| ReadError::Batch(BatchFault::NegativeRows(rows)))
    }

    /// Reads the body into well-aligned memory, and decompresses it if necessary and possible.
    pub(super) fn message(mut self, source: &mut impl Read) -> Result<(MessageKind, Buffer), IoError> {
        read_on(source, &mut self.memory, self.lead, self.body)?;
        let bytes = Buffer::from(self.memory).slice(self.lead);
        #[cfg(feature = "compression")]
        let bytes = match self.kind {
            MessageKind::Batch | MessageKind::Dictionary => super::inflate::message(bytes)?,
            _ => bytes,
        };
        Ok((self.kind, bytes))
    }
}

/// Reads one message, frame included, and returns it with the number of bytes taken from the source.
fn next(source: &mut impl Read, limits: Limits) -> Result<Next, IoError> {
    let Some(head) = Head::read(source, limits)? else { return Ok(Next::End) };
    let len = (head.memory.len() - head.lead).saturating_add(head.body);
    let (kind, bytes) = head.message(source)?;
    Ok(Next::Message { kind, bytes, len })
}

/// Reads `count` more bytes into `memory`, which grows as they come. The message begins at `lead`.
fn read_on(
    source: &mut impl Read,
    memory: &mut MutableBuffer,
    lead: usize,
    count: usize,
) -> Result<(), IoError> {
    let mut left = count;
    while left > 0 {
        let start = memory.len();
        let step = left.min(start.max(STEP));
        memory.resize(start + step, 0);
        let read = fill(source, &mut memory[start..]).map_err(IoError::Io)?;
        if read < step {
            let present = start - lead + read;
            return Err(truncated((start - lead).saturating_add(left), present));
        }
        left -= step;
    }
    Ok(())
}

fn truncated(needed: usize, present: usize) -> IoError {
    ReadError::Frame { at: present, fault: FrameFault::Truncated { needed, present } }.into()
}

impl IoError {
    pub(super) fn in_message(self, at: usize) -> Self {
        match self {
            Self::Import(error) => Self::Import(error.in_message(at)),
            io => io,
        }
    }
}

impl From<ReadError> for IoError {
    fn from(error: ReadError) -> Self {
        Self::Import(ImportError::Read(error))
    }
}

impl From<ImportError> for IoError {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Import(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Import(error) => Some(error),
        }
    }
}
