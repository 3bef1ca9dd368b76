//! Errors of several tables as one.

use std::fmt;

use arrow_schema::ArrowError;

use crate::{ReceiveError, SchemaMismatch};

/// Reasons why several tables are not one, or why one of them did not come to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum MergeError {
    /// There is no sender, or more than 2³¹.
    Count(usize),
    /// A sender's columns differ from those of the first.
    Schema {
        /// The sender.
        name: String,
        /// The first sender, whose columns were expected.
        first: String,
        /// The first column that differs.
        mismatch: SchemaMismatch,
    },
    /// The column for the senders' names is one of the table's.
    ColumnTaken(String),
    /// A sender's table did not come to its end.
    Receive {
        /// The place of the sender.
        place: usize,
        /// The sender.
        name: String,
        /// The error.
        error: ReceiveError,
    },
    /// There is no sender at this place.
    NoPlace(usize),
    /// The columns of a sender's next table differ from those of the one before.
    Changed {
        /// The sender.
        name: String,
        /// The first column that differs.
        mismatch: SchemaMismatch,
    },
    /// A sender's table has come to its end: see [`Merge::with_ends`](crate::Merge::with_ends).
    Ended {
        /// The place of the sender.
        place: usize,
    },
    /// Nothing came in time. Later batches can still be received.
    TimedOut,
    /// A descriptor to wake up by is readable. Later batches can still be received.
    Woken,
    /// A sender's batch does not fit the common schema. Nothing more is received from it.
    Arrow {
        /// The sender.
        name: String,
        /// The error.
        error: ArrowError,
    },
    /// Waiting failed.
    Poll(std::io::Error),
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "the tables of {count} senders cannot be one"),
            Self::Schema { name, first, mismatch } => {
                write!(f, "the table of {name:?} differs from that of {first:?}: {mismatch}")
            }
            Self::ColumnTaken(name) => write!(f, "the tables have a column {name:?} already"),
            Self::Receive { name, error, .. } => write!(f, "{name:?}: {error}"),
            Self::NoPlace(place) => write!(f, "there is no sender {place}"),
            Self::Changed { name, mismatch } => write!(f, "the next table of {name:?} differs: {mismatch}"),
            Self::Ended { place } => write!(f, "the table of sender {place} has ended"),
            Self::TimedOut => f.write_str("nothing came in time"),
            Self::Woken => f.write_str("woken up"),
            Self::Arrow { name, error } => write!(f, "{name:?}: {error}"),
            Self::Poll(error) => write!(f, "cannot wait for the senders: {error}"),
        }
    }
}

impl std::error::Error for MergeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Schema { mismatch, .. } | Self::Changed { mismatch, .. } => Some(mismatch),
            Self::Receive { error, .. } => Some(error),
            Self::Arrow { error, .. } => Some(error),
            Self::Poll(error) => Some(error),
            Self::Count(_)
            | Self::ColumnTaken(_)
            | Self::NoPlace(_)
            | Self::Ended { .. }
            | Self::TimedOut
            | Self::Woken => None,
        }
    }
}
