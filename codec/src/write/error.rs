//! Errors of writing a stream or a file.

use std::fmt;
use std::io;

use crate::encode::EncodeError;
use crate::error::LayoutError;

/// A stream or a file that could not be written further.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// Arrow IPC cannot represent the schema.
    Layout(LayoutError),
    /// The batch, or one of its dictionaries, could not be encoded.
    Encode(EncodeError),
    /// The batch replaces a dictionary (by index), which the file format does not allow.
    Replaced {
        /// The dictionary's place in [`Layout::dictionaries`](crate::Layout::dictionaries).
        index: usize,
    },
    /// The output failed.
    Io(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Replaced { index } => {
                write!(f, "dictionary {index} is replaced, which a file cannot express")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Layout(error) => Some(error),
            Self::Encode(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Replaced { .. } => None,
        }
    }
}

impl From<EncodeError> for WriteError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<LayoutError> for WriteError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
