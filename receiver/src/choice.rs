//! Chooses columns and rows, with errors in the words of the command line.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_query as query;
use bowstring_query::QueryError;

use crate::failure::Failure;

/// The columns and rows wanted of a table.
#[derive(Clone, Debug)]
pub(crate) struct Choice(query::Choice);

impl Choice {
    /// Finds the named columns in the schema; all of them if none is named.
    pub(crate) fn new(
        schema: &SchemaRef,
        names: &[String],
        limit: Option<u64>,
        condition: Option<&str>,
    ) -> Result<Choice, Failure> {
        query::Choice::new(schema, names, limit, condition).map(Choice).map_err(|refused| of(refused.error))
    }

    /// Returns the schema of the columns wanted.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    /// Returns the places of all columns that are looked at, or nothing if all are.
    pub(crate) fn needs(&self, counted: bool) -> Option<Vec<usize>> {
        self.0.needs(counted)
    }

    /// Returns true if nothing more is wanted.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.0.is_satisfied()
    }

    /// Returns the number of a batch's rows that are wanted, and counts them.
    pub(crate) fn rows(&mut self, rows: usize) -> usize {
        self.0.rows(rows)
    }

    /// Returns true if rows are wanted by what is in them.
    pub(crate) fn has_condition(&self) -> bool {
        self.0.has_condition()
    }

    /// Returns the wanted part of a batch.
    pub(crate) fn of<'b>(&mut self, batch: &'b RecordBatch) -> Result<Cow<'b, RecordBatch>, Failure> {
        self.0.of(batch).map_err(of)
    }
}

/// Returns the failure for a condition that is invalid or cannot be evaluated.
fn of(error: QueryError) -> Failure {
    match error {
        QueryError::NoColumn { name, there } => Failure::NoColumn { name, there },
        QueryError::Value(_) => Failure::Choice(error.to_string()),
        error => Failure::Usage {
            what: format!("--where: {error}"),
            advice: "write a SQL condition, such as \"size > 1e6 and backend in ('s3', 'ipfs')\"",
        },
    }
}
