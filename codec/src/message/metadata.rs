//! Metadata: a private copy, of which nothing is believed before it is checked.
//!
//! The bytes are copied once into scratch memory of our own: if a peer changes them afterwards, nothing that was
//! checked changes. Scratch grows with bytes that are present, never with a number that announces them, and not past
//! a limit. Batches are read step by step ([`flat`](super::flat)); schemas and footers are verified as a whole by the
//! generated code, within bounds that keep the work in proportion to the bytes.

use arrow_ipc as ipc;
use flatbuffers::{InvalidFlatbuffer, VerifierOptions};

use crate::layout::MAX_DEPTH;
use crate::message::error::ReadError;
use crate::message::fault::{BatchFault, Compression, FrameFault, MetadataFault};
use crate::message::flat::{FlatTable, WireBatch, WireDictionary};
use crate::message::frame::{self, Frame};

/// Private memory that metadata is copied into.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    copy: Vec<u8>,
}

impl Scratch {
    /// Creates scratch that takes `bytes` of metadata without growing.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { copy: Vec::with_capacity(bytes) }
    }

    /// Copies `bytes` and returns the copy.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> &[u8] {
        self.copy.clear();
        self.copy.extend_from_slice(bytes);
        &self.copy
    }

    /// Returns the capacity in bytes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.copy.capacity()
    }

    /// Returns the last copy.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.copy
    }
}

/// One message, except its header: the places of its parts, and the version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'s, 'm> {
    /// The message's metadata, in scratch.
    pub(crate) metadata: &'s [u8],
    /// The message's table in it.
    pub(crate) message: FlatTable<'s>,
    /// The kind of its header.
    pub(crate) header: ipc::MessageHeader,
    /// The version of the format it was written in: a supported one.
    pub(crate) version: Version,
    /// The message's body.
    pub(crate) body: &'m [u8],
    /// The total length, frame and body included: where the next message begins.
    pub(crate) len: usize,
}

/// The supported versions of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Arrow 0.8 to 0.17. Unions (and run-end encoded columns, had there been any) have a validity buffer.
    V4,
    /// Arrow 1.0 and later.
    V5,
}

/// The item at the start of some bytes.
#[derive(Debug)]
pub(crate) enum Opened<'s, 'm> {
    /// An explicit end of the stream, `len` bytes long.
    End { len: usize },
    /// A message.
    Message(Envelope<'s, 'm>),
}

/// Copies and opens the message at the start of `bytes`.
pub(crate) fn open<'s, 'm>(
    bytes: &'m [u8],
    scratch: &'s mut Scratch,
    limit: usize,
) -> Result<Opened<'s, 'm>, ReadError> {
    let (metadata, metadata_at, body_at) = match frame::read(bytes).map_err(ReadError::frame)? {
        Frame::End { len } => return Ok(Opened::End { len }),
        Frame::Message { metadata, metadata_at, body } => (metadata, metadata_at, body),
    };
    if metadata.len() > limit {
        let fault = FrameFault::MetadataTooLong { length: metadata.len(), limit };
        return Err(ReadError::Frame { at: metadata_at - 4, fault });
    }
    let metadata = scratch.copy(metadata);
    let message = FlatTable::root(metadata)?;
    let version = version(message.version()?)?;
    let header = message.header_type()?;
    let length = message.body_length()?;
    let body_len = usize::try_from(length)
        .map_err(|_| ReadError::metadata(MetadataFault::NegativeBodyLength(length)))?;
    let needed = body_at.saturating_add(body_len);
    let body = bytes.get(body_at..needed).ok_or(ReadError::Frame {
        at: body_at,
        fault: FrameFault::Truncated { needed, present: bytes.len() },
    })?;
    Ok(Opened::Message(Envelope { metadata, message, header, version, body, len: needed }))
}

/// Verifies a message's flatbuffer.
pub(crate) fn message(metadata: &[u8]) -> Result<ipc::Message<'_>, ReadError> {
    ipc::root_as_message_with_opts(&limits(metadata.len()), metadata).map_err(corrupt)
}

/// Verifies a file footer's flatbuffer.
pub(crate) fn footer(bytes: &[u8]) -> Result<ipc::Footer<'_>, ReadError> {
    ipc::root_as_footer_with_opts(&limits(bytes.len()), bytes).map_err(corrupt)
}

/// Returns the version, if it is supported.
pub(crate) fn version(version: ipc::MetadataVersion) -> Result<Version, ReadError> {
    match version {
        ipc::MetadataVersion::V4 => Ok(Version::V4),
        ipc::MetadataVersion::V5 => Ok(Version::V5),
        other => Err(ReadError::metadata(MetadataFault::UnsupportedVersion(other.0))),
    }
}

/// Accepts the version of a file's footer, which does not affect its messages: each has its own. Some writers (those
/// of 0.14's golden files) left it at V1, the number's default.
pub(crate) fn footer_version(version: ipc::MetadataVersion) -> Result<(), ReadError> {
    match version.0 {
        0..=4 => Ok(()),
        other => Err(ReadError::metadata(MetadataFault::UnsupportedVersion(other))),
    }
}

impl<'s> Envelope<'s, '_> {
    /// Returns this message's record batch, with its body as it is in memory.
    pub(crate) fn batch(&self) -> Result<WireBatch<'s>, ReadError> {
        self.expect("record batch", ipc::MessageHeader::RecordBatch)?;
        let batch = self.message.batch()?;
        self.refuse_compressed(&batch)?;
        Ok(batch)
    }

    /// Returns this message's dictionary.
    pub(crate) fn dictionary(&self) -> Result<WireDictionary<'s>, ReadError> {
        self.expect("dictionary", ipc::MessageHeader::DictionaryBatch)?;
        self.message.dictionary()
    }

    /// Returns this message's schema, verified as a whole.
    pub(crate) fn schema(&self) -> Result<ipc::Schema<'s>, ReadError> {
        self.expect("schema", ipc::MessageHeader::Schema)?;
        let schema = message(self.metadata)?.header_as_schema();
        schema.ok_or(ReadError::metadata(MetadataFault::MissingField("header")))
    }

    fn expect(&self, expected: &'static str, header: ipc::MessageHeader) -> Result<(), ReadError> {
        if self.header == header {
            return Ok(());
        }
        Err(ReadError::metadata(MetadataFault::UnexpectedKind { expected, found: self.header.0 }))
    }

    /// Refuses a compressed body, declared in either of the two ways.
    pub(crate) fn refuse_compressed(&self, batch: &WireBatch<'_>) -> Result<(), ReadError> {
        let compression = match (batch.compression, self.version) {
            (Some(ipc::CompressionType::LZ4_FRAME), _) => Compression::Lz4Frame,
            (Some(ipc::CompressionType::ZSTD), _) => Compression::Zstd,
            (Some(other), _) => Compression::Unknown(other.0),
            // Arrow 0.17 compressed before there was a field to declare it.
            (None, Version::V4) => match experimental_compression(&message(self.metadata)?) {
                Some(compression) => compression,
                None => return Ok(()),
            },
            (None, Version::V5) => return Ok(()),
        };
        Err(ReadError::Batch(BatchFault::Compressed(compression)))
    }
}

fn experimental_compression(message: &ipc::Message<'_>) -> Option<Compression> {
    let entries = message.custom_metadata()?;
    let entry = entries.iter().find(|entry| entry.key() == Some("ARROW:experimental_compression"))?;
    Some(match entry.value() {
        Some(name) if name.eq_ignore_ascii_case("lz4") => Compression::Lz4Frame,
        Some(name) if name.eq_ignore_ascii_case("zstd") => Compression::Zstd,
        _ => Compression::Unknown(-1),
    })
}

/// Bounds for verifying metadata of `len` bytes, and so for reading it afterwards.
///
/// A table takes at least four bytes. Honest metadata shares vtables (and sometimes strings) between tables, which
/// are then counted each time they are reached, at some twenty bytes for a table of sixteen; more sharing than the
/// factor here is an attempt to make reading slow. The nesting of a schema is bounded by the layout: each level is
/// one table, and around it are the message, the schema, a type or a dictionary's index type.
fn limits(len: usize) -> VerifierOptions {
    VerifierOptions {
        max_depth: MAX_DEPTH + 8,
        max_tables: len / 4,
        max_apparent_size: len.saturating_mul(16),
        // Rust strings have lengths and need no terminator.
        ignore_missing_null_terminator: true,
    }
}

fn corrupt(error: InvalidFlatbuffer) -> ReadError {
    let (at, fault) = match error {
        InvalidFlatbuffer::MissingRequiredField { required, .. } => {
            let name = match required {
                std::borrow::Cow::Borrowed(name) => name,
                std::borrow::Cow::Owned(_) => "",
            };
            (None, MetadataFault::MissingField(name))
        }
        InvalidFlatbuffer::InconsistentUnion { .. } => (None, MetadataFault::InconsistentUnion),
        InvalidFlatbuffer::Utf8Error { range, .. } => (Some(range.start), MetadataFault::NotUtf8),
        InvalidFlatbuffer::MissingNullTerminator { range, .. } => {
            (Some(range.start), MetadataFault::NoTerminator)
        }
        InvalidFlatbuffer::Unaligned { position, .. } => (Some(position), MetadataFault::Unaligned),
        InvalidFlatbuffer::RangeOutOfBounds { range, .. } => (Some(range.start), MetadataFault::OutOfBounds),
        InvalidFlatbuffer::SignedOffsetOutOfBounds { position, .. } => {
            (Some(position), MetadataFault::OutOfBounds)
        }
        InvalidFlatbuffer::TooManyTables => (None, MetadataFault::TooManyTables),
        InvalidFlatbuffer::ApparentSizeTooLarge => (None, MetadataFault::TooLarge),
        InvalidFlatbuffer::DepthLimitReached => (None, MetadataFault::TooDeep),
    };
    ReadError::Metadata { at, fault }
}
