//! The compiler's errors for misuses of `Row`.

#[test]
fn misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/rows_misuse/*.rs");
}
