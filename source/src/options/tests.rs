//! Options as texts.

use super::*;

#[test]
fn rows_of_a_demonstration() {
    assert_eq!(demo_rows("100M"), Some(100_000_000));
    assert_eq!(demo_rows("1_000"), Some(1000));
    for wrong in ["", "M", "1.5M", "many", "99999999999G"] {
        assert_eq!(demo_rows(wrong), None, "{wrong}");
    }
}

#[test]
fn ranges_of_rows() {
    assert_eq!(range("2..5"), Ok(Range { start: 2, end: Some(5) }));
    assert_eq!(range("1_000.."), Ok(Range { start: 1000, end: None }));
    assert_eq!(range("..5"), Ok(Range { start: 0, end: Some(5) }));
    for wrong in ["5..2", "7", "a..b", "-1..2", "1..2..3"] {
        assert!(range(wrong).is_err(), "{wrong}");
    }
}
