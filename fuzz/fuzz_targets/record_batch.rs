//! Streams made into arrays and used: whatever rows they claim, memory and time stay bounded. The limits are
//! libFuzzer's; `fuzz/run` sets them.
#![no_main]

// checks: rows-bounded
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bowstring_codec::testing::fuzz::arrays(bytes);
});
