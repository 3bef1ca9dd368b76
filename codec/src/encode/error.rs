//! Errors of writing a message.

use core::fmt;

/// A message that was not written. After an error the region's content is unusable, and it can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The caller's region does not begin at a multiple of 64 bytes; it is this many bytes beyond one.
    RegionMisaligned {
        /// Bytes past the last multiple of 64.
        by: usize,
    },
    /// The caller's region ends before the message does.
    RegionTooSmall {
        /// Bytes the message takes, as far as it was laid out when the region ended.
        needed: usize,
        /// Bytes the region has.
        given: usize,
    },
    /// The batch has another schema than the plan.
    WrongSchema {
        /// The first column that differs; the number of columns if that differs.
        column: usize,
    },
    /// An array is not of the type that its node in the plan has.
    WrongType {
        /// Index of the node in its [`Tree`](crate::layout::Tree).
        node: usize,
    },
    /// The plan has no dictionary of this index.
    NoDictionary {
        /// The index given.
        index: usize,
    },
    /// An array breaks the rules of its own type, so it was made by unsafe code.
    BrokenArray {
        /// Index of the node in its [`Tree`](crate::layout::Tree).
        node: usize,
    },
    /// The message is larger than memory can be.
    TooLarge,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionMisaligned { by } => write!(f, "region begins {by} bytes past a multiple of 64"),
            Self::RegionTooSmall { needed, given } => {
                write!(f, "region of {given} bytes is too small: the message takes {needed} or more")
            }
            Self::WrongSchema { column } => write!(f, "batch differs from the plan at column {column}"),
            Self::WrongType { node } => write!(f, "array of another type than node {node} of the plan"),
            Self::NoDictionary { index } => write!(f, "the plan has no dictionary {index}"),
            Self::BrokenArray { node } => write!(f, "array at node {node} breaks the rules of its type"),
            Self::TooLarge => f.write_str("message larger than memory can be"),
        }
    }
}

impl core::error::Error for EncodeError {}
