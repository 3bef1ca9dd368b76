//! arrow-rs reads messages built in place as intended, with any old content of the region; and misuse is an error.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/feed.rs"]
mod feed;
mod support;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, UnionFields, UnionMode};
use bowstring_codec::build::VariableOf;
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{BuildError, Dictionaries, OnGrowth, Plan, Shape};
use proptest::prelude::*;
use support::{Region, read_stream};

/// Builds a message in a region that held `fill`.
fn build(shape: &Shape, columns: &[ArrayRef], rows: usize, fill: u8) -> Vec<u8> {
    let mut region = Region::new(shape.len() + 64, fill);
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut fields = message.fields();
    for column in columns {
        feed::feed(&mut fields, std::slice::from_ref(column)).unwrap();
    }
    assert_eq!(fields.next_type(), None);
    let len = message.finish(rows).unwrap();
    assert_eq!(region.bytes()[len..], [fill; 64], "bytes behind the message");
    region.bytes()[..len].to_vec()
}

/// Returns a stream whose every message is built in place.
fn stream(batch: &RecordBatch, spare: usize, fill: u8) -> Result<Vec<u8>, BuildError> {
    let plan = Plan::new(batch.schema()).unwrap();
    let capacity = |field: bowstring_codec::build::Variable<'_>| match field.of {
        VariableOf::Bytes => 150 * field.rows + spare,
        VariableOf::Runs => field.rows,
        VariableOf::ListRows => 20.max(4 * field.rows) + spare,
        VariableOf::UnionRows => 4000,
    };
    let mut out = plan.schema_message().to_vec();
    let mut updates = Vec::new();
    Dictionaries::new(plan.clone(), OnGrowth::Replace).updates(batch, &mut updates).unwrap();
    for update in updates {
        let rows = update.values.len();
        let shape = Shape::dictionary(&plan, update.index, rows + spare, capacity)?;
        out.extend(build(&shape, &[update.values], rows, fill));
    }
    let shape = Shape::new(&plan, batch.num_rows() + spare, capacity)?;
    out.extend(build(&shape, batch.columns(), batch.num_rows(), fill));
    out.extend(bowstring_codec::END_OF_STREAM);
    Ok(out)
}

fn check(batch: &RecordBatch) {
    for spare in [0, 70] {
        let built = stream(batch, spare, 0xaa).unwrap();
        assert_eq!(read_stream(&built), std::slice::from_ref(batch));
        assert!(built == stream(batch, spare, 0x55).unwrap(), "old bytes in {:?}", batch.schema());
    }
}

#[test]
fn every_type_is_built_as_it_was_meant() {
    for data_type in testing::every_type() {
        for seed in 0..12u8 {
            let bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(seed).wrapping_add(seed >> 1)).collect();
            let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
            let rows = [0, 1, 7, 8, 9, 64, 40, 33][seed as usize % 8];
            check(&testing::batch_of(&mut Source::new(&bytes), &schema, rows));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn batches_are_built_as_they_were_meant(batches in testing::batches()) {
        // Runs in lists of lists: room for every row there may be is more than run ends of 16 bits count.
        let narrow_runs = format!("{:?}", batches[0].schema()).contains("\"run_ends\", data_type: Int16");
        match stream(&batches[0], 70, 0) {
            Err(BuildError::TooLarge { .. }) if narrow_runs => {}
            _ => check(&batches[0]),
        }
    }
}

fn one(data_type: DataType, nullable: bool) -> Arc<Plan> {
    Plan::new(Arc::new(Schema::new(vec![Field::new("c", data_type, nullable)]))).unwrap()
}

#[test]
fn regions_are_checked() {
    let shape = Shape::new(&one(DataType::Int64, false), 10, |_| 0).unwrap();
    let mut region = Region::new(shape.len() + 64, 0);
    let len = shape.len();
    let off = shape.begin(&mut region.bytes()[8..]).err();
    assert_eq!(off, Some(BuildError::RegionMisaligned { by: 8 }));
    let short = shape.begin(&mut region.bytes()[..len - 1]).err();
    assert_eq!(short, Some(BuildError::RegionTooSmall { needed: len, given: len - 1 }));
}

#[test]
fn rows_and_bytes_beyond_the_capacity_are_refused_and_nothing_is_lost() {
    let plan = Plan::new(Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("s", DataType::Utf8, true),
    ])))
    .unwrap();
    let shape = Shape::new(&plan, 2, |_| 8).unwrap();
    let mut region = Region::new(shape.len(), 0xaa);
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut fields = message.fields();
    let mut n = fields.fixed::<Int64Type>().unwrap();
    let mut s = fields.strings().unwrap();
    assert_eq!(fields.booleans().err(), Some(BuildError::NoMoreFields));
    assert_eq!(n.push_null(), Err(BuildError::NotNullable { node: 0 }));
    assert_eq!(n.extend_from_slice(&[1, 2, 3]), Err(BuildError::TooManyRows { node: 0, capacity: 2 }));
    assert_eq!(n.advance(1), Err(BuildError::NoSuchRow { node: 0, row: 0 }));
    n.extend_from_slice(&[1, 2]).unwrap();
    assert_eq!(n.push(3), Err(BuildError::TooManyRows { node: 0, capacity: 2 }));
    s.push("12345").unwrap();
    let full = BuildError::CapacityExceeded { node: 1, needed: 9, capacity: 8 };
    assert_eq!(s.push("6789"), Err(full));
    assert_eq!(s.push_fmt(format_args!("{}{}", 67, 89)), Err(full));
    assert_eq!(s.set_null(2), Err(BuildError::NoSuchRow { node: 1, row: 2 }));
    s.push("678").unwrap();
    n.finish().unwrap();
    s.finish();
    let len = message.finish(2).unwrap();
    let mut bytes = plan.schema_message().to_vec();
    bytes.extend(&region.bytes()[..len]);
    let read = &read_stream(&bytes)[0];
    assert_eq!(read.column(1).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["12345", "678"]);
}

#[test]
fn fields_that_are_unfinished_or_disagree_are_found_and_can_be_filled_again() {
    let item = Arc::new(Field::new("item", DataType::Int32, false));
    let plan = one(DataType::List(item), false);
    let shape = Shape::new(&plan, 4, |_| 4).unwrap();
    let mut region = Region::new(shape.len(), 0xaa);
    let mut message = shape.begin(region.bytes()).unwrap();
    assert_eq!(message.finish(0), Err(BuildError::Unfinished { node: 0 }));
    let mut fill = |lists: usize, items: usize, rows| {
        let mut fields = message.fields();
        let mut list = fields.lists().unwrap();
        list.push(lists).unwrap();
        assert_eq!(
            list.push(9),
            Err(BuildError::CapacityExceeded { node: 0, needed: 9 + lists, capacity: 4 })
        );
        assert_eq!(fields.fixed::<Int64Type>().err(), Some(BuildError::WrongType { node: 1 }));
        let mut item = fields.fixed::<Int32Type>().unwrap();
        item.fill_with(items, |row| row as i32).unwrap();
        item.finish().unwrap();
        list.finish();
        message.finish(rows)
    };
    assert_eq!(fill(3, 2, 1), Err(BuildError::RowCount { node: 1, expected: 3, found: 2 }));
    assert_eq!(fill(2, 2, 2), Err(BuildError::RowCount { node: 0, expected: 2, found: 1 }));
    assert_eq!(fill(2, 2, 1), Ok(shape.len()));
    let mut fields = message.fields();
    fields.lists().unwrap().finish();
    assert_eq!(message.finish(0), Err(BuildError::Unfinished { node: 1 }));
}

#[test]
fn keys_type_ids_runs_and_widths_are_checked() {
    let text = || Box::new(DataType::Utf8);
    let shape =
        Shape::new(&one(DataType::Dictionary(Box::new(DataType::Int8), text()), true), 4, |_| 0).unwrap();
    let mut region = Region::new(4096, 0);
    let mut message = shape.begin(region.bytes()).unwrap();
    for (key, bad) in [(3, true), (-1, true), (2, false)] {
        let mut keys = message.fields().keys::<Int8Type>(3).unwrap();
        keys.push(0).unwrap();
        keys.push(key).unwrap();
        let expected = if bad { Err(BuildError::NoSuchKey { node: 0, row: 1 }) } else { Ok(()) };
        assert_eq!(keys.finish(), expected);
    }
    let mut keys = message.fields().keys::<Int8Type>(3).unwrap();
    keys.push(9).unwrap();
    keys.set_null(0).unwrap();
    assert_eq!(keys.finish(), Ok(()), "the key of a null means nothing");

    let children = UnionFields::try_new([3], [Field::new("a", DataType::Int32, true)]).unwrap();
    let shape = Shape::new(&one(DataType::Union(children, UnionMode::Dense), true), 4, |_| 1).unwrap();
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut union = message.fields().unions().unwrap();
    assert_eq!(union.push(-3), Err(BuildError::NoSuchTypeId { node: 0, id: -3 }));
    assert_eq!(union.push(0), Err(BuildError::NoSuchTypeId { node: 0, id: 0 }));
    union.push(3).unwrap();
    assert_eq!(union.push(3), Err(BuildError::CapacityExceeded { node: 0, needed: 2, capacity: 1 }));

    let ends = Arc::new(Field::new("run_ends", DataType::Int16, false));
    let runs = DataType::RunEndEncoded(ends, Arc::new(Field::new("values", DataType::Int8, true)));
    assert_eq!(
        Shape::new(&one(runs.clone(), true), 40_000, |_| 1).err(),
        Some(BuildError::TooLarge { node: 0 })
    );
    let shape = Shape::new(&one(runs, true), 4, |_| 1).unwrap();
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut runs = message.fields().runs().unwrap();
    assert_eq!(runs.push(0), Err(BuildError::EmptyRun { node: 0 }));
    runs.push(2).unwrap();
    assert_eq!(runs.push(1), Err(BuildError::TooManyRows { node: 1, capacity: 1 }));
    assert_eq!((runs.len(), runs.runs()), (2, 1));

    let shape = Shape::new(&one(DataType::FixedSizeBinary(3), false), 4, |_| 0).unwrap();
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut bytes = message.fields().fixed_bytes().unwrap();
    assert_eq!(bytes.push(b"ab"), Err(BuildError::WrongWidth { node: 0, width: 3 }));

    let too_long = Shape::new(&one(DataType::Utf8, false), 4, |_| i32::MAX as usize + 1).err();
    assert_eq!(too_long, Some(BuildError::TooLarge { node: 0 }));
    let too_many = Shape::new(&one(DataType::Int64, false), usize::MAX / 8, |_| 0).err();
    assert_eq!(too_many, Some(BuildError::TooLarge { node: 0 }));
}

#[test]
fn what_is_not_written_is_zero_unless_stale_values_were_asked_for() {
    let plan = one(DataType::Int64, false);
    let shape = Shape::new(&plan, 4, |_| 0).unwrap();
    let mut region = Region::new(shape.len(), 0xaa);
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut n = message.fields().fixed::<Int64Type>().unwrap();
    n.push(1).unwrap();
    n.rest_mut()[0] = 1;
    assert_eq!(n.rest()[..2], [1, 0]);
    n.rest_mut()[0] = 2;
    n.advance(3).unwrap();
    assert_eq!(n.written_mut(), [1, 2, 0, 0]);
    let mut n = message.fields().fixed::<Int64Type>().unwrap();
    n.stale_rest_mut()[0] = 5;
    n.advance(2).unwrap();
    assert_eq!(n.written_mut(), [5, 2]);
}

#[test]
fn bits_behind_the_last_row_are_cleared() {
    let shape = Shape::new(&one(DataType::Boolean, true), 10, |_| 0).unwrap();
    let mut region = Region::new(shape.len(), 0xaa);
    let mut message = shape.begin(region.bytes()).unwrap();
    let mut bits = message.fields().booleans().unwrap();
    assert_eq!(bits.advance(1), Err(BuildError::NoSuchRow { node: 0, row: 0 }));
    bits.bits_mut().fill(0xff);
    bits.advance(3).unwrap();
    bits.set_null(1).unwrap();
    bits.finish();
    let len = message.finish(3).unwrap();
    // Two buffers, validity and values, each in 64 bytes of its own.
    let body = &region.bytes()[len - 128..];
    assert_eq!((body[0], body[64]), (0b101, 0b111));
    assert!(body[1..64].iter().chain(&body[65..]).all(|byte| *byte == 0));
}
