//! Datagrams and files against a receiver of sealed messages: the announced message, or an error that stays.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_tests::fuzz::sealed(bytes));
