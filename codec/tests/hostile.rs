//! Malformed input is an error that names the fault and its position.

// checks: codec-hostile
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/forge.rs"]
mod forge;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::{DataType, Field, UnionFields, UnionMode};
use bowstring_codec::decode::{
    BatchFault, BufferRole, ColumnFault, Compression, Decoder, FrameFault, Limits, MetadataFault, ReadError,
};
use bowstring_codec::testing::fuzz;
use forge::{Forged, decoder, in_a, item, schema_message, structure};

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
    // Buffers may overlap, and empty ones may be anywhere.
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
    // A child that is too long is cut.
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
    let limits = Limits { metadata: 64, ..Limits::default() };
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
