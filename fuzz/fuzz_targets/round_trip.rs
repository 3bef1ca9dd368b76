//! Arbitrary batches: what is read is what was written.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_codec::testing::fuzz::round_trip(bytes));
