//! SQL conditions over Arrow batches, such as `size > 1e6 and backend in ('s3', 'ipfs')`.
//!
//! A [`Condition`] is parsed and fitted to a schema once: unknown columns and incompatible types are errors before
//! any row is read. It is then evaluated with Arrow's kernels, some thousand rows at a time, so memory does not grow
//! with the table.
//!
//! The logic is SQL's, with three values: a row is kept if the condition is true, and not if it is false or null. Where
//! databases differ, this does as DuckDB does: NaN equals itself and is greater than every number, `/` divides into
//! floating point, and dividing integers by zero gives null.
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow_array::{Int64Array, RecordBatch, StringArray};
//! use bowstring_query::Condition;
//! # let batch = RecordBatch::try_from_iter([
//! #     ("size", Arc::new(Int64Array::from(vec![1, 2_000_000, 3_000_000])) as _),
//! #     ("backend", Arc::new(StringArray::from(vec!["s3", "s3", "disk"])) as _),
//! # ])?;
//! let condition = Condition::parse("size > 1e6 and backend in ('s3', 'ipfs')", &batch.schema())?;
//! assert_eq!(condition.filter(&batch)?.num_rows(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! [`Aggregates`] are the exception to rows in, rows out: `count(*), avg(price) by city`, in constant memory.
//!
//! [`Choice`] is a condition together with the columns and the number of rows that are wanted.
//!
//! `compile` turns SQL into the typed expressions of `node`, and `place` finds where in the text an error is; `types`
//! decides which types are compatible; `eval` evaluates expressions; `compare` compares floating-point numbers as DuckDB
//! does. What is compared with constants most often has loops of its own, in `bits`, `text` and `remainder`.

mod aggregate;
mod bits;
mod choice;
mod compare;
mod compile;
mod error;
mod eval;
mod node;
mod place;
mod remainder;
mod text;
mod types;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::{DataType, Schema};
use arrow_select::filter::filter_record_batch;

pub use crate::aggregate::Aggregates;
pub use crate::choice::Choice;
pub use crate::error::{ConditionError, QueryError};
use crate::node::Node;

/// Rows evaluated at a time: intermediate values stay in the processor's cache.
const WINDOW: usize = 1 << 14;

/// A condition on the rows of a schema.
#[derive(Clone, Debug)]
pub struct Condition {
    node: Node,
    columns: Vec<usize>,
}

impl Condition {
    /// Parses a condition and fits it to a schema.
    pub fn parse(sql: &str, schema: &Schema) -> Result<Condition, ConditionError> {
        let node = compile::compile(sql, schema)?;
        match node.data_type() {
            DataType::Boolean | DataType::Null => {}
            other => {
                let why = format!("a condition is true or false, and this is {other}");
                return Err(QueryError::Type(why).into());
            }
        }
        let mut columns = Vec::new();
        node.columns(&mut columns);
        columns.sort_unstable();
        columns.dedup();
        Ok(Condition { node, columns })
    }

    /// Returns the indices of the columns that the condition reads.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Evaluates the condition: for each row true, false or null.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray, QueryError> {
        let rows = batch.num_rows();
        if rows <= WINDOW {
            return eval::boolean(&self.node, batch);
        }
        let mut parts = Vec::with_capacity(rows.div_ceil(WINDOW));
        for start in (0..rows).step_by(WINDOW) {
            parts.push(eval::boolean(&self.node, &batch.slice(start, WINDOW.min(rows - start)))?);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part as _).collect();
        let whole = arrow_select::concat::concat(&parts)?;
        Ok(BooleanArray::from(whole.to_data()))
    }

    /// Returns the rows for which the condition is true; null counts as false.
    pub fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray, QueryError> {
        let rows = batch.num_rows();
        let mut bits = BooleanBufferBuilder::new(rows);
        for start in (0..rows).step_by(WINDOW) {
            let part = eval::boolean(&self.node, &batch.slice(start, WINDOW.min(rows - start)))?;
            match part.nulls().filter(|nulls| nulls.null_count() > 0) {
                Some(nulls) => bits.append_buffer(&(part.values() & nulls.inner())),
                None => bits.append_buffer(part.values()),
            }
        }
        Ok(BooleanArray::new(bits.finish(), None))
    }

    /// Returns the rows for which the condition is true. If that is all of them, nothing is copied.
    pub fn filter(&self, batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
        let mask = self.mask(batch)?;
        match mask.true_count() {
            0 => Ok(batch.slice(0, 0)),
            all if all == batch.num_rows() => Ok(batch.clone()),
            _ => Ok(filter_record_batch(batch, &mask)?),
        }
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
