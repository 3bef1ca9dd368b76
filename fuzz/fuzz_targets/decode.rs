//! Single messages: no input makes the decoder panic or read where it should not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_codec::testing::fuzz::decode(bytes));
