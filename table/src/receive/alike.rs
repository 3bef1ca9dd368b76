//! Schemas held against each other, column by column.

use std::fmt;

use arrow_schema::{FieldRef, Schema};

/// The first column in which a sender's schema differs from the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaMismatch {
    /// The place of the column, from 0 on.
    pub place: usize,
    /// The expected column; `None` if none was expected there.
    pub expected: Option<FieldRef>,
    /// The sender's column; `None` if it has none there.
    pub found: Option<FieldRef>,
}

impl SchemaMismatch {
    /// Checks that two schemas have the same columns: names, types, and whether they may be null. Metadata may differ.
    pub fn check(expected: &Schema, found: &Schema) -> Result<(), SchemaMismatch> {
        compare(expected, found, |expected, found| expected.is_nullable() == found.is_nullable())
    }

    /// Checks that two schemas have columns of the same names and types.
    pub(crate) fn check_types(expected: &Schema, found: &Schema) -> Result<(), SchemaMismatch> {
        compare(expected, found, |_, _| true)
    }
}

fn compare(
    expected: &Schema,
    found: &Schema,
    nulls: impl Fn(&FieldRef, &FieldRef) -> bool,
) -> Result<(), SchemaMismatch> {
    for place in 0..expected.fields().len().max(found.fields().len()) {
        let (expected, found) = (expected.fields().get(place), found.fields().get(place));
        let alike = |a: &FieldRef, b: &FieldRef| {
            a.name() == b.name() && a.data_type() == b.data_type() && nulls(a, b)
        };
        if !expected.zip(found).is_some_and(|(expected, found)| alike(expected, found)) {
            return Err(SchemaMismatch { place, expected: expected.cloned(), found: found.cloned() });
        }
    }
    Ok(())
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.expected, &self.found) {
            (Some(expected), None) => {
                write!(f, "column {:?} of {} is missing", expected.name(), expected.data_type())
            }
            (None, Some(found)) => {
                write!(f, "column {:?} of {} was not expected", found.name(), found.data_type())
            }
            (Some(expected), Some(found)) if expected.name() != found.name() => {
                let (a, a_type, b, b_type) =
                    (expected.name(), expected.data_type(), found.name(), found.data_type());
                write!(f, "column {b:?} of {b_type}, where {a:?} of {a_type} was expected")
            }
            (Some(expected), Some(found)) if expected.data_type() != found.data_type() => {
                let (name, a, b) = (found.name(), expected.data_type(), found.data_type());
                write!(f, "column {name:?} is of {b}, where {a} was expected")
            }
            (Some(_), Some(found)) if found.is_nullable() => {
                write!(f, "column {:?} may be null, which was not expected", found.name())
            }
            (Some(_), Some(found)) => write!(f, "column {:?} may no longer be null", found.name()),
            (None, None) => f.write_str("the schemas are alike"),
        }
    }
}

impl std::error::Error for SchemaMismatch {}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    fn schema(fields: &[(&str, DataType, bool)]) -> Schema {
        let fields = fields.iter().map(|(name, of, null)| Field::new(*name, of.clone(), *null));
        Schema::new(fields.collect::<Vec<_>>())
    }

    #[test]
    fn the_first_column_that_differs_is_named_with_both_types() {
        let expected = schema(&[("a", DataType::Int64, false), ("b", DataType::Utf8, true)]);
        let said = |fields: &[_]| SchemaMismatch::check(&expected, &schema(fields)).unwrap_err().to_string();
        let a = ("a", DataType::Int64, false);
        for (found, words) in [
            (vec![a.clone()], "column \"b\" of Utf8 is missing"),
            (
                vec![a.clone(), ("c", DataType::Utf8, true)],
                "column \"c\" of Utf8, where \"b\" of Utf8 was expected",
            ),
            (
                vec![a.clone(), ("b", DataType::Int8, true)],
                "column \"b\" is of Int8, where Utf8 was expected",
            ),
            (vec![("a", DataType::Int64, true)], "column \"a\" may be null, which was not expected"),
            (vec![a.clone(), ("b", DataType::Utf8, false)], "column \"b\" may no longer be null"),
            (
                vec![a, ("b", DataType::Utf8, true), ("c", DataType::Int8, true)],
                "column \"c\" of Int8 was not expected",
            ),
        ] {
            assert_eq!(said(&found), words);
        }
        let mut same = expected.clone();
        same.metadata.insert("k".to_owned(), "v".to_owned());
        assert_eq!(SchemaMismatch::check(&expected, &same), Ok(()));
        let nullable = schema(&[("a", DataType::Int64, true), ("b", DataType::Utf8, true)]);
        assert_eq!(SchemaMismatch::check_types(&expected, &nullable), Ok(()));
    }
}
