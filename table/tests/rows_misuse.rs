//! Compares what the compiler says where `Row` is misused.

use std::process::Command;

/// The compiler whose words the `.stderr` files have. Others put some of them differently.
const WRITTEN_BY: &str = "rustc 1.95.";

#[test]
fn misuse_is_explained() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout);
    let version = String::from_utf8_lossy(&version.unwrap_or_default()).trim().to_owned();
    if !version.starts_with(WRITTEN_BY) {
        println!("skipped, because the messages are those of {WRITTEN_BY}x, and this is {version:?}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/rows_misuse/*.rs");
}
