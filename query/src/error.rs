//! Errors of a condition.

use std::fmt;

use arrow_schema::ArrowError;

/// Reasons why a condition could not be parsed, fitted to a schema, or evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// It is no SQL expression.
    Syntax(String),
    /// The schema has no such column.
    NoColumn {
        /// The name.
        name: String,
        /// The existing columns.
        there: Vec<String>,
    },
    /// Valid SQL that a condition does not support.
    Unsupported(String),
    /// Incompatible types.
    Type(String),
    /// A value that cannot be computed for some row, such as an overflowing sum.
    Value(String),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(why) => write!(f, "the condition is no SQL: {why}"),
            Self::NoColumn { name, there } => {
                write!(f, "there is no column {name:?}; there are: {}", there.join(", "))
            }
            Self::Unsupported(what) => write!(f, "a condition cannot have this: {what}"),
            Self::Type(why) => f.write_str(why),
            Self::Value(why) => write!(f, "the condition cannot be evaluated: {why}"),
        }
    }
}

impl std::error::Error for QueryError {}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        Self::Value(error.to_string())
    }
}

/// An error of a condition, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// The reason.
    pub error: QueryError,
    /// The byte of the condition at which the wrong part begins, from 0; `None` if that is not known, and for a column
    /// that is wanted and does not exist.
    pub at: Option<usize>,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for ConditionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<QueryError> for ConditionError {
    fn from(error: QueryError) -> Self {
        ConditionError { error, at: None }
    }
}

impl From<ConditionError> for QueryError {
    fn from(error: ConditionError) -> Self {
        error.error
    }
}
