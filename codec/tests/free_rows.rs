//! Rows without bytes: as many as the limit allows, and no more, for any type.

// checks: rows-bounded
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/forge.rs"]
mod forge;

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Fields, UnionFields, UnionMode};
use bowstring_codec::decode::{BatchFault, ColumnFault, Decoder, Limits, ReadError};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::testing::fuzz;
use forge::{Forged, decoder, in_a, item, schema_message};

/// Returns columns whose rows take up no bytes, and batches that claim this many of them, with the sizes of their
/// bodies.
fn free(rows: i64) -> Vec<(DataType, Forged)> {
    let batch = || Forged::rows(rows).node(rows, 0);
    let ends = Arc::new(Field::new("run_ends", DataType::Int64, false));
    let values = Arc::new(Field::new("values", DataType::Int8, true));
    let runs = |rows: i64| batch().node(1, 0).node(1, 0).buffer(&[]).i64s(&[rows]).buffer(&[]).buffer(&[7]);
    let nulls =
        Fields::from(vec![Field::new("x", DataType::Null, true), Field::new("y", DataType::Null, true)]);
    vec![
        (DataType::Null, batch()),
        (DataType::Struct(Fields::empty()), batch().buffer(&[])),
        (DataType::FixedSizeBinary(0), batch().buffer(&[]).buffer(&[])),
        (
            DataType::FixedSizeList(item(DataType::Int8), 0),
            batch().node(0, 0).buffer(&[]).buffer(&[]).buffer(&[]),
        ),
        (DataType::RunEndEncoded(ends, values), runs(rows)),
        (DataType::Struct(nulls), batch().node(rows, 0).node(rows, 0).buffer(&[])),
        (DataType::FixedSizeList(item(DataType::Null), 1), batch().node(rows, 0).buffer(&[])),
    ]
}

fn too_many(error: &ReadError) -> (usize, usize) {
    match error {
        ReadError::Batch(BatchFault::TooManyRows { rows, limit }) => (*rows, *limit),
        other => panic!("{other}"),
    }
}

fn convert(data_type: &DataType, batch: &Forged) -> Result<RecordBatch, ReadError> {
    let mut decoder = decoder(data_type);
    match decoder.record_batch(&batch.message(), Align::Copy) {
        Ok(imported) => Ok(imported.batch),
        Err(ImportError::Read(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_is_claimed_for_free_is_limited() {
    for rows in [1 << 28, 1 << 35, 1 << 40, 1 << 55] {
        for (data_type, batch) in free(rows) {
            let error = convert(&data_type, &batch).expect_err("too many rows");
            let (claimed, limit) = too_many(&error);
            assert!(claimed >= rows as usize, "{data_type}: {claimed}");
            assert_eq!(
                limit,
                Limits::default().rows + 8 * batch.body.len().next_multiple_of(8),
                "{data_type}"
            );
            assert!(error.to_string().contains(&claimed.to_string()), "{error}");
            assert!(error.to_string().contains(&limit.to_string()), "{error}");
        }
    }
}

#[test]
fn ten_million_rows_are_honest() {
    for (data_type, batch) in free(10_000_000) {
        let batch = convert(&data_type, &batch).unwrap();
        assert_eq!(batch.num_rows(), 10_000_000, "{data_type}");
    }
}

#[test]
fn the_limit_is_the_readers_to_set() {
    let limits = |rows| Limits { rows, ..Limits::default() };
    let schema = schema_message(&[(DataType::Null, true)]);
    let message = Forged::rows(1 << 40).node(1 << 40, 0).message();
    let mut decoder = Decoder::from_schema_message_within(&schema, limits(1 << 40)).unwrap();
    assert_eq!(decoder.decode(&message).unwrap().num_rows(), 1 << 40);
    decoder.set_limits(limits((1 << 40) - 1));
    assert_eq!(too_many(&decoder.decode(&message).unwrap_err()), (1 << 40, (1 << 40) - 1));
}

/// Eight rows for each byte of the body are free: so a column that has bytes never causes one without to be refused.
#[test]
fn columns_with_bytes_pay_for_those_without() {
    let schema = schema_message(&[(DataType::Boolean, true), (DataType::Null, true)]);
    let mut decoder =
        Decoder::from_schema_message_within(&schema, Limits { rows: 0, ..Limits::default() }).unwrap();
    let batch = |rows: i64, bytes: usize| {
        Forged::rows(rows).node(rows, 0).node(rows, 0).buffer(&[]).buffer(&vec![0xff; bytes]).message()
    };
    assert_eq!(decoder.decode(&batch(8000, 1000)).unwrap().num_rows(), 8000);
    // A column of bits cannot have more rows than that, so the other is made to.
    let batch = Forged::rows(64).node(64, 0).node(65, 0).buffer(&[]).buffer(&[0xff; 8]).message();
    assert_eq!(too_many(&decoder.decode(&batch).unwrap_err()), (65, 64));
}

#[test]
fn fields_are_counted_together() {
    // Each is within the limit, and all of them are not; a few bytes of metadata buy each of them.
    let columns = vec![(DataType::Null, true); 20];
    let mut decoder = Decoder::from_schema_message(&schema_message(&columns)).unwrap();
    let rows = 100_000_000;
    let batch = columns.iter().fold(Forged::rows(rows), |batch, _| batch.node(rows, 0));
    assert_eq!(too_many(&decoder.decode(&batch.message()).unwrap_err()).0, 200_000_000);
    let fields = (0..100).map(|id| (id, Arc::new(Field::new("n", DataType::Null, true))));
    let sparse = DataType::Union(UnionFields::from_iter(fields), UnionMode::Sparse);
    let rows = 4_000_000;
    let batch = (0..100).fold(Forged::rows(rows).node(rows, 0), |batch, _| batch.node(rows, 0));
    let error = convert(&sparse, &batch.buffer(&vec![0; rows as usize])).unwrap_err();
    assert!(too_many(&error).0 > Limits::default().rows);
}

#[test]
fn children_of_lists_are_counted() {
    let list = DataType::LargeList(item(DataType::Null));
    let batch = Forged::rows(1).node(1, 0).node(1 << 40, 0).buffer(&[]).i64s(&[0, 1 << 40]);
    assert_eq!(too_many(&convert(&list, &batch).unwrap_err()).0, 1 << 40);
    let sizes = DataType::FixedSizeList(item(DataType::Null), i32::MAX);
    let child = i64::from(i32::MAX) << 20;
    let batch = Forged::rows(1 << 20).node(1 << 20, 0).node(child, 0).buffer(&[]);
    assert_eq!(too_many(&convert(&sizes, &batch).unwrap_err()).0, child as usize);
}

#[test]
fn a_batch_without_columns_is_counted() {
    let mut decoder = Decoder::from_schema_message(&schema_message(&[])).unwrap();
    let message = Forged::rows(10_000_000).message();
    assert_eq!(decoder.record_batch(&message, Align::Copy).unwrap().batch.num_rows(), 10_000_000);
    let message = Forged::rows(1 << 40).message();
    assert_eq!(too_many(&decoder.decode(&message).unwrap_err()).0, 1 << 40);
}

#[test]
fn values_of_dictionaries_are_counted() {
    for rows in [1 << 35, 1 << 40] {
        for (values, mut batch) in free(rows) {
            let coded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(values));
            batch.dictionary = Some((0, false));
            let error = decoder(&coded).dictionary(&batch.message()).unwrap_err();
            assert!(too_many(&error).0 >= rows as usize);
        }
    }
}

#[test]
fn lists_that_overlap_are_limited() {
    let views = DataType::ListView(item(DataType::Int8));
    let large = DataType::LargeListView(item(DataType::Int8));
    let batch = |rows: usize, size: usize| {
        let rows32 = |value: i32| vec![value; rows];
        let values = vec![1; size];
        let narrow = Forged::rows(rows as i64).node(rows as i64, 0).node(size as i64, 0).buffer(&[]);
        let narrow = narrow.i32s(&rows32(0)).i32s(&rows32(size as i32)).buffer(&[]).buffer(&values);
        let wide = Forged::rows(rows as i64).node(rows as i64, 0).node(size as i64, 0).buffer(&[]);
        let wide = wide.i64s(&vec![0; rows]).i64s(&vec![size as i64; rows]).buffer(&[]).buffer(&values);
        [(&views, narrow), (&large, wide)]
    };
    for (data_type, batch) in batch(1000, 1000) {
        assert_eq!(convert(data_type, &batch).unwrap().column(0).len(), 1000);
    }
    for (data_type, batch) in batch(20_000, 20_000) {
        let limit = Limits::default().rows + 8 * batch.body.len();
        let fault = ColumnFault::OverlappingLists { rows: 400_000_000, limit };
        assert_eq!(convert(data_type, &batch).unwrap_err(), in_a(fault));
    }
}

/// A fuzzer's use of arrays stays within bounds for the largest batches that are accepted.
#[test]
fn what_passes_can_be_used() {
    for (data_type, batch) in free(10_000_000) {
        let stream = [&schema_message(&[(data_type, true)])[..], &batch.message()].concat();
        assert_eq!(fuzz::arrays(&stream), 1);
    }
    for (data_type, batch) in free(1 << 40) {
        let stream = [&schema_message(&[(data_type, true)])[..], &batch.message()].concat();
        assert_eq!(fuzz::arrays(&stream), 0);
    }
}

#[test]
fn bytes_behind_a_message_are_refused_where_it_must_be_alone() {
    use bowstring_codec::decode::FrameFault;
    let batch = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[7]);
    let message = batch.message();
    let longer = arrow_buffer::Buffer::from([&message[..], &[0]].concat());
    let fault = FrameFault::TrailingBytes { message: message.len(), present: message.len() + 1 };
    let fault = ReadError::Frame { at: message.len(), fault };
    let mut decoder_of_bytes = decoder(&DataType::Int8);
    assert_eq!(decoder_of_bytes.decode(&longer).unwrap().num_rows(), 1);
    decoder_of_bytes.refuse_trailing_bytes();
    assert_eq!(decoder_of_bytes.decode(&message).unwrap().num_rows(), 1);
    assert_eq!(decoder_of_bytes.decode(&longer).unwrap_err(), fault);

    let mut values = batch;
    values.dictionary = Some((0, false));
    let message = values.message();
    let longer = arrow_buffer::Buffer::from([&message[..], &[0; 9]].concat());
    let fault = FrameFault::TrailingBytes { message: message.len(), present: message.len() + 9 };
    let coded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int8));
    let mut decoder = decoder(&coded);
    decoder.refuse_trailing_bytes();
    let error = ReadError::Frame { at: message.len(), fault };
    assert_eq!(decoder.dictionary(&longer), Err(error));
    assert_eq!(decoder.dictionary(&message).unwrap().values, 1);
}
