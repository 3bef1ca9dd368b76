//! Values that no other value may rely on: full validation names the fault and its position.

// checks: codec-hostile
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/forge.rs"]
mod forge;

use std::sync::Arc;

use arrow_schema::{DataType, Field, UnionFields, UnionMode};
use bowstring_codec::decode::{BufferRole, ColumnFault, Decoder, DictionaryFault, ReadError};
use bowstring_codec::interop::{Align, ImportError};
use forge::{Forged, decoder, full, in_a, item, schema_message, structure, unlimited};

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
    // Accessors at the level of structure return nothing for such offsets.
    let message = text(&[3, 1, i32::MAX]).message();
    let mut decoder = decoder(&utf8());
    let bytes = decoder.decode(&message).unwrap().column(0).unwrap().as_bytes().unwrap();
    assert_eq!((bytes.get(0), bytes.get(1), bytes.get(2)), (None, None, None));

    let list = DataType::List(item(DataType::Int8));
    let batch = Forged::rows(1).node(1, 0).node(2, 0).buffer(&[]).i32s(&[0, 3]).buffer(&[]).buffer(&[1, 2]);
    assert_eq!(full(list, batch), in_a(ColumnFault::OffsetOutOfBounds { index: 1, limit: 2 }));
    let views = DataType::ListView(item(DataType::Int8));
    let large = DataType::LargeListView(item(DataType::Int8));
    let batch = || Forged::rows(2).node(2, 0).node(2, 0).buffer(&[]);
    let ends = [(2, 1), (0, 3), (-1, 1), (1, -1), (-1, -1)];
    let narrow = ends.into_iter().chain([(i32::MAX, i32::MAX), (i32::MIN, i32::MIN)]);
    let ends = ends.map(|(offset, size)| (i64::from(offset), i64::from(size)));
    let wide = ends.into_iter().chain([(i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (i64::MIN, 1)]);
    let narrow = narrow.map(|(offset, size)| {
        (&views, [batch().i32s(&[offset, 0]).i32s(&[size, 2]), batch().i32s(&[1, offset]).i32s(&[1, size])])
    });
    let wide = wide.map(|(offset, size)| {
        (&large, [batch().i64s(&[offset, 0]).i64s(&[size, 2]), batch().i64s(&[1, offset]).i64s(&[1, size])])
    });
    for (views, batches) in narrow.chain(wide) {
        for (index, batch) in batches.into_iter().enumerate() {
            let outside = ColumnFault::OffsetOutOfBounds { index, limit: 2 };
            assert_eq!(full(views.clone(), batch.buffer(&[]).buffer(&[1, 2])), in_a(outside));
        }
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
    // A replacement replaces all parts.
    assert_eq!(decoder.dictionary(&values(0, false)).map(|received| received.values), Ok(2));
    assert_eq!(decoder.decode(&message).unwrap().validate().map(|_| ()), astray(0, 2));
    // Broken values do not replace valid ones.
    let mut broken = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 9]).buffer(b"xy");
    broken.dictionary = Some((0, false));
    let outside = ColumnFault::OffsetOutOfBounds { index: 2, limit: 2 };
    assert_eq!(decoder.dictionary(&broken.message()), Err(in_a(outside)));
    let message = keys(0, 3, &[1, 0]).message();
    decoder.decode(&message).unwrap().validate().unwrap();
}

/// Keys of each width, signed and not, beside dictionaries around each power of two at which a width ends: exactly
/// the keys that are not below the count are refused.
#[test]
fn keys_at_every_edge() {
    let widths = [
        (DataType::Int8, 8, true),
        (DataType::UInt8, 8, false),
        (DataType::Int16, 16, true),
        (DataType::UInt16, 16, false),
        (DataType::Int32, 32, true),
        (DataType::UInt32, 32, false),
        (DataType::Int64, 64, true),
        (DataType::UInt64, 64, false),
    ];
    let edges = || [7, 8, 15, 16, 31, 32].into_iter().map(|power| 1_i64 << power);
    let counts: Vec<i64> = edges().flat_map(|edge| [edge - 1, edge, edge + 1]).chain([0, 1, 5]).collect();
    for (key_type, bits, signed) in widths {
        let encoded = DataType::Dictionary(Box::new(key_type), Box::new(DataType::Null));
        let read = |key: u64| match signed {
            // The bits above a key's own are cut off.
            true => i128::from((key << (64 - bits)) as i64 >> (64 - bits)),
            false => i128::from(key << (64 - bits) >> (64 - bits)),
        };
        for &count in &counts {
            let mut decoder = unlimited(&encoded);
            let mut values = Forged::rows(count).node(count, count);
            values.dictionary = Some((0, false));
            decoder.dictionary(&values.message()).unwrap();
            let near = [count - 1, count, count + 1, 0, 1, -1, i64::MIN, i64::MAX].map(|key| key as u64);
            let pairs = near.iter().flat_map(|&one| near.iter().map(move |&other| [one, other]));
            let edges = edges().map(|edge| [edge as u64 - 1, edge as u64]);
            for keys in pairs.chain(edges) {
                let bytes: Vec<u8> =
                    keys.iter().flat_map(|key| key.to_le_bytes()[..bits / 8].to_vec()).collect();
                let message = Forged::rows(2).node(2, 0).buffer(&[]).buffer(&bytes).message();
                let astray = keys.iter().position(|&key| !(0..i128::from(count)).contains(&read(key)));
                let expected = match astray {
                    Some(index) => Err(in_a(ColumnFault::DictionaryIndex { index, values: count as usize })),
                    None => Ok(()),
                };
                let verdict = decoder.decode(&message).unwrap().validate().map(|_| ());
                assert_eq!(verdict, expected, "{encoded} of {count}: {keys:?}");
            }
        }
    }
}

/// A negative key is invalid, even if it would be valid as an unsigned one.
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

/// Rows of nulls take up no bytes, so the parts of a dictionary can together have more of them than can be counted.
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
        let mut decoder = unlimited(&encoded);
        decoder.dictionary(&message(false)).unwrap();
        let delta = message(true);
        (0..255).for_each(|_| assert!(decoder.dictionary(&delta).is_ok(), "{values}"));
        let batch = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[0]).message();
        let refused = decoder.record_batch(&batch, Align::Refuse).map(|_| ());
        assert!(matches!(refused, Err(ImportError::DictionaryParts { id: 0, .. })), "{values}: {refused:?}");
    }
}

/// A child that may not be null may be under a null parent, in structs and fixed-size lists, and nowhere else.
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
    // Ten rows, so that a whole byte of bits and a part of one are compared; and as many as make several of both.
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
    for rows in [7_u32, 8, 15, 24, 31] {
        let all = u32::MAX >> (32 - rows);
        let structs = |parent: u32, child: u32| {
            let (parent, child) = (parent & all, child & all);
            let nulls = |bits: u32| i64::from(rows - bits.count_ones());
            let bytes = rows.div_ceil(8) as usize;
            let batch =
                Forged::rows(rows.into()).node(rows.into(), nulls(parent)).node(rows.into(), nulls(child));
            let batch = batch.buffer(&parent.to_le_bytes()[..bytes]).buffer(&child.to_le_bytes()[..bytes]);
            batch.buffer(&[0; 32])
        };
        assert_eq!(verdict(pair(), structs(!0b101, !0b101)), Ok(()));
        for row in 0..rows {
            assert_eq!(verdict(pair(), structs(!0, !(1 << row))), fault("a.x"), "{row} of {rows}");
            assert_eq!(verdict(pair(), structs(!(1 << row), !(1 << row))), Ok(()), "{row} of {rows}");
            // The same bit of two bytes, below a parent that has a null elsewhere.
            let elsewhere = !(1 << ((row + 4) % rows));
            let twice = elsewhere & !(1 << row | 1 << ((row + 8) % rows));
            assert_eq!(verdict(pair(), structs(elsewhere, twice)), fault("a.x"), "{row} of {rows}, twice");
        }
    }

    let fixed = || DataType::FixedSizeList(strict("item"), 2);
    let lists = |parent: u8, child: u8| {
        let nulls = |bits: u8, of: i64| of - i64::from(bits.count_ones());
        let batch = Forged::rows(2).node(2, nulls(parent, 2)).node(4, nulls(child, 4));
        batch.buffer(&[parent]).buffer(&[child]).buffer(&[0; 4])
    };
    assert_eq!(verdict(fixed(), lists(0b01, 0b0011)), Ok(()));
    assert_eq!(verdict(fixed(), lists(0b10, 0b1100)), Ok(()));
    assert_eq!(verdict(fixed(), lists(0b10, 0b0100)), fault("a.item"));
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
