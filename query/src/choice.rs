//! Columns, rows by a condition, and a number of rows.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;

use crate::Condition;
use crate::error::{ConditionError, QueryError};

/// The columns and rows wanted of a table.
#[derive(Clone, Debug)]
pub struct Choice {
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
    /// Finds the named columns in the schema, in this order, or all of them if none is named, and fits the condition to
    /// it. The condition may use columns that are not named.
    pub fn new(
        schema: &SchemaRef,
        names: &[impl AsRef<str>],
        limit: Option<u64>,
        condition: Option<&str>,
    ) -> Result<Choice, ConditionError> {
        let left = limit.unwrap_or(u64::MAX);
        let condition = condition.map(|sql| Condition::parse(sql, schema)).transpose()?;
        if names.is_empty() {
            return Ok(Choice { columns: None, schema: schema.clone(), left, condition });
        }
        let places = names.iter().map(|name| place(schema, name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let fields: Vec<_> = places.iter().map(|&place| schema.fields()[place].clone()).collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        Ok(Choice { columns: Some(places), schema: schema.into(), left, condition })
    }

    /// Returns the schema of the columns wanted.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the places of all columns that are looked at; `None` if all are. Rows that are only counted need no columns
    /// but the condition's.
    #[must_use]
    pub fn needs(&self, counted: bool) -> Option<Vec<usize>> {
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
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.left == 0
    }

    /// Returns the number of a batch's rows that are wanted, and counts them.
    pub fn rows(&mut self, rows: usize) -> usize {
        let wanted = usize::try_from(self.left).map_or(rows, |left| rows.min(left));
        self.left -= wanted as u64;
        wanted
    }

    /// Returns true if rows are wanted by what is in them.
    #[must_use]
    pub fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// Returns the wanted part of a batch. Copies data only for the rows that a condition keeps.
    pub fn of<'b>(&mut self, batch: &'b RecordBatch) -> Result<Cow<'b, RecordBatch>, QueryError> {
        let mut chosen = Cow::Borrowed(batch);
        if let Some(columns) = &self.columns {
            chosen = Cow::Owned(chosen.project(columns)?);
        }
        if let Some(condition) = &self.condition {
            let mask = condition.mask(batch)?;
            if mask.true_count() < batch.num_rows() {
                chosen = Cow::Owned(filter_record_batch(&chosen, &mask)?);
            }
        }
        let rows = self.rows(chosen.num_rows());
        if rows < chosen.num_rows() {
            chosen = Cow::Owned(chosen.slice(0, rows));
        }
        Ok(chosen)
    }
}

fn place(schema: &Schema, name: &str) -> Result<usize, QueryError> {
    schema.fields().iter().position(|field| field.name() == name).ok_or_else(|| QueryError::NoColumn {
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

    const NONE: &[&str] = &[];

    fn batch() -> RecordBatch {
        let column = |start| Arc::new(Int32Array::from_iter_values(start..start + 3)) as _;
        RecordBatch::try_from_iter([("a", column(0)), ("b", column(10)), ("c", column(20))]).unwrap()
    }

    #[test]
    fn columns_come_in_the_order_named() {
        let batch = batch();
        let mut choice = Choice::new(&batch.schema(), &["c", "a"], None, None).unwrap();
        let chosen = choice.of(&batch).unwrap();
        assert_eq!(chosen.schema(), *choice.schema());
        assert_eq!(*chosen, batch.project(&[2, 0]).unwrap());
    }

    #[test]
    fn an_unknown_column_is_refused_with_those_that_are_there() {
        let refused = Choice::new(&batch().schema(), &["a", "z"], None, None).unwrap_err();
        assert!(
            matches!(&refused.error, QueryError::NoColumn { name, there } if name == "z" && *there == ["a", "b", "c"])
        );
    }

    #[test]
    fn a_condition_may_use_columns_that_are_not_wanted() {
        let batch = batch();
        let mut choice = Choice::new(&batch.schema(), &["c"], Some(1), Some("a > 0 and b < 99")).unwrap();
        assert_eq!(*choice.of(&batch).unwrap(), batch.project(&[2]).unwrap().slice(1, 1));
        assert!(choice.is_satisfied());
        let refused = |sql| Choice::new(&batch.schema(), NONE, None, Some(sql)).unwrap_err();
        assert!(matches!(refused("z > 0").error, QueryError::NoColumn { .. }));
        assert!(matches!(refused("a >").error, QueryError::Syntax(_)));
    }

    #[test]
    fn a_limit_may_end_within_a_batch() {
        let batch = batch();
        let mut choice = Choice::new(&batch.schema(), NONE, Some(4), None).unwrap();
        assert_eq!(choice.of(&batch).unwrap().num_rows(), 3);
        assert!(!choice.is_satisfied());
        assert_eq!(*choice.of(&batch).unwrap(), batch.slice(0, 1));
        assert!(choice.is_satisfied());
    }

    #[test]
    fn an_error_says_at_which_byte_it_is() {
        let at = |sql| Choice::new(&batch().schema(), NONE, None, Some(sql)).unwrap_err().at;
        assert_eq!(at("a >"), Some(3));
        assert_eq!(at("a = 1 b"), Some(6));
        assert_eq!(at("a > 'x"), Some(4));
        assert_eq!(at("a > 0 and\n  z = 1"), Some(12));
        assert_eq!(at("a < 1 or b like 'x%'"), Some(9));
        assert_eq!(at("a + 1"), None, "it is all of it");
        let absent = Choice::new(&batch().schema(), &["z"], None, None).unwrap_err();
        assert_eq!(absent.at, None);
    }
}
