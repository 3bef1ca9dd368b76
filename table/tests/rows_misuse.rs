//! What the compiler says where `Row` is misused.

#[test]
fn misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/rows_misuse/*.rs");
}
