//! Arbitrary files against the readers of `sender`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_source::fuzz::source(bytes));
