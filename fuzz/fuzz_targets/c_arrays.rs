//! Arrow's C structs made wrong, through the C interface: sent, or refused, and released once.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_capi_fuzz::run(bytes));
