//! Reasons for refusing what another language hands in.

use std::fmt;

use arrow_schema::ArrowError;

use super::{MAX_DEPTH, MAX_FIELDS};

/// Reasons for refusing a struct of the C data interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CDataError {
    /// The struct was released, or never filled.
    Released,
    /// A pointer that must not be null is.
    Null(&'static str),
    /// A count or a length is impossible, or does not fit the type.
    Count {
        /// The name of the count.
        what: &'static str,
        /// The count found.
        found: i64,
    },
    /// Offsets fall, are negative, or point beyond their child.
    Offset {
        /// The index among the offsets.
        at: usize,
        /// The offset found.
        found: i64,
    },
    /// A name or a format is not UTF-8.
    NotUtf8,
    /// Types are nested deeper than [`MAX_DEPTH`], or there are more than [`MAX_FIELDS`] of them.
    TooDeep,
    /// Arrow's error about the type or the values.
    Arrow(String),
}

impl fmt::Display for CDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released => f.write_str("the struct was released, or never filled"),
            Self::Null(what) => write!(f, "the pointer to {what} is NULL"),
            Self::Count { what, found } => write!(f, "impossible {what}: {found}"),
            Self::Offset { at, found } => {
                write!(f, "offset {at} is {found}, which its neighbours or its child rule out")
            }
            Self::NotUtf8 => f.write_str("a name or a format is not UTF-8"),
            Self::TooDeep => {
                write!(
                    f,
                    "types are nested deeper than {MAX_DEPTH}, or there are more than {MAX_FIELDS} fields"
                )
            }
            Self::Arrow(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CDataError {}

impl From<ArrowError> for CDataError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}
