//! Streams and files by arrow-rs and by this crate read back as the same: as a view, as arrays, and in each way of
//! reading.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::writer::{DictionaryHandling, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::read::{FileReader, StreamReader};
use bowstring_codec::testing::{self, Source, fuzz};
use bowstring_codec::{OnGrowth, Plan, StreamWriter};
use proptest::prelude::*;

/// Returns a stream as arrow-rs writes it, or `None` if it cannot, or writes something it does not read itself (it
/// counts the buffers of empty run-end encoded views without writing them).
fn arrow_stream(batches: &[RecordBatch], handling: DictionaryHandling, alignment: usize) -> Option<Vec<u8>> {
    let options = IpcWriteOptions::try_new(alignment, false, arrow_ipc::MetadataVersion::V5).unwrap();
    let options = options.with_dictionary_handling(handling);
    let schema = batches[0].schema();
    let mut writer =
        arrow_ipc::writer::StreamWriter::try_new_with_options(Vec::new(), &schema, options).ok()?;
    for batch in batches {
        writer.write(batch).ok()?;
    }
    let stream = writer.into_inner().ok()?;
    let reader = arrow_ipc::reader::StreamReader::try_new(stream.as_slice(), None).ok()?;
    reads_all(reader).then_some(stream)
}

/// Returns a file as arrow-rs writes it, or `None` in the same cases.
fn arrow_file(batches: &[RecordBatch]) -> Option<Vec<u8>> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batches[0].schema()).ok()?;
    writer.write_metadata("who", "arrow-rs");
    for batch in batches {
        writer.write(batch).ok()?;
    }
    let file = writer.into_inner().ok()?;
    let reader = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(&file), None).ok()?;
    reads_all(reader).then_some(file)
}

/// Returns true if arrow-rs reads what it wrote. After a buffer that it counted and did not write it takes each buffer
/// for the one after it: that is an error, or a panic where the length fits no offsets.
fn reads_all(mut reader: impl Iterator<Item = Result<RecordBatch, ArrowError>>) -> bool {
    catch_unwind(AssertUnwindSafe(|| reader.all(|batch| batch.is_ok()))).unwrap_or(false)
}

/// Reads a stream in every way, and compares with the original.
fn assert_reads(stream: &[u8], batches: &[RecordBatch]) {
    let outcome = fuzz::stream(stream);
    match outcome.error {
        None => assert_eq!(outcome.batches, batches),
        // Views were read all the same.
        Some(ImportError::DictionaryParts { .. }) => {}
        Some(error) => panic!("{error}"),
    }
    fuzz::views_agree(stream);
}

fn every_type_in_turn(mut test: impl FnMut(&[RecordBatch])) {
    for data_type in testing::every_type() {
        for seed in 0..16u8 {
            let bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(seed).wrapping_add(seed >> 1)).collect();
            let mut source = Source::new(&bytes);
            let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
            let rows = [0, 1, 7, 8, 9, 64, 100, 33];
            let batches: Vec<_> = (0..2)
                .map(|i| testing::batch_of(&mut source, &schema, rows[(seed as usize + i) % 8]))
                .collect();
            test(&batches);
        }
    }
}

#[test]
fn every_type_from_arrow() {
    every_type_in_turn(|batches| {
        for alignment in [8, 64] {
            match arrow_stream(batches, DictionaryHandling::Resend, alignment) {
                Some(stream) => assert_reads(&stream, batches),
                None => {
                    let odd = batches[0].column(0).data_type();
                    assert!(matches!(odd, DataType::RunEndEncoded(..)), "arrow-rs does not write {odd}");
                }
            }
        }
    });
}

#[test]
fn every_type_from_ourselves() {
    every_type_in_turn(|batches| {
        for on_growth in [OnGrowth::Replace, OnGrowth::Delta] {
            let mut writer =
                StreamWriter::new(Vec::new(), Plan::new(batches[0].schema()).unwrap(), on_growth).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            assert_reads(&writer.finish().unwrap(), batches);
        }
    });
}

/// Streams of this crate never make a copy necessary.
#[test]
fn our_own_alignment_is_enough() {
    every_type_in_turn(|batches| {
        let plan = Plan::new(batches[0].schema()).unwrap();
        let mut writer = StreamWriter::new(Vec::new(), plan, OnGrowth::Replace).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        let stream = Buffer::from(writer.finish().unwrap().as_slice());
        let mut reader = StreamReader::new(stream).unwrap();
        while let Some(imported) = reader.next_record_batch(Align::Refuse).unwrap() {
            assert!(imported.copied.is_empty());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn streams_from_arrow(batches in testing::batches()) {
        for handling in [DictionaryHandling::Resend, DictionaryHandling::Delta] {
            if let Some(stream) = arrow_stream(&batches, handling, 8) {
                assert_reads(&stream, &batches);
            }
        }
    }

    #[test]
    fn streams_from_ourselves(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzz::round_trip(&bytes);
    }

    #[test]
    fn files_from_arrow(batches in testing::batches()) {
        // A file cannot hold a dictionary twice: one batch, then, and the same again.
        let batches = [batches[0].clone(), batches[0].clone()];
        let Some(file) = arrow_file(&batches) else { return Ok(()) };
        let mut reader = FileReader::new(Buffer::from(file.as_slice())).unwrap();
        prop_assert_eq!(reader.custom_metadata().get("who").map(String::as_str), Some("arrow-rs"));
        prop_assert_eq!(reader.num_batches(), 2);
        // The second before the first: any order will do.
        for index in [1, 0] {
            let imported = reader.record_batch(index, Align::Copy).unwrap();
            prop_assert_eq!(&imported.batch, &batches[index]);
        }
        prop_assert_eq!(fuzz::file(&file).batches, batches.to_vec());
    }

    #[test]
    fn damaged_streams(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
        fuzz::mutate(&bytes);
    }
}
