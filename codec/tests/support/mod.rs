//! Shared by several tests: an aligned region, and arrow-rs as a reader that checks everything.
#![allow(dead_code)]

use std::io::Cursor;

use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};

/// Memory at a multiple of 64 bytes, filled with a byte of choice.
pub(crate) struct Region {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Region {
    pub(crate) fn new(len: usize, fill: u8) -> Self {
        let bytes = vec![fill; len + 64];
        let start = bytes.as_ptr().addr().next_multiple_of(64) - bytes.as_ptr().addr();
        Self { bytes, start, len }
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

/// Reads a stream with arrow-rs.
pub(crate) fn read_stream(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = StreamReader::try_new(Cursor::new(bytes), None).expect("a stream that arrow-rs opens");
    check(reader.map(|batch| batch.expect("a batch that arrow-rs reads")).collect())
}

/// Reads a file with arrow-rs, and its footer's metadata.
pub(crate) fn read_file(bytes: &[u8]) -> (Vec<RecordBatch>, Vec<(String, String)>) {
    let reader = FileReader::try_new(Cursor::new(bytes), None).expect("a file that arrow-rs opens");
    let mut metadata: Vec<_> = reader.custom_metadata().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    metadata.sort();
    (check(reader.map(|batch| batch.expect("a batch that arrow-rs reads")).collect()), metadata)
}

/// Checks that every array of every batch passes arrow-rs's full validation.
fn check(batches: Vec<RecordBatch>) -> Vec<RecordBatch> {
    for column in batches.iter().flat_map(RecordBatch::columns) {
        column.to_data().validate_full().expect("an array that arrow-rs finds valid");
    }
    batches
}
