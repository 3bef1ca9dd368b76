//! Reasons that a sender's schema cannot be read as a row type.

use std::fmt;

use crate::SetUpError;

/// A column of the sender that does not fit the row type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The sender has no such column, and the field is not an `Option`.
    Missing {
        /// The column, below structs and lists with its path.
        column: String,
        /// The row's type.
        expected: String,
    },
    /// The column has a type that the field does not take.
    Type {
        /// The column.
        column: String,
        /// The row's type.
        expected: String,
        /// The sender's type.
        found: String,
    },
    /// The sender's column may be null, and the field is not an `Option`.
    Nullable {
        /// The column.
        column: String,
        /// The row's type.
        expected: String,
        /// The sender's type.
        found: String,
    },
    /// The sender has several columns of this name.
    Ambiguous {
        /// The column.
        column: String,
        /// The row's type.
        expected: String,
        /// The types of the sender's columns.
        found: String,
    },
}

impl Mismatch {
    /// The name of the column, below structs and lists with its path.
    #[must_use]
    pub fn column(&self) -> &str {
        match self {
            Self::Missing { column, .. }
            | Self::Type { column, .. }
            | Self::Nullable { column, .. }
            | Self::Ambiguous { column, .. } => column,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { column, expected } => write!(
                f,
                "column {column:?}: the row has {expected}, and the sender has no such column; an `Option` may be missing"
            ),
            Self::Type { column, expected, found } => {
                write!(f, "column {column:?}: the row has {expected}, and the sender has {found}")
            }
            Self::Nullable { column, expected, found } => write!(
                f,
                "column {column:?}: the row has {expected}, and the sender has {found} with nulls; make the field an `Option`"
            ),
            Self::Ambiguous { column, expected, found } => write!(
                f,
                "column {column:?}: the row has one of {expected}, and the sender has several: {found}"
            ),
        }
    }
}

impl std::error::Error for Mismatch {}

/// An error that kept a reader from connecting.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no channel.
    SetUp(SetUpError),
    /// The sender's schema cannot be read as these rows.
    Mismatch(Mismatch),
}

impl From<SetUpError> for ConnectError {
    fn from(error: SetUpError) -> Self {
        Self::SetUp(error)
    }
}

impl From<Mismatch> for ConnectError {
    fn from(error: Mismatch) -> Self {
        Self::Mismatch(error)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetUp(error) => error.fmt(f),
            Self::Mismatch(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::SetUp(error) => Some(error),
            Self::Mismatch(error) => Some(error),
        }
    }
}
