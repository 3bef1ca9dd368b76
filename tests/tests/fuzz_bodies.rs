//! Runs the fuzz targets' bodies on generated inputs, so that they run on every toolchain, and on those that fuzzing
//! has left.

use std::path::Path;

use bowstring_tests::fuzz;

// checks: fuzz

/// Inputs of many lengths, of every kind of byte and of small ones only.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    (0..600_u64).map(|seed| {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let limit = if seed % 2 == 0 { u8::MAX } else { 9 };
        (0..seed % 200)
            .map(|_| {
                state ^= state >> 12;
                state ^= state << 25;
                state ^= state >> 27;
                (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8 % limit
            })
            .collect()
    })
}

fn all(target: &str, body: fn(&[u8])) {
    inputs().for_each(|input| body(&input));
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for kept in ["seeds", "corpus", "artifacts"] {
        let Ok(inputs) = std::fs::read_dir(fuzz.join(kept).join(target)) else { continue };
        for input in inputs.flatten() {
            body(&std::fs::read(input.path()).expect("an input"));
        }
    }
}

#[test]
fn handshake() {
    all("handshake", fuzz::handshake);
}

#[test]
fn board() {
    all("board", fuzz::board);
}

#[test]
fn ledger() {
    all("ledger", fuzz::ledger);
}

#[test]
fn sealed() {
    all("sealed", fuzz::sealed);
}
