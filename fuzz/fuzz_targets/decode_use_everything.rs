//! Whole streams and files, read in every way and used to the last accessor: ways agree, and what passes for valid
//! is so in Arrow.
#![no_main]

use bowstring_codec::testing::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The same input is of one kind: nothing is gained by reading a file as a stream.
    if bytes.starts_with(b"ARROW1") {
        fuzz::file(bytes);
    } else {
        fuzz::stream(bytes);
        fuzz::views_agree(bytes);
    }
});
