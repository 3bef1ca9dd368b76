//! Whatever is written, arrow-rs reads as the same: every type, arbitrary batches, streams and files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use arrow_array::RecordBatch;
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{EncodeError, Encoder, FileWriter, OnGrowth, Plan, StreamWriter};
use proptest::prelude::*;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use support::{Region, read_file, read_stream};

fn stream(batches: &[RecordBatch], on_growth: OnGrowth) -> Vec<u8> {
    let plan = Plan::new(batches[0].schema()).unwrap();
    let mut writer = StreamWriter::new(Vec::new(), plan, on_growth).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap()
}

/// Encodes into a region full of `fill`, exactly as long as was announced.
fn encode(batch: &RecordBatch, fill: u8) -> Vec<u8> {
    let mut encoder = Encoder::new(Plan::new(batch.schema()).unwrap());
    let len = encoder.encoded_len(batch).unwrap();
    let mut region = Region::new(len, fill);
    assert_eq!(encoder.encode(batch, region.bytes()), Ok(len));
    let first = region.bytes().to_vec();
    assert_eq!(encoder.encode(batch, region.bytes()), Ok(len));
    assert_eq!(region.bytes(), first, "a second encoding differs");
    let mut short = Region::new(len - 1, fill);
    assert!(matches!(encoder.encode(batch, short.bytes()), Err(EncodeError::RegionTooSmall { .. })));
    first
}

fn every_type_in_turn(mut test: impl FnMut(&[RecordBatch])) {
    for data_type in testing::every_type() {
        for seed in 0..24u8 {
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
fn every_type_is_read_as_it_was() {
    every_type_in_turn(|batches| {
        for on_growth in [OnGrowth::Replace, OnGrowth::Delta] {
            assert_eq!(read_stream(&stream(batches, on_growth)), batches);
        }
    });
}

#[test]
fn every_type_hides_what_the_region_held() {
    every_type_in_turn(|batches| {
        for batch in batches {
            assert!(encode(batch, 0xaa) == encode(batch, 0x55), "old bytes of {:?}", batch.schema());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn streams_are_read_as_they_were(batches in testing::batches()) {
        prop_assert_eq!(read_stream(&stream(&batches, OnGrowth::Replace)), batches.clone());
        prop_assert_eq!(read_stream(&stream(&batches, OnGrowth::Delta)), batches);
    }

    #[test]
    fn regions_keep_their_secrets(batches in testing::batches()) {
        for batch in &batches {
            prop_assert_eq!(encode(batch, 0xaa), encode(batch, 0x55));
        }
    }

    #[test]
    fn files_are_read_as_they_were(batches in testing::batches()) {
        // One batch: a second would bring other dictionaries, which a file cannot hold.
        let plan = Plan::new(batches[0].schema()).unwrap();
        let mut writer = FileWriter::new(Vec::new(), plan, OnGrowth::Delta).unwrap();
        writer.set_metadata("who", "ours");
        writer.write(&batches[0]).unwrap();
        writer.write(&batches[0]).unwrap();
        let (read, metadata) = read_file(&writer.finish().unwrap());
        prop_assert_eq!(read, vec![batches[0].clone(), batches[0].clone()]);
        prop_assert_eq!(metadata, [("who".to_string(), "ours".to_string())]);
    }
}
