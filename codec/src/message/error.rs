//! Errors of bytes from outside: the fault, and its position.
//!
//! Every fault here is the producer's (or of whoever carried the bytes), never the caller's and never this crate's.
//! The outer enum names the part of the message that is wrong and its position; the inner enums describe the fault.

use std::fmt;

use super::fault::{
    BatchFault, ColumnFault, DictionaryFault, FileFault, FrameFault, MetadataFault, SchemaFault,
};
use crate::error::LayoutError;

/// Bytes that were not accepted as Arrow data: the part that is wrong, and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The frame around a message. `at` counts bytes from the start of the input.
    Frame {
        /// The byte where the fault shows.
        at: usize,
        /// The fault found there.
        fault: FrameFault,
    },
    /// The flatbuffer that describes a message. `at` counts bytes from the start of the metadata, where known.
    Metadata {
        /// The byte of the metadata, if the fault has one.
        at: Option<usize>,
        /// The fault.
        fault: MetadataFault,
    },
    /// The schema's description of a column.
    Schema {
        /// Names from the column down to the field, joined by dots.
        path: Box<str>,
        /// The fault of the field.
        fault: SchemaFault,
    },
    /// A batch as a whole, before any single column.
    Batch(BatchFault),
    /// One column, or a field nested in it.
    Column {
        /// Names from the column down to the field, joined by dots.
        path: Box<str>,
        /// The fault of the field's data.
        fault: ColumnFault,
    },
    /// A dictionary message, or the lack of one.
    Dictionary {
        /// The id by which messages and schema refer to the dictionary.
        id: i64,
        /// The fault.
        fault: DictionaryFault,
    },
    /// The frame of the file format: magic, footer, blocks.
    File(FileFault),
    /// Any of the above, in a message that is part of a stream or file.
    Message {
        /// The byte of the stream or file at which the message begins.
        at: usize,
        /// The error within it; bytes there are counted from the start of the message.
        error: Box<ReadError>,
    },
}

impl ReadError {
    /// Returns the error without the messages around it.
    #[must_use]
    pub fn innermost(&self) -> &ReadError {
        match self {
            ReadError::Message { error, .. } => error.innermost(),
            other => other,
        }
    }

    /// Adds the position of the error's message in a stream or file.
    #[must_use]
    pub(crate) fn in_message(self, at: usize) -> Self {
        ReadError::Message { at, error: Box::new(self) }
    }

    pub(crate) fn frame((at, fault): (usize, FrameFault)) -> Self {
        ReadError::Frame { at, fault }
    }

    pub(crate) fn metadata(fault: MetadataFault) -> Self {
        ReadError::Metadata { at: None, fault }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Frame { at, fault } => write!(f, "frame, byte {at}: {fault}"),
            ReadError::Metadata { at: Some(at), fault } => write!(f, "metadata, byte {at}: {fault}"),
            ReadError::Metadata { at: None, fault } => write!(f, "metadata: {fault}"),
            ReadError::Schema { path, fault } => write!(f, "schema, field {path:?}: {fault}"),
            ReadError::Batch(fault) => write!(f, "batch: {fault}"),
            ReadError::Column { path, fault } => write!(f, "column {path:?}: {fault}"),
            ReadError::Dictionary { id, fault } => write!(f, "dictionary {id}: {fault}"),
            ReadError::File(fault) => write!(f, "file: {fault}"),
            ReadError::Message { at, error } => write!(f, "in the message at byte {at}: {error}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Frame { fault, .. } => Some(fault),
            ReadError::Metadata { fault, .. } => Some(fault),
            ReadError::Schema { fault, .. } => Some(fault),
            ReadError::Batch(fault) => Some(fault),
            ReadError::Column { fault, .. } => Some(fault),
            ReadError::Dictionary { fault, .. } => Some(fault),
            ReadError::File(fault) => Some(fault),
            ReadError::Message { error, .. } => Some(&**error),
        }
    }
}

impl From<LayoutError> for ReadError {
    fn from(LayoutError { path, fault }: LayoutError) -> Self {
        ReadError::Schema { path, fault: SchemaFault::Layout(fault) }
    }
}
