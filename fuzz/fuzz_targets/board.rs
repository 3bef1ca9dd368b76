//! A hostile sender's memory against a receiver: private copies out of the pool, or an error that stays.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_tests::fuzz::board(bytes));
