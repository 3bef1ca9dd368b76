//! Valid streams with a few numbers changed: damage that gets past the first checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bowstring_codec::testing::fuzz::mutate(bytes);
});
