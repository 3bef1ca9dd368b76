//! Whatever a peer sends, to every sink of `receiver`: no panic, no row lost, and memory and time stay bounded. The
//! limits are libFuzzer's; `fuzz/run` sets them.
#![no_main]

// checks: sinks-bounded
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bowstring_receiver::fuzz::sinks(&bowstring_codec::testing::fuzz::peer(bytes));
});
