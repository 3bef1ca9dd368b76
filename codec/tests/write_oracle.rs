//! arrow-rs reads back what was written: every type, arbitrary batches, streams and files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int8Array, Int32Array, Int64Array,
    RecordBatch, RunArray, StringArray, StringViewArray, StructArray, UnionArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, UnionFields};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{
    Dictionaries, EncodeError, Encoder, FileWriter, OnGrowth, Plan, StreamWriter, WriteError,
};
use proptest::prelude::*;
use support::{Region, read_file, read_stream};

fn stream(batches: &[RecordBatch], on_growth: OnGrowth) -> Vec<u8> {
    let plan = Plan::new(batches[0].schema()).unwrap();
    let mut writer = StreamWriter::new(Vec::new(), plan, on_growth).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap()
}

/// Encodes into a region full of `fill`, exactly as long as announced.
fn encode(batch: &RecordBatch, fill: u8) -> Vec<u8> {
    let mut encoder = Encoder::new(Plan::new(batch.schema()).unwrap());
    let len = encoder.encoded_len(batch).unwrap();
    let mut region = Region::new(len, fill);
    assert_eq!(encoder.encode(batch, region.bytes()), Ok(len));
    let first = region.bytes().to_vec();
    assert_eq!(encoder.encode(batch, region.bytes()), Ok(len));
    assert_eq!(region.bytes(), first, "a second encoding differs");
    // Twice, since what an earlier message left behind must not show.
    for _ in 0..2 {
        assert_eq!(in_parts(&mut encoder, batch), first, "in parts it differs");
    }
    let mut short = Region::new(len - 1, fill);
    assert!(matches!(encoder.encode(batch, short.bytes()), Err(EncodeError::RegionTooSmall { .. })));
    first
}

/// The message as `encode_to` passes it on. Every byte of it must be passed on.
fn in_parts(encoder: &mut Encoder, batch: &RecordBatch) -> Vec<u8> {
    let (mut bytes, mut there) = (Vec::new(), Vec::new());
    let len = encoder.encode_to(batch, |at, parts| {
        let part = parts.concat();
        let end = bytes.len().max(at + part.len());
        bytes.resize(end, 0x55);
        there.resize(end, false);
        bytes[at..at + part.len()].copy_from_slice(&part);
        there[at..at + part.len()].fill(true);
        Ok::<_, EncodeError>(())
    });
    assert_eq!(len, Ok(bytes.len()));
    assert!(there.iter().all(|there| *there), "bytes are missing");
    bytes
}

/// Buffers that are passed on as they lie, some of them cut out of longer ones; more parts than are collected at a time;
/// a computed buffer longer than the staging area.
#[test]
fn long_messages_are_passed_on_in_parts() {
    for data_type in testing::every_type() {
        let field = |name: &str| Field::new(name, data_type.clone(), true);
        let schema = Arc::new(Schema::new((0..3).map(|i| field(&i.to_string())).collect::<Vec<_>>()));
        let bytes: Vec<u8> = (0..=255).collect();
        let batch = testing::batch_of(&mut Source::new(&bytes), &schema, 4000);
        for batch in [batch.slice(0, 3000), batch.slice(5, 3990)] {
            encode(&batch, 0xaa);
        }
    }
    let numbers = Arc::new(Int32Array::from_iter_values(0..30_000)) as ArrayRef;
    let flags = Arc::new(BooleanArray::from_iter((0..2_000_000).map(|i| Some(i % 3 == 0)))) as ArrayRef;
    let batch = RecordBatch::try_from_iter((0..40).map(|i| (i.to_string(), numbers.clone()))).unwrap();
    encode(&batch.slice(1, 29_990), 0xaa);
    encode(&RecordBatch::try_from_iter([("flags", flags)]).unwrap().slice(1, 1_900_000), 0xaa);
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

#[test]
fn run_ends_stop_where_the_slice_does() {
    let runs: RunArray<Int32Type> = ["a", "a", "a", "b", "b", "b"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([("r", Arc::new(runs.slice(2, 3)) as ArrayRef)]).unwrap();
    let read = &read_stream(&stream(&[batch], OnGrowth::Replace))[0];
    let runs = read.column(0).as_run::<Int32Type>();
    assert_eq!((runs.run_ends().values(), runs.values().len()), (&[1, 3][..], 2));
}

#[test]
fn what_a_slice_left_behind_is_not_written() {
    let long = ["left behind, left behind", "kept, and longer than a view", "left behind as well, as well"];
    let views = StringViewArray::from_iter_values(long).slice(1, 1);
    let strings = StringArray::from_iter_values(long).slice(1, 1);
    let batch = RecordBatch::try_from_iter([
        ("v", Arc::new(views) as ArrayRef),
        ("s", Arc::new(strings) as ArrayRef),
    ]);
    let bytes = encode(&batch.unwrap(), 0xaa);
    assert!(!bytes.windows(4).any(|four| four == b"left"));
    assert_eq!(
        bytes.windows(4).filter(|four| four == b"kept").count(),
        3,
        "two values, and the prefix of a view"
    );
}

#[test]
fn views_under_nulls_need_not_be_views() {
    let views = StringViewArray::from_iter_values(["one that is long enough to be elsewhere", "short"]);
    let (views, buffers, _) = views.into_parts();
    let nulls = NullBuffer::from(vec![false, true]);
    let garbage = ScalarBuffer::from(vec![u128::MAX, views[1]]);
    // SAFETY: arrow-rs never reads a view under a null; the test is about one that is not a view.
    #[allow(unsafe_code)]
    let views = unsafe { StringViewArray::new_unchecked(garbage, buffers, Some(nulls)) };
    let batch = RecordBatch::try_from_iter([("v", Arc::new(views) as ArrayRef)]).unwrap();
    let read = &read_stream(&stream(&[batch], OnGrowth::Replace))[0];
    let views = read.column(0).as_string_view();
    assert_eq!(views.iter().collect::<Vec<_>>(), [None, Some("short")]);
    assert_eq!(views.views()[0], 0);
}

/// Returns a dictionary of structs, whose field is a dictionary of these words; each key is its own.
fn dictionary_in_dictionary(words: [&str; 2], inner: [i8; 2]) -> RecordBatch {
    let words = Arc::new(StringArray::from_iter_values(words));
    let inner = DictionaryArray::<Int8Type>::new(inner.to_vec().into(), words);
    let field = Arc::new(Field::new("w", inner.data_type().clone(), true));
    let values = StructArray::new(vec![field].into(), vec![Arc::new(inner)], None);
    let outer = DictionaryArray::<Int8Type>::new(vec![0, 1, 0].into(), Arc::new(values));
    RecordBatch::try_from_iter([("d", Arc::new(outer) as ArrayRef)]).unwrap()
}

#[test]
fn a_dictionary_is_sent_again_when_one_below_it_is_replaced() {
    // The same values, but the words have changed places, and so have the keys that mean them.
    let batches =
        [dictionary_in_dictionary(["a", "b"], [0, 1]), dictionary_in_dictionary(["b", "a"], [1, 0])];
    assert_eq!(batches[0], batches[1]);
    let plan = Plan::new(batches[0].schema()).unwrap();
    let mut sent = Dictionaries::new(plan, OnGrowth::Delta);
    let mut indices = Vec::new();
    for batch in &batches {
        let mut updates = Vec::new();
        sent.updates(batch, &mut updates).unwrap();
        indices.push(updates.iter().map(|update| (update.index, update.replaces)).collect::<Vec<_>>());
        updates.into_iter().for_each(|update| sent.note(update));
    }
    assert_eq!(indices, [[(0, false), (1, false)], [(0, true), (1, true)]]);
    assert_eq!(read_stream(&stream(&batches, OnGrowth::Replace)), batches);
}

#[test]
fn dictionaries_grow_by_deltas_and_files_refuse_to_replace_them() {
    let of = |words: &[&str], keys: &[i8]| {
        let words = Arc::new(StringArray::from_iter_values(words));
        let array = DictionaryArray::<Int8Type>::new(keys.to_vec().into(), words);
        RecordBatch::try_from_iter([("d", Arc::new(array) as ArrayRef)]).unwrap()
    };
    let grown = [of(&["a"], &[0, 0]), of(&["a", "b"], &[1, 0]), of(&["a", "b"], &[1, 1])];
    let mut sent = Dictionaries::new(Plan::new(grown[0].schema()).unwrap(), OnGrowth::Delta);
    let mut sizes = Vec::new();
    for batch in &grown {
        let mut updates = Vec::new();
        sent.updates(batch, &mut updates).unwrap();
        sizes.extend(updates.iter().map(|update| (update.values.len(), update.delta)));
        updates.into_iter().for_each(|update| sent.note(update));
    }
    assert_eq!(sizes, [(1, false), (1, true)], "the third has the same words at another address");
    assert_eq!(read_stream(&stream(&grown, OnGrowth::Delta)), grown);

    let numbers = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64));
    let numbers = Arc::new(Schema::new(vec![Field::new("d", numbers, true)]));
    let mut encoder = Encoder::new(Plan::new(numbers).unwrap());
    let other = Float64Array::from(vec![1.0]);
    assert_eq!(encoder.dictionary_len(0, &other), Err(EncodeError::WrongType { node: 0 }));

    let plan = Plan::new(grown[0].schema()).unwrap();
    let mut file = FileWriter::new(Vec::new(), plan, OnGrowth::Delta).unwrap();
    grown.iter().for_each(|batch| file.write(batch).unwrap());
    let other = of(&["z", "b"], &[0, 1]);
    assert!(matches!(file.write(&other), Err(WriteError::Replaced { index: 0 })));
    file.write(&grown[0].slice(1, 1)).unwrap_err();
    file.write(&grown[2]).unwrap();
    let (read, _) = read_file(&file.finish().unwrap());
    assert_eq!(read[..3], grown);
}

#[test]
fn batches_of_other_schemas_and_misplaced_regions_are_refused() {
    let numbers =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]).unwrap();
    let words =
        RecordBatch::try_from_iter([("n", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]).unwrap();
    let mut encoder = Encoder::new(Plan::new(numbers.schema()).unwrap());
    assert_eq!(encoder.encoded_len(&words), Err(EncodeError::WrongSchema { column: 0 }));
    let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert_eq!(encoder.encoded_len(&none), Err(EncodeError::WrongSchema { column: 0 }));
    assert_eq!(encoder.dictionary_len(0, words.column(0)), Err(EncodeError::NoDictionary { index: 0 }));
    let null =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![None, Some(1)])) as ArrayRef)]);
    assert_eq!(encoder.encoded_len(&null.unwrap()), Err(EncodeError::WrongSchema { column: 0 }));
    let mut region = Region::new(4096, 0);
    assert_eq!(
        encoder.encode(&numbers, &mut region.bytes()[16..]),
        Err(EncodeError::RegionMisaligned { by: 16 })
    );
    let len = encoder.encoded_len(&numbers).unwrap();
    assert_eq!(encoder.encode(&numbers, region.bytes()), Ok(len), "the region can be used again");
}

#[test]
fn view_columns_may_bring_more_buffers_than_any_before() {
    let of = |buffers: usize| {
        let mut views = StringViewBuilder::new().with_fixed_block_size(32);
        (0..buffers).for_each(|i| views.append_value(format!("{i:032}")));
        RecordBatch::try_from_iter([("v", Arc::new(views.finish()) as ArrayRef)]).unwrap()
    };
    let schema = of(1).schema();
    let batches = [0, 1, 2, 40, 3, 41].map(|n| of(n).with_schema(schema.clone()).unwrap());
    assert_eq!(read_stream(&stream(&batches, OnGrowth::Replace)), batches);

    // Encoding detects by itself that there is too little room, without measuring first.
    let plan = Plan::new(schema).unwrap();
    let (mut measured, mut unmeasured) = (Encoder::new(plan.clone()), Encoder::new(plan));
    for batch in &batches {
        let len = measured.encoded_len(batch).unwrap();
        let (mut first, mut second) = (Region::new(1 << 14, 0xaa), Region::new(1 << 14, 0x55));
        assert_eq!(measured.encode(batch, first.bytes()), Ok(len));
        assert_eq!(unmeasured.encode(batch, second.bytes()), Ok(len));
        assert!(first.bytes()[..len] == second.bytes()[..len]);
    }
}

#[test]
fn arrays_broken_by_unsafe_code_are_errors_and_no_panic() {
    let broken = EncodeError::BrokenArray { node: 0 };
    let check = |array: ArrayRef, expected: Option<EncodeError>| {
        let schema = Arc::new(Schema::new(vec![Field::new("a", array.data_type().clone(), true)]));
        let mut encoder = Encoder::new(Plan::new(schema.clone()).unwrap());
        let batch = RecordBatch::try_new(schema, vec![array]).unwrap();
        let mut region = Region::new(1 << 12, 0);
        let result = encoder.encode(&batch, region.bytes());
        assert_eq!(result.err(), expected);
    };
    // SAFETY: the arrays are only encoded, which reads offsets and views with care; that is what is tested.
    #[allow(unsafe_code)]
    let offsets = |offsets: &[i32]| unsafe { OffsetBuffer::new_unchecked(offsets.to_vec().into()) };
    // SAFETY: the array is only encoded, which checks its offsets; that is what is tested.
    #[allow(unsafe_code)]
    let strings =
        |o: &[i32]| unsafe { StringArray::new_unchecked(offsets(o), Buffer::from(b"abcdef"), None) };
    check(Arc::new(strings(&[0, 3, 7])), Some(broken));
    check(Arc::new(strings(&[-1, 3, 6])), Some(broken));
    check(Arc::new(strings(&[5, 6, 3])), Some(broken));
    // Nonsense in the middle is written: the reader validates.
    check(Arc::new(strings(&[1, i32::MIN, 6])), None);
    // SAFETY: the array is only encoded, which checks its views; that is what is tested.
    #[allow(unsafe_code)]
    let views = |view: u128| unsafe {
        StringViewArray::new_unchecked(
            vec![view].into(),
            Arc::<[Buffer]>::from([Buffer::from(b"abcdef")]),
            None,
        )
    };
    check(Arc::new(views(13)), Some(broken));
    check(Arc::new(views(13 | 1 << 64)), Some(broken));
    let ids = vec![0i8, 0];
    let fields = UnionFields::try_new([0], [Field::new("x", DataType::Int8, true)]).unwrap();
    for offset in [-1, 9] {
        let child: ArrayRef = Arc::new(Int8Array::from(vec![1, 2]));
        let at = vec![0, offset].into();
        // SAFETY: the array is only encoded, which checks its type ids and offsets; that is what is tested.
        #[allow(unsafe_code)]
        let union =
            unsafe { UnionArray::new_unchecked(fields.clone(), ids.clone().into(), Some(at), vec![child]) };
        let node = if offset < 0 { 0 } else { 1 };
        check(Arc::new(union), Some(EncodeError::BrokenArray { node }));
    }
}
