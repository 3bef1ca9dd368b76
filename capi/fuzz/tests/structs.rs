//! The fuzz target's body over bytes of a generator, for those who do not fuzz.

use bowstring_capi_fuzz::run;

#[test]
fn structs_made_wrong_are_refused_or_sent() {
    let mut state = 0x0b05_7a1e_u64;
    for round in 0..2000 {
        let bytes: Vec<u8> = (0..round % 400)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        run(&bytes);
    }
}
