//! Files of any content against what `sender` reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_source::fuzz::source(bytes));
