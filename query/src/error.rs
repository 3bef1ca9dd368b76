//! What can be wrong with a condition.

use std::fmt;

use arrow_schema::ArrowError;

/// Why a condition could not be parsed, fitted to a schema, or evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// It is no SQL expression.
    Syntax(String),
    /// The schema has no such column.
    NoColumn {
        /// The name.
        name: String,
        /// The columns that there are.
        there: Vec<String>,
    },
    /// It is SQL, but nothing that a condition here may have.
    Unsupported(String),
    /// Types that do not go together.
    Type(String),
    /// A value that cannot be computed for some row, such as a sum that is too large.
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
