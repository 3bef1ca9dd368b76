//! A hostile receiver's memory against a sender: the honest receiver beside it loses nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_tests::fuzz::ledger(bytes));
