//! Wrong input is an error that says what is wrong and where.

// checks: codec-hostile
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/forge.rs"]
mod forge;

use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::{DataType, Field, UnionFields, UnionMode};
use bowstring_codec::decode::{
    BatchFault, BufferRole, ColumnFault, Compression, Decoder, DictionaryFault, FrameFault, Limits,
    MetadataFault, ReadError,
};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::testing::fuzz;
use forge::{Forged, schema_message};

/// A decoder for one nullable column `a`.
fn decoder(data_type: &DataType) -> Decoder {
    Decoder::from_schema_message(&schema_message(&[(data_type.clone(), true)])).unwrap()
}

/// What is wrong with the structure of a batch of one column.
fn structure(data_type: DataType, batch: Forged) -> ReadError {
    let message = batch.message();
    decoder(&data_type).decode(&message).expect_err("the structure is wrong")
}

/// What is wrong with a batch of one column whose structure is sound.
fn full(data_type: DataType, batch: Forged) -> ReadError {
    let message = batch.message();
    let mut decoder = decoder(&data_type);
    let view = decoder.decode(&message).expect("the structure is sound");
    view.validate().expect_err("the values are wrong")
}

/// A fault of column `a`.
fn in_a(fault: ColumnFault) -> ReadError {
    ReadError::Column { path: "a".into(), fault }
}

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

#[test]
fn counts_that_do_not_add_up() {
    let int = DataType::Int32;
    let fault = |fault| ReadError::Batch(fault);
    assert_eq!(structure(int.clone(), Forged::rows(-1)), fault(BatchFault::NegativeRows(-1)));
    assert_eq!(
        structure(int.clone(), Forged::rows(0)),
        fault(BatchFault::NodeCount { expected: 1, found: 0 })
    );
    let two = Forged::rows(0).node(0, 0).node(0, 0);
    assert_eq!(structure(int.clone(), two), fault(BatchFault::NodeCount { expected: 1, found: 2 }));
    let short = Forged::rows(0).node(0, 0).buffer(&[]);
    assert_eq!(structure(int.clone(), short), fault(BatchFault::BufferCount { expected: 2, found: 1 }));
    let long = Forged::rows(0).node(0, 0).buffer(&[]).buffer(&[]).buffer(&[]);
    assert_eq!(structure(int.clone(), long), fault(BatchFault::BufferCount { expected: 2, found: 3 }));
    let mut stray = Forged::rows(0).node(0, 0).buffer(&[]).buffer(&[]);
    stray.variadic = vec![0];
    assert_eq!(structure(int.clone(), stray), fault(BatchFault::VariadicCount { expected: 0, found: 1 }));

    let full_rows = || Forged::rows(2).buffer(&[]).i32s(&[1, 2]);
    assert_eq!(structure(int.clone(), full_rows().node(-2, 0)), in_a(ColumnFault::NegativeCount(-2)));
    assert_eq!(structure(int.clone(), full_rows().node(2, -1)), in_a(ColumnFault::NegativeCount(-1)));
    let fault = ColumnFault::TooManyNulls { rows: 2, nulls: 3 };
    assert_eq!(structure(int.clone(), full_rows().node(2, 3)), in_a(fault));
    let fault = ColumnFault::RowCount { expected: 2, found: 1 };
    assert_eq!(structure(int.clone(), full_rows().node(1, 0)), in_a(fault));
    let rows = i64::MAX as usize;
    let fault = ColumnFault::TooManyRows { rows };
    assert_eq!(
        structure(int.clone(), Forged::rows(i64::MAX).node(i64::MAX, 0).buffer(&[]).buffer(&[])),
        in_a(fault)
    );
    assert_eq!(structure(int, full_rows().node(2, 1)), in_a(ColumnFault::NoValidity { nulls: 1 }));
}

#[test]
fn variadic_counts_that_do_not_add_up() {
    let views = |counts: Vec<i64>| {
        let mut batch = Forged::rows(0).node(0, 0).buffer(&[]).buffer(&[]);
        batch.variadic = counts;
        structure(DataType::Utf8View, batch)
    };
    let off = |expected| ReadError::Batch(BatchFault::BufferCount { expected, found: 2 });
    assert_eq!(views(vec![1]), off(3));
    assert_eq!(views(vec![-1]), off(2));
    assert_eq!(views(vec![i64::MAX]), off(i64::MAX as usize + 2));
    let none = ReadError::Batch(BatchFault::VariadicCount { expected: 1, found: 0 });
    assert_eq!(views(vec![]), none);
}

#[test]
fn buffers_that_are_not_there() {
    let batch = |offset, length| Forged::rows(2).node(2, 0).buffer(&[0; 16]).span(offset, length);
    let outside = |offset, length| {
        let role = BufferRole::Values;
        in_a(ColumnFault::BufferOutOfBounds { role, offset, length, body: 16 })
    };
    for (offset, length) in
        [(16, 8), (9, 8), (-8, 8), (0, -8), (i64::MAX, 8), (8, i64::MAX), (i64::MIN, i64::MIN)]
    {
        assert_eq!(structure(DataType::Int32, batch(offset, length)), outside(offset, length));
    }
    let short = ColumnFault::BufferTooShort { role: BufferRole::Values, needed: 8, found: 7 };
    assert_eq!(structure(DataType::Int32, batch(0, 7)), in_a(short));
    let misaligned = ColumnFault::Misaligned { role: BufferRole::Values, needed: 4 };
    assert_eq!(structure(DataType::Int32, batch(2, 8)), in_a(misaligned));
    let short = ColumnFault::BufferTooShort { role: BufferRole::Validity, needed: 2, found: 1 };
    let validity = Forged::rows(9).node(9, 1).buffer(&[0]).i32s(&[0; 9]);
    assert_eq!(structure(DataType::Int32, validity), in_a(short));
    // Buffers may overlap, and lie anywhere if they are empty.
    let overlapping = Forged::rows(2).node(2, 2).buffer(&[0; 8]).span(0, 8).message();
    decoder(&DataType::Int32).decode(&overlapping).unwrap().validate().unwrap();
    let nowhere = Forged::rows(0).node(0, 0).span(-5, 0).span(i64::MAX, 0).message();
    decoder(&DataType::Int32).decode(&nowhere).unwrap().validate().unwrap();
}

#[test]
fn children_that_are_too_short() {
    let too_short = |needed, found| in_a(ColumnFault::ChildTooShort { needed, found });
    let fixed = DataType::FixedSizeList(item(DataType::Int8), 3);
    let batch = Forged::rows(2).node(2, 0).node(5, 0).buffer(&[]).buffer(&[]).buffer(&[0; 5]);
    assert_eq!(structure(fixed.clone(), batch), too_short(6, 5));
    // Two to the 55th rows of three.
    let many = 1 << 55;
    let batch = Forged::rows(many).node(many, 0).node(5, 0).buffer(&[]).buffer(&[]).buffer(&[0; 5]);
    assert_eq!(structure(fixed, batch), too_short(3 << 55, 5));
    let wide = DataType::FixedSizeList(item(DataType::Null), i32::MAX);
    let batch = Forged::rows(many).node(many, 0).node(5, 0).buffer(&[]);
    assert_eq!(structure(wide, batch), in_a(ColumnFault::Overflow));
    let pair = DataType::Struct(vec![Field::new("x", DataType::Int8, true)].into());
    let batch = Forged::rows(2).node(2, 0).node(1, 0).buffer(&[]).buffer(&[]).buffer(&[0]);
    assert_eq!(structure(pair.clone(), batch), too_short(2, 1));
    // A child that is longer is cut.
    let batch =
        Forged::rows(2).node(2, 0).node(3, 1).buffer(&[]).buffer(&[0b011]).buffer(&[1, 2, 3]).message();
    let mut decoder = decoder(&pair);
    let view = decoder.decode(&batch).unwrap().validate().unwrap();
    let child = view.column(0).unwrap().children().next().unwrap();
    assert_eq!((child.len(), child.null_count(), child.as_slice::<i8>()), (2, 0, Some(&[1, 2][..])));
    let arrow = view.to_record_batch(&batch, bowstring_codec::interop::Align::Refuse).unwrap();
    bowstring_codec::testing::assert_agree(&view, &arrow.batch);
}

#[test]
fn nulls_that_are_not_as_declared() {
    let batch = |nulls, bits: u8| Forged::rows(3).node(3, nulls).buffer(&[bits]).i32s(&[1, 2, 3]);
    let lies = |declared, counted| in_a(ColumnFault::NullCount { declared, counted });
    assert_eq!(full(DataType::Int32, batch(1, 0b111)), lies(1, 0));
    assert_eq!(full(DataType::Int32, batch(0, 0b101)), lies(0, 1));
    assert_eq!(full(DataType::Int32, batch(1, 0b1111_1001)), lies(1, 2));
    let strict = Decoder::from_schema_message(&schema_message(&[(DataType::Int32, false)]));
    let message = batch(1, 0b110).message();
    let mut strict = strict.unwrap();
    let verdict = strict.decode(&message).unwrap().validate().map(|_| ());
    assert_eq!(verdict, Err(in_a(ColumnFault::NullInNonNullable)));
}

#[test]
fn offsets_that_lead_astray() {
    let text =
        |offsets: &[i32]| Forged::rows(2).node(2, 0).buffer(&[]).i32s(offsets).buffer("añb".as_bytes());
    let utf8 = || DataType::Utf8;
    assert_eq!(full(utf8(), text(&[0, 3, 1])), in_a(ColumnFault::OffsetOrder { index: 2 }));
    assert_eq!(full(utf8(), text(&[-1, 0, 1])), in_a(ColumnFault::OffsetOrder { index: 0 }));
    let outside = ColumnFault::OffsetOutOfBounds { index: 2, limit: 4 };
    assert_eq!(full(utf8(), text(&[0, 1, 5])), in_a(outside));
    assert_eq!(full(utf8(), text(&[0, 2, 4])), in_a(ColumnFault::NotUtf8 { index: 0 }));
    let short = ColumnFault::BufferTooShort { role: BufferRole::Offsets, needed: 12, found: 8 };
    assert_eq!(structure(utf8(), text(&[0, 1])), in_a(short));
    // Accessors at the level of structure go nowhere with such offsets.
    let message = text(&[3, 1, i32::MAX]).message();
    let mut decoder = decoder(&utf8());
    let bytes = decoder.decode(&message).unwrap().column(0).unwrap().as_bytes().unwrap();
    assert_eq!((bytes.get(0), bytes.get(1), bytes.get(2)), (None, None, None));

    let list = DataType::List(item(DataType::Int8));
    let batch = Forged::rows(1).node(1, 0).node(2, 0).buffer(&[]).i32s(&[0, 3]).buffer(&[]).buffer(&[1, 2]);
    assert_eq!(full(list, batch), in_a(ColumnFault::OffsetOutOfBounds { index: 1, limit: 2 }));
    let views = DataType::ListView(item(DataType::Int8));
    let batch = |offset, size| {
        let batch = Forged::rows(1).node(1, 0).node(2, 0).buffer(&[]).i32s(&[offset]).i32s(&[size]);
        batch.buffer(&[]).buffer(&[1, 2])
    };
    for (offset, size) in [(2, 1), (0, 3), (-1, 1), (1, -1), (i32::MAX, i32::MAX)] {
        let outside = ColumnFault::OffsetOutOfBounds { index: 0, limit: 2 };
        assert_eq!(full(views.clone(), batch(offset, size)), in_a(outside));
    }
}

#[test]
fn views_that_lead_astray() {
    let view = |len: i32, prefix: &[u8; 4], buffer: i32, offset: i32| {
        let mut batch = Forged::rows(1).node(1, 0).buffer(&[]);
        let bytes = [&len.to_le_bytes()[..], prefix, &buffer.to_le_bytes(), &offset.to_le_bytes()].concat();
        batch = batch.buffer(&bytes).buffer(b"0123456789abcdef\xff");
        batch.variadic = vec![1];
        batch
    };
    let fault = |batch| full(DataType::Utf8View, batch);
    let outside = || in_a(ColumnFault::ViewOutOfBounds { index: 0 });
    assert_eq!(fault(view(16, b"0123", 1, 0)), outside());
    assert_eq!(fault(view(16, b"0123", 0, 2)), outside());
    assert_eq!(fault(view(-1, b"0123", 0, 0)), outside());
    assert_eq!(fault(view(16, b"0123", 0, -1)), outside());
    assert_eq!(fault(view(16, b"0124", 0, 0)), in_a(ColumnFault::ViewPrefix { index: 0 }));
    assert_eq!(fault(view(3, b"012x", 0, 0)), in_a(ColumnFault::ViewPadding { index: 0 }));
    assert_eq!(fault(view(3, b"012\0", 0, 1)), in_a(ColumnFault::ViewPadding { index: 0 }));
    assert_eq!(fault(view(3, b"01\xff\0", 0, 0)), in_a(ColumnFault::NotUtf8 { index: 0 }));
    assert_eq!(fault(view(16, b"1234", 0, 1)), in_a(ColumnFault::NotUtf8 { index: 0 }));
}

#[test]
fn unions_and_runs_that_lead_astray() {
    let fields = || {
        UnionFields::try_new(vec![3, 9], vec![item(DataType::Int8), item(DataType::Null)]).expect("sound ids")
    };
    let dense = DataType::Union(fields(), UnionMode::Dense);
    let batch = |ids: &[i8; 2], offsets: &[i32; 2]| {
        let batch = Forged::rows(2).node(2, 0).node(1, 0).node(1, 1);
        batch.buffer(bytemuck::cast_slice(ids)).i32s(offsets).buffer(&[]).buffer(&[5])
    };
    let id = |index, found| in_a(ColumnFault::UnionTypeId { index, found });
    assert_eq!(full(dense.clone(), batch(&[3, 4], &[0, 0])), id(1, 4));
    assert_eq!(full(dense.clone(), batch(&[-1, 4], &[0, 0])), id(0, -1));
    let offset = |index, found| in_a(ColumnFault::UnionOffset { index, found });
    assert_eq!(full(dense.clone(), batch(&[3, 9], &[0, 1])), offset(1, 1));
    assert_eq!(full(dense.clone(), batch(&[3, 9], &[-1, 1])), offset(0, -1));
    let mut nulls = batch(&[3, 9], &[0, 0]);
    nulls.nodes[0].1 = 1;
    assert_eq!(structure(dense, nulls), in_a(ColumnFault::NullsNotAllowed { nulls: 1 }));

    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    let runs = DataType::RunEndEncoded(ends, item(DataType::Int8));
    let batch = |ends: &[i32; 2], rows| {
        let batch = Forged::rows(rows).node(rows, 0).node(2, 0).node(2, 0);
        batch.buffer(&[]).i32s(ends).buffer(&[]).buffer(&[5, 6])
    };
    let order = |index| in_a(ColumnFault::RunEndOrder { index });
    assert_eq!(full(runs.clone(), batch(&[0, 1], 1)), order(0));
    assert_eq!(full(runs.clone(), batch(&[2, 2], 1)), order(1));
    assert_eq!(full(runs.clone(), batch(&[2, -2], 1)), order(1));
    assert_eq!(full(runs.clone(), batch(&[2, 4], 5)), in_a(ColumnFault::RunsTooShort { rows: 5, end: 4 }));
    let mut uneven = batch(&[2, 4], 4);
    uneven.nodes[2].0 = 1;
    assert_eq!(structure(runs, uneven), in_a(ColumnFault::ChildTooShort { needed: 2, found: 1 }));
}

#[test]
fn dictionaries_that_are_not_there() {
    let encoded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let keys = |nulls, bits: u8, keys: &[u8; 2]| Forged::rows(2).node(2, nulls).buffer(&[bits]).buffer(keys);
    let values = |id, is_delta| {
        let mut batch = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(b"xy");
        batch.dictionary = Some((id, is_delta));
        batch.message()
    };
    let fault = |id, fault| ReadError::Dictionary { id, fault };
    assert_eq!(full(encoded.clone(), keys(0, 3, &[0, 0])), fault(0, DictionaryFault::Missing));
    // A column of nulls needs no dictionary.
    let message = keys(2, 0, &[7, 7]).message();
    decoder(&encoded).decode(&message).unwrap().validate().unwrap();

    let mut decoder = decoder(&encoded);
    assert_eq!(decoder.dictionary(&values(5, false)), Err(fault(5, DictionaryFault::UnknownId)));
    assert_eq!(decoder.dictionary(&values(0, true)), Err(fault(0, DictionaryFault::DeltaWithoutBase)));
    assert_eq!(decoder.dictionary(&values(0, false)).map(|received| received.values), Ok(2));
    let astray = |index, values| Err(in_a(ColumnFault::DictionaryIndex { index, values }));
    for (key, verdict) in [([1, 2], astray(1, 2)), ([0xff, 0], astray(0, 2)), ([1, 0], Ok(()))] {
        let message = keys(0, 3, &key).message();
        assert_eq!(decoder.decode(&message).unwrap().validate().map(|_| ()), verdict);
    }
    let message = keys(1, 0b01, &[1, 99]).message();
    decoder.decode(&message).unwrap().validate().unwrap();
    assert_eq!(decoder.dictionary(&values(0, true)).map(|received| received.values), Ok(4));
    let message = keys(0, 3, &[3, 0]).message();
    let view = decoder.decode(&message).unwrap().validate().unwrap();
    let bowstring_codec::view::Values::Dictionary(column) = view.column(0).unwrap().values() else {
        panic!("a dictionary column");
    };
    assert_eq!((column.str(0), column.str(1)), (Some("y"), Some("x")));
    // A replacement takes the place of all parts.
    assert_eq!(decoder.dictionary(&values(0, false)).map(|received| received.values), Ok(2));
    assert_eq!(decoder.decode(&message).unwrap().validate().map(|_| ()), astray(0, 2));
    // Broken values do not replace sound ones.
    let mut broken = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 9]).buffer(b"xy");
    broken.dictionary = Some((0, false));
    let outside = ColumnFault::OffsetOutOfBounds { index: 2, limit: 2 };
    assert_eq!(decoder.dictionary(&broken.message()), Err(in_a(outside)));
    let message = keys(0, 3, &[1, 0]).message();
    decoder.decode(&message).unwrap().validate().unwrap();
}

/// A negative key is none, even where taken for an unsigned one it would be.
#[test]
fn negative_keys_of_large_dictionaries() {
    let encoded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Null));
    let mut decoder = decoder(&encoded);
    let mut values = Forged::rows(300).node(300, 300);
    values.dictionary = Some((0, false));
    decoder.dictionary(&values.message()).unwrap();
    let message = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[0xff]).message();
    let fault = ColumnFault::DictionaryIndex { index: 0, values: 300 };
    assert_eq!(decoder.decode(&message).unwrap().validate().map(|_| ()), Err(in_a(fault)));
}

#[test]
fn what_is_not_read_is_named() {
    let int = || Forged::rows(1).node(1, 0).buffer(&[]).i32s(&[7]);
    let refused = |change: fn(&mut Forged)| {
        let mut batch = int();
        change(&mut batch);
        structure(DataType::Int32, batch)
    };
    let compressed = |codec| ReadError::Batch(BatchFault::Compressed(codec));
    assert_eq!(
        refused(|batch| batch.compression = Some(ipc::CompressionType::LZ4_FRAME)),
        compressed(Compression::Lz4Frame)
    );
    assert_eq!(
        refused(|batch| batch.compression = Some(ipc::CompressionType::ZSTD)),
        compressed(Compression::Zstd)
    );
    assert_eq!(
        refused(|batch| batch.compression = Some(ipc::CompressionType(9))),
        compressed(Compression::Unknown(9))
    );
    let metadata = |fault| ReadError::Metadata { at: None, fault };
    assert_eq!(
        refused(|batch| batch.version = ipc::MetadataVersion::V3),
        metadata(MetadataFault::UnsupportedVersion(2))
    );
    assert_eq!(
        refused(|batch| batch.version = ipc::MetadataVersion(77)),
        metadata(MetadataFault::UnsupportedVersion(77))
    );
    assert_eq!(refused(|batch| batch.body_len = Some(-1)), metadata(MetadataFault::NegativeBodyLength(-1)));
    let kind = |expected, found| metadata(MetadataFault::UnexpectedKind { expected, found });
    assert_eq!(refused(|batch| batch.dictionary = Some((0, false))), kind("record batch", 2));
    let error = Decoder::from_schema_message(&int().message()).expect_err("a batch is no schema");
    assert_eq!(error, kind("schema", 3));
    let refusal = refused(|batch| batch.body_len = Some(i64::MAX));
    assert!(matches!(refusal, ReadError::Frame { fault: FrameFault::Truncated { .. }, .. }), "{refusal}");
    let limits = Limits { metadata: 64 };
    let error = Decoder::from_schema_message_within(&schema_message(&[(DataType::Int8, true)]), limits);
    let error = error.expect_err("64 bytes are too few");
    assert!(matches!(
        error,
        ReadError::Frame { at: 4, fault: FrameFault::MetadataTooLong { limit: 64, .. } }
    ));
}

/// Unions had a validity buffer until V4.
#[test]
fn unions_of_old() {
    let fields = UnionFields::try_new(vec![0], vec![item(DataType::Int8)]).unwrap();
    let sparse = DataType::Union(fields, UnionMode::Sparse);
    let mut batch = Forged::rows(1).node(1, 0).node(1, 0).buffer(&[1]).buffer(&[0]).buffer(&[]).buffer(&[7]);
    batch.version = ipc::MetadataVersion::V4;
    let message = batch.message();
    let mut decoder = decoder(&sparse);
    let view = decoder.decode(&message).unwrap().validate().unwrap();
    let child = view.column(0).unwrap().children().next().unwrap();
    assert_eq!(child.as_slice::<i8>(), Some(&[7][..]));
    batch.nodes[0].1 = 1;
    assert_eq!(structure(sparse.clone(), batch.clone()), in_a(ColumnFault::NullsNotAllowed { nulls: 1 }));
    batch.nodes[0].1 = 0;
    batch.version = ipc::MetadataVersion::V5;
    let fault = BatchFault::BufferCount { expected: 3, found: 4 };
    assert_eq!(structure(sparse, batch), ReadError::Batch(fault));
}

/// Every prefix of a message is refused, and every prefix of a stream harmless.
#[test]
fn truncation_at_every_byte() {
    let text = DataType::Utf8;
    let message = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(b"xy").message();
    let mut decoder = decoder(&text);
    decoder.decode(&message).unwrap();
    for cut in 0..message.len() {
        let part = Buffer::from(&message[..cut]);
        let error = decoder.decode(&part).expect_err("a part of a message");
        assert!(
            matches!(error, ReadError::Frame { fault: FrameFault::Truncated { .. }, .. }),
            "{cut}: {error}"
        );
    }
    let schema = schema_message(&[(text, true)]);
    let stream = [&schema[..], &message, &message].concat();
    for cut in 0..stream.len() {
        let outcome = fuzz::stream(&stream[..cut]);
        let whole = (cut.saturating_sub(schema.len())) / message.len();
        assert_eq!(outcome.batches.len(), whole, "{cut}");
        let between = cut >= schema.len() && (cut - schema.len()).is_multiple_of(message.len());
        assert_eq!(outcome.error.is_none(), between, "{cut}");
    }
}

/// Every single bit of a stream, flipped.
#[test]
fn every_bit_flipped() {
    let struct_of = DataType::Struct(vec![Field::new("x", DataType::Utf8, false)].into());
    let schema = schema_message(&[(struct_of, true), (DataType::Utf8View, true)]);
    let mut batch = Forged::rows(2).node(2, 1).node(2, 0).node(2, 0);
    batch = batch.buffer(&[2]).buffer(&[]).i32s(&[0, 1, 3]).buffer("xé".as_bytes());
    batch = batch.buffer(&[]).buffer(&[0; 32]).buffer(b"0123456789abcdef");
    batch.variadic = vec![1];
    let mut stream = [&schema[..], &batch.message()].concat();
    assert_eq!(fuzz::stream(&stream).error, None);
    for bit in 0..stream.len() * 8 {
        stream[bit / 8] ^= 1 << (bit % 8);
        fuzz::stream(&stream);
        stream[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Rows of nulls take up no bytes, so parts of a dictionary can have more of them together than can be counted.
#[test]
fn parts_that_cannot_be_counted() {
    let most = (usize::MAX >> 8) as i64;
    let list = || Forged::rows(1).node(1, 0).node(most, most).buffer(&[]);
    for (values, part) in [
        (DataType::List(item(DataType::Null)), list().i32s(&[0, 0])),
        (DataType::LargeList(item(DataType::Null)), list().i64s(&[0, most])),
        (DataType::LargeListView(item(DataType::Null)), list().i64s(&[0]).i64s(&[most])),
        (DataType::FixedSizeList(item(DataType::Null), i32::MAX), list()),
        (DataType::Null, Forged::rows(most).node(most, most)),
    ] {
        let encoded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(values.clone()));
        let message = |is_delta| {
            let mut batch = part.clone();
            batch.dictionary = Some((0, is_delta));
            batch.message()
        };
        let mut decoder = decoder(&encoded);
        decoder.dictionary(&message(false)).unwrap();
        let delta = message(true);
        (0..255).for_each(|_| assert!(decoder.dictionary(&delta).is_ok(), "{values}"));
        let batch = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[0]).message();
        let refused = decoder.record_batch(&batch, Align::Refuse).map(|_| ());
        assert!(matches!(refused, Err(ImportError::DictionaryParts { id: 0, .. })), "{values}: {refused:?}");
    }
}

/// A child that may not be null may be where its parent is, in structs and fixed-size lists, and nowhere else.
#[test]
fn nulls_below_nulls() {
    let strict = |name: &str| Arc::new(Field::new(name, DataType::Int8, false));
    let verdict = |data_type: DataType, batch: Forged| {
        let message = batch.message();
        decoder(&data_type).decode(&message).expect("a sound structure").validate().map(|_| ())
    };
    let fault =
        |path: &str| Err(ReadError::Column { path: path.into(), fault: ColumnFault::NullInNonNullable });
    let pair = || DataType::Struct(vec![strict("x")].into());
    // Ten rows, so that a whole byte of bits and a part of one are compared.
    let structs = |parent: u16, child: u16| {
        let nulls = |bits: u16| 10 - i64::from((bits & 0x3ff).count_ones());
        let batch = Forged::rows(10).node(10, nulls(parent)).node(10, nulls(child));
        batch.buffer(&parent.to_le_bytes()).buffer(&child.to_le_bytes()).buffer(&[0; 10])
    };
    assert_eq!(verdict(pair(), structs(0b11_1111_1110, 0b11_1111_1110)), Ok(()));
    assert_eq!(verdict(pair(), structs(0b01_1111_1110, 0b11_1111_1111)), Ok(()));
    assert_eq!(verdict(pair(), structs(0b11_1111_1110, 0b11_1111_1101)), fault("a.x"));
    assert_eq!(verdict(pair(), structs(0b01_1111_1111, 0b10_1111_1111)), fault("a.x"));
    assert_eq!(verdict(pair(), structs(0b11_1111_1111, 0b11_1111_1110)), fault("a.x"));
    assert_eq!(verdict(pair(), structs(0b11_1111_1110, 0b11_1111_1111)), Ok(()));
    assert_eq!(verdict(pair(), structs(0b01_1111_1111, 0b01_1111_1111)), Ok(()));
    assert_eq!(verdict(pair(), structs(0b01_1111_1111, 0b01_1111_1110)), fault("a.x"));

    let fixed = || DataType::FixedSizeList(strict("item"), 2);
    let lists = |parent: u8, child: u8| {
        let nulls = |bits: u8, of: i64| of - i64::from(bits.count_ones());
        let batch = Forged::rows(2).node(2, nulls(parent, 2)).node(4, nulls(child, 4));
        batch.buffer(&[parent]).buffer(&[child]).buffer(&[0; 4])
    };
    assert_eq!(verdict(fixed(), lists(0b01, 0b0011)), Ok(()));
    assert_eq!(verdict(fixed(), lists(0b01, 0b0101)), fault("a.item"));
    assert_eq!(verdict(fixed(), lists(0b11, 0b0111)), fault("a.item"));

    let list = || DataType::List(strict("item"));
    let lists = |child: u8| {
        let batch = Forged::rows(1).node(1, 0).node(2, 2 - i64::from(child.count_ones()));
        batch.buffer(&[]).i32s(&[0, 1]).buffer(&[child]).buffer(&[0; 2])
    };
    assert_eq!(verdict(list(), lists(0b11)), Ok(()));
    assert_eq!(verdict(list(), lists(0b01)), fault("a.item"));
}
