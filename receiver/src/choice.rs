//! Chooses columns and rows.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use bowstring_query::{Condition, QueryError};

use crate::failure::Failure;

/// The columns and rows wanted of a table.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// Places in the table's schema; `None` if all are wanted.
    columns: Option<Vec<usize>>,
    /// The schema of what is wanted.
    schema: SchemaRef,
    /// Rows still wanted.
    left: u64,
    /// The condition on rows.
    condition: Option<Condition>,
}

impl Choice {
    /// Finds the named columns in the schema; all of them if none is named.
    pub(crate) fn new(
        schema: &SchemaRef,
        names: &[String],
        limit: Option<u64>,
        condition: Option<&str>,
    ) -> Result<Choice, Failure> {
        let left = limit.unwrap_or(u64::MAX);
        let condition = condition.map(|sql| Condition::parse(sql, schema)).transpose().map_err(refused)?;
        if names.is_empty() {
            return Ok(Choice { columns: None, schema: schema.clone(), left, condition });
        }
        let places = names.iter().map(|name| place(schema, name)).collect::<Result<Vec<_>, _>>()?;
        let fields: Vec<_> = places.iter().map(|&place| schema.fields()[place].clone()).collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        Ok(Choice { columns: Some(places), schema: schema.into(), left, condition })
    }

    /// Returns the schema of the columns wanted.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the places of all columns that are looked at; nothing if all are. Rows that are only counted need none of
    /// their own.
    pub(crate) fn needs(&self, counted: bool) -> Option<Vec<usize>> {
        let mut needed = match &self.columns {
            Some(columns) => columns.clone(),
            None if counted => Vec::new(),
            None => return None,
        };
        needed.extend(self.condition.iter().flat_map(Condition::columns));
        needed.sort_unstable();
        needed.dedup();
        Some(needed)
    }

    /// Returns true if nothing more is wanted.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.left == 0
    }

    /// Returns the number of a batch's rows that are wanted, and counts them.
    pub(crate) fn rows(&mut self, rows: usize) -> usize {
        let wanted = usize::try_from(self.left).map_or(rows, |left| rows.min(left));
        self.left -= wanted as u64;
        wanted
    }

    /// Returns true if rows are wanted by what is in them.
    pub(crate) fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// Returns the wanted part of a batch. Copies data only for the rows that a condition keeps.
    pub(crate) fn of<'b>(&mut self, batch: &'b RecordBatch) -> Result<Cow<'b, RecordBatch>, Failure> {
        let mut chosen = Cow::Borrowed(batch);
        if let Some(columns) = &self.columns {
            let projected = chosen.project(columns).map_err(|error| Failure::Choice(error.to_string()))?;
            chosen = Cow::Owned(projected);
        }
        if let Some(condition) = &self.condition {
            let mask = condition.mask(batch).map_err(refused)?;
            if mask.true_count() < batch.num_rows() {
                let kept = filter_record_batch(&chosen, &mask);
                chosen = Cow::Owned(kept.map_err(|error| Failure::Choice(error.to_string()))?);
            }
        }
        let rows = self.rows(chosen.num_rows());
        if rows < chosen.num_rows() {
            chosen = Cow::Owned(chosen.slice(0, rows));
        }
        Ok(chosen)
    }
}

/// Returns the failure for a condition that is invalid or cannot be evaluated.
fn refused(error: QueryError) -> Failure {
    match error {
        QueryError::NoColumn { name, there } => Failure::NoColumn { name, there },
        QueryError::Value(_) => Failure::Choice(error.to_string()),
        error => Failure::Usage {
            what: format!("--where: {error}"),
            advice: "write a SQL condition, such as \"size > 1e6 and backend in ('s3', 'ipfs')\"",
        },
    }
}

fn place(schema: &Schema, name: &str) -> Result<usize, Failure> {
    schema.fields().iter().position(|field| field.name() == name).ok_or_else(|| Failure::NoColumn {
        name: name.to_owned(),
        there: schema.fields().iter().map(|field| field.name().clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use arrow_array::Int32Array;
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let column = |start| Arc::new(Int32Array::from_iter_values(start..start + 3)) as _;
        RecordBatch::try_from_iter([("a", column(0)), ("b", column(10)), ("c", column(20))]).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn columns_come_in_the_order_named() {
        let batch = batch();
        let mut choice = Choice::new(&batch.schema(), &names(&["c", "a"]), None, None).unwrap();
        let chosen = choice.of(&batch).unwrap();
        assert_eq!(chosen.schema(), *choice.schema());
        assert_eq!(*chosen, batch.project(&[2, 0]).unwrap());
    }

    #[test]
    fn an_unknown_column_is_refused_with_those_that_are_there() {
        let refused = Choice::new(&batch().schema(), &names(&["a", "z"]), None, None).unwrap_err();
        assert!(
            matches!(refused, Failure::NoColumn { name, there } if name == "z" && there == names(&["a", "b", "c"]))
        );
    }

    #[test]
    fn a_condition_may_use_columns_that_are_not_wanted() {
        let batch = batch();
        let mut choice =
            Choice::new(&batch.schema(), &names(&["c"]), Some(1), Some("a > 0 and b < 99")).unwrap();
        assert_eq!(*choice.of(&batch).unwrap(), batch.project(&[2]).unwrap().slice(1, 1));
        assert!(choice.is_satisfied());
        let refused = |sql| Choice::new(&batch.schema(), &[], None, Some(sql)).unwrap_err();
        assert!(matches!(refused("z > 0"), Failure::NoColumn { .. }));
        assert!(matches!(refused("a >"), Failure::Usage { .. }));
    }

    #[test]
    fn a_limit_may_end_within_a_batch() {
        let batch = batch();
        let mut choice = Choice::new(&batch.schema(), &[], Some(4), None).unwrap();
        assert_eq!(choice.of(&batch).unwrap().num_rows(), 3);
        assert!(!choice.is_satisfied());
        assert_eq!(*choice.of(&batch).unwrap(), batch.slice(0, 1));
        assert!(choice.is_satisfied());
    }
}
