//! Whole streams and files, read in every way and used to the last accessor: all ways agree, and what is accepted is
//! valid in Arrow.
#![no_main]

use bowstring_codec::testing::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // An input is one kind only: nothing is gained by reading a file as a stream.
    if bytes.starts_with(b"ARROW1") {
        fuzz::file(bytes);
    } else {
        fuzz::stream(bytes);
        fuzz::views_agree(bytes);
    }
});
