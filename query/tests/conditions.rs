//! Tests of conditions without an oracle: names, errors, memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use bowstring_query::{Condition, QueryError};

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as _, true),
        ("Two Words", Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])) as _, true),
        ("x", Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN])) as _, true),
    ])
    .unwrap()
}

fn rows(sql: &str) -> usize {
    Condition::parse(sql, &batch().schema()).unwrap().filter(&batch()).unwrap().num_rows()
}

fn error(sql: &str) -> QueryError {
    match Condition::parse(sql, &batch().schema()) {
        Err(error) => error.error,
        Ok(condition) => panic!("{sql}: {condition:?}"),
    }
}

#[test]
fn names_are_found_whatever_their_case_and_quoted_ones_as_they_are() {
    assert_eq!(rows("N > 0"), 2);
    assert_eq!(rows("\"Two Words\" = 'b'"), 1);
    let QueryError::NoColumn { name, there } = error("\"two words\" = 'b'") else { panic!() };
    assert_eq!((name.as_str(), there.len()), ("two words", 3));
}

#[test]
fn three_values() {
    assert_eq!((rows("n > 0"), rows("not n > 0"), rows("n > 0 or true"), rows("n is null")), (2, 0, 3, 1));
    assert_eq!((rows("x = 0"), rows("x = 'NaN'"), rows("x > 1e300"), rows("null")), (2, 1, 1, 0));
    assert_eq!(rows("n in (1, null) or n not in (3, null)"), 1);
}

#[test]
fn what_makes_no_sense_is_said_before_a_row_is_read() {
    assert!(matches!(error("n >"), QueryError::Syntax(_)));
    assert!(matches!(error("n > 1 n"), QueryError::Syntax(_)));
    assert!(matches!(error("n > 1; drop table t"), QueryError::Syntax(_)));
    assert!(matches!(error("n + 1"), QueryError::Type(_)));
    assert!(matches!(error("n and true"), QueryError::Type(_)));
    assert!(matches!(error("n = \"Two Words\""), QueryError::Type(_)));
    assert!(matches!(error("n = 'many'"), QueryError::Type(_)));
    assert!(matches!(error("n in (select 1)"), QueryError::Unsupported(_)));
    assert!(matches!(error("pg_sleep(10) = 1"), QueryError::Unsupported(_)));
    // Errors, however long or deep it is.
    let deep = format!("{}n{}", "-(".repeat(5000), ")".repeat(5000));
    assert!(matches!(error(&deep), QueryError::Syntax(_) | QueryError::Unsupported(_)));
    let long = vec!["n = 1"; 5000].join(" or ");
    assert_eq!(rows(&long), 1);
    let longer = vec!["n = 1"; 50_000].join(" or ");
    assert!(matches!(error(&longer), QueryError::Unsupported(_)));
}

#[test]
fn a_sum_that_is_too_large_is_an_error_and_no_wrong_row() {
    let condition = Condition::parse(&format!("n + {} > 0", i64::MAX), &batch().schema()).unwrap();
    assert!(matches!(condition.filter(&batch()), Err(QueryError::Value(_))));
}

#[test]
fn long_batches_are_evaluated_in_pieces() {
    let n = Int64Array::from_iter_values(0..100_000);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(n) as _)]).unwrap();
    let condition = Condition::parse("n % 7 = 3 and n >= 50000", &batch.schema()).unwrap();
    let wanted: Vec<i64> = (50_000..100_000).filter(|n| n % 7 == 3).collect();
    let kept = condition.filter(&batch).unwrap();
    assert_eq!(kept.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values(), &wanted[..]);
    assert_eq!(condition.evaluate(&batch).unwrap().true_count(), wanted.len());
    // All rows: nothing is copied.
    let all = Condition::parse("n >= 0", &batch.schema()).unwrap().filter(&batch).unwrap();
    assert_eq!(
        all.column(0).to_data().buffers()[0].as_ptr(),
        batch.column(0).to_data().buffers()[0].as_ptr()
    );
    assert_eq!(condition.columns(), [0]);
}
