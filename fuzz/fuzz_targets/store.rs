//! Arbitrary datagrams, as either side of the store's protocol reads them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bowstring_store::wire::fuzz::datagram(bytes));
