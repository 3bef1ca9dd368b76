//! Datagrams against either side of a handshake: no panic, and no agreement on anything that was not offered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_tests::fuzz::handshake(bytes));
