//! Puts Arrow columns into the smallest types that hold their values, without changing a value.
//!
//! | column | becomes |
//! |---|---|
//! | integers | the smallest integer type that holds all; booleans where all are 0 or 1 |
//! | floats | the smallest float type that holds all exactly, bit by bit |
//! | text | booleans where all are `true` or `false`; dates, times of day and timestamps where all have one ISO 8601 form; else a dictionary with the smallest key, where that is smaller |
//! | binary | a dictionary, where that is smaller |
//! | any, mostly null or constant for long | run-end encoded, where that takes less than half |
//! | any, all null | the type of nulls |
//! | nested, dictionaries, others | as it is |
//!
//! Every choice can be undone: [`Plan::restore`] gives back the same types and values.
//!
//! A [`Survey`] looks at all rows, or at a sample of them; its [`Plan`] then converts batch by batch. A value that the
//! survey did not see and that does not fit is a [`Misfit`]: nothing is rounded or cut. The rows from there on may stay as
//! they are instead, as a second table ([`Plan::convert_fitting`], [`OnMisfit::Widen`]). A survey keeps no rows. For a column
//! of text it keeps at most 65 536 different values of 8 MiB in all, and gives up the dictionary beyond.
//!
//! ```
//! # use std::sync::Arc;
//! # use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
//! use bowstring_compact::compact;
//! # let price: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1000).map(|n| n % 100)));
//! # let city: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|n| ["Oslo", "Rome"][n % 2])));
//! # let batch = RecordBatch::try_from_iter([("price", price), ("city", city)])?;
//! let compacted = compact(&[batch])?;
//! assert_eq!(compacted.batches[0].schema().field(0).data_type().to_string(), "Int8");
//! assert!(compacted.report.bytes_before() > 5 * compacted.report.bytes_after());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! `survey` collects what is known of each column; `text` recognises forms of text; `decide` chooses types; `convert`
//! and `restore` go there and back; `report` has the bytes.

mod convert;
mod decide;
mod error;
mod report;
mod restore;
mod survey;
mod text;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use crate::decide::Plan;
pub use crate::error::{CompactError, Misfit};
pub use crate::report::{ColumnReport, Report};
pub use crate::survey::Survey;

/// A table in smaller types.
#[derive(Debug, Clone)]
pub struct Compacted {
    /// The schema of every batch.
    pub schema: SchemaRef,
    /// The batches.
    pub batches: Vec<RecordBatch>,
    /// The new form of each column, and the bytes saved.
    pub report: Report,
    /// The rows from the first on that did not fit, if types were decided over a sample and rows may stay as they are.
    pub rest: Option<Rest>,
}

/// Rows that follow a table in smaller types, in the types that they had: these hold every value.
#[derive(Debug, Clone)]
pub struct Rest {
    /// The first value that did not fit.
    pub misfit: Misfit,
    /// The batches, which have at least one row.
    pub batches: Vec<RecordBatch>,
}

/// The treatment of a value that does not fit the types that a sample led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMisfit {
    /// An error.
    #[default]
    Error,
    /// Its row and all that follow become a second table, in the types that they had.
    Widen,
}

/// Compacts a table whose batches have one schema. Types are decided over all of its rows.
pub fn compact(batches: &[RecordBatch]) -> Result<Compacted, CompactError> {
    let schema = match batches.first() {
        Some(first) => first.schema(),
        None => return Err(CompactError::NoBatches),
    };
    compact_as(&schema, batches)
}

/// Compacts a table of this schema, which may have no batches.
pub fn compact_as(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Compacted, CompactError> {
    compact_over(schema, batches, u64::MAX, OnMisfit::Error)
}

/// Compacts a table of this schema, with types that are decided over the first `sample` rows.
pub fn compact_over(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    sample: u64,
    on_misfit: OnMisfit,
) -> Result<Compacted, CompactError> {
    let mut survey = Survey::new(schema);
    for batch in batches {
        let left = usize::try_from(sample - survey.rows()).unwrap_or(usize::MAX);
        survey.look(&batch.slice(0, batch.num_rows().min(left)))?;
    }
    let mut plan = survey.decide()?;
    let mut done = Vec::with_capacity(batches.len());
    let mut rest: Option<Rest> = None;
    for batch in batches {
        if let Some(rest) = &mut rest {
            rest.batches.push(batch.clone());
            continue;
        }
        let (fitting, misfit) = match on_misfit {
            OnMisfit::Error => (plan.convert(batch)?, None),
            OnMisfit::Widen => plan.convert_fitting(batch)?,
        };
        let rows = fitting.num_rows();
        done.push(fitting);
        rest =
            misfit.map(|misfit| Rest { misfit, batches: vec![batch.slice(rows, batch.num_rows() - rows)] });
    }
    Ok(Compacted { schema: plan.schema().clone(), batches: done, report: plan.report(), rest })
}
