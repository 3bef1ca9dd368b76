//! Errors of surveys, plans and conversions.

use std::fmt;

use arrow_schema::{ArrowError, DataType};

/// A value that does not fit the type that a sample led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The column.
    pub column: String,
    /// The row, counted from 0 over all batches.
    pub row: u64,
    /// The value.
    pub value: String,
    /// The type that it does not fit.
    pub data_type: DataType,
    /// The rows that the type was decided over.
    pub sample: u64,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, row, value, data_type, sample } = self;
        write!(
            f,
            "row {row}, column {column:?}: {value} does not fit {data_type}, which the first {sample} rows led to"
        )
    }
}

impl std::error::Error for Misfit {}

/// An error that kept a table from being compacted.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompactError {
    /// A value does not fit the type that the sample led to.
    Misfit(Misfit),
    /// A batch has another schema than the survey.
    Schema {
        /// The first column that differs.
        column: String,
    },
    /// There is no batch, and so no schema.
    NoBatches,
    /// Arrow's kernels failed.
    Arrow(ArrowError),
}

impl From<Misfit> for CompactError {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}

impl From<ArrowError> for CompactError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

impl fmt::Display for CompactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(misfit) => misfit.fmt(f),
            Self::Schema { column } => write!(f, "column {column:?} is not as in the batches before"),
            Self::NoBatches => f.write_str("no batches, and so no schema"),
            Self::Arrow(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CompactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Misfit(misfit) => Some(misfit),
            Self::Arrow(error) => Some(error),
            _ => None,
        }
    }
}
