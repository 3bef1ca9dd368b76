//! No heap on the hot path: encoding a second batch, tracking its dictionaries, and building in place, for
//! every type.
//!
//! # Safety
//!
//! A global allocator that passes every call on to the system's, unchanged, and counts it.

// checks: codec-heap-free
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrowPrimitiveType, downcast_integer, downcast_primitive};
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::build::{Fields, VariableOf};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{BuildError, Dictionaries, EncodeError, Encoder, OnGrowth, Plan, Shape, StreamWriter};
use support::Region;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every method passes its arguments on to `System`, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the pointer came from `System`, with this layout, and the caller vouches for the size.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of allocator calls, freeing included, that `work` makes on this thread.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNT.get();
    let done = work();
    (done, COUNT.get() - before)
}

fn schema(data_type: DataType) -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("c", data_type, true)]))
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(std::hint::black_box(vec![1u8; 100]))).1, 2);
}

#[test]
fn a_second_batch_is_encoded_without_heap() {
    for data_type in testing::every_type() {
        for seed in 1..6u8 {
            let bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(seed)).collect();
            let mut source = Source::new(&bytes);
            let schema = schema(data_type.clone());
            let first = testing::batch_of(&mut source, &schema, 50);
            let second = first.slice(3, 40);
            let mut encoder = Encoder::new(Plan::new(schema).unwrap());
            let mut sent = Dictionaries::new(encoder.plan().clone(), OnGrowth::Delta);
            let mut updates = Vec::new();
            sent.updates(&first, &mut updates).unwrap();
            let values: Vec<_> = updates.iter().map(|update| (update.index, update.values.clone())).collect();
            updates.drain(..).for_each(|update| sent.note(update));
            let mut region = Region::new(1 << 20, 0);
            encoder.encode(&first, region.bytes()).unwrap();
            let mut take = |_: usize, _: &[&[u8]]| Ok::<_, EncodeError>(());
            encoder.encode_to(&first, &mut take).unwrap();
            for (index, values) in &values {
                encoder.encode_dictionary(*index, values, false, region.bytes()).unwrap();
            }
            let ((), calls) = counted(|| {
                sent.updates(&second, &mut updates).unwrap();
                let len = encoder.encoded_len(&second).unwrap();
                assert_eq!(encoder.encode(&second, region.bytes()), Ok(len));
                assert_eq!(encoder.encode_to(&second, &mut take), Ok(len));
                for (index, values) in &values {
                    encoder.encode_dictionary(*index, values, true, region.bytes()).unwrap();
                }
            });
            assert!(updates.is_empty());
            assert_eq!(calls, 0, "{data_type}");
        }
    }
}

#[test]
fn a_stream_is_written_on_without_heap() {
    for data_type in testing::every_type() {
        let schema = schema(data_type.clone());
        let batch = testing::batch_of(&mut Source::new(&[1; 200]), &schema, 50);
        let plan = Plan::new(schema).unwrap();
        let mut writer = StreamWriter::new(std::io::sink(), plan, OnGrowth::Replace).unwrap();
        writer.write(&batch).unwrap();
        let (result, calls) = counted(|| writer.write(&batch));
        result.unwrap();
        assert_eq!(calls, 0, "{data_type}");
    }
}

/// Fills the next field, and those below it, with `rows` arbitrary rows, the first of them null.
fn fill(fields: &mut Fields<'_>, rows: usize) -> Result<(), BuildError> {
    macro_rules! primitive {
        ($type:ty) => {{
            let mut column = fields.fixed::<$type>()?;
            column.fill_with(rows - 1, |_| Default::default())?;
            column.push(<$type as ArrowPrimitiveType>::default_value())?;
            let _ = column.set_null(0);
            column.finish()?;
        }};
    }
    macro_rules! keys {
        ($type:ty) => {{
            let mut column = fields.keys::<$type>(1)?;
            column.rest_mut();
            column.advance(rows)?;
            column.finish()?;
        }};
    }
    let Some(data_type) = fields.next_type() else { return Err(BuildError::NoMoreFields) };
    downcast_primitive! {
        data_type => (primitive),
        DataType::Boolean => {
            let mut column = fields.booleans()?;
            column.push_null()?;
            (1..rows).try_for_each(|_| column.push(true))?;
            column.finish();
        }
        DataType::FixedSizeBinary(width) => {
            let mut column = fields.fixed_bytes()?;
            (0..rows).try_for_each(|_| column.push(&[7; 16][..*width as usize]))?;
            column.finish();
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let mut column = fields.strings()?;
            column.push("no longer than that")?;
            (1..rows).try_for_each(|row| column.push_fmt(format_args!("row {row} of {rows}")))?;
            column.finish();
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let mut column = fields.binaries()?;
            column.push_null()?;
            (1..rows).try_for_each(|_| column.push(b"no longer than that"))?;
            column.finish();
        }
        DataType::Null | DataType::Struct(_) | DataType::FixedSizeList(..) => {
            let mut column = fields.rows()?;
            column.push(rows)?;
            column.finish();
            match data_type {
                DataType::Struct(children) => children.iter().try_for_each(|_| fill(fields, rows))?,
                DataType::FixedSizeList(_, 0) => fill_nothing(fields)?,
                DataType::FixedSizeList(_, size) => fill(fields, rows * *size as usize)?,
                _ => (),
            }
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::Map(..) => {
            let mut column = fields.lists()?;
            (0..rows).try_for_each(|_| column.push(2))?;
            column.finish();
            fill(fields, 2 * rows)?;
        }
        DataType::ListView(_) | DataType::LargeListView(_) => {
            let mut column = fields.list_views()?;
            (0..rows).try_for_each(|row| column.push(row, 2))?;
            column.finish();
            fill(fields, rows + 1)?;
        }
        DataType::Union(children, mode) => {
            let mut column = fields.unions()?;
            for _ in 0..rows {
                children.iter().try_for_each(|(id, _)| column.push(id))?;
            }
            column.finish();
            let all = if *mode == arrow_schema::UnionMode::Sparse { children.len() } else { 1 };
            children.iter().try_for_each(|_| fill(fields, rows * all))?;
        }
        DataType::RunEndEncoded(..) => {
            let mut column = fields.runs()?;
            (0..rows).try_for_each(|_| column.push(1))?;
            column.finish();
            fill(fields, rows)?;
        }
        DataType::Dictionary(key, _) => downcast_integer! {
            **key => (keys),
            _ => unreachable!("{key} is no key")
        },
        other => unreachable!("{other} can be built")
    }
    Ok(())
}

/// Finishes a field of no rows, of the types that lists of size 0 are tested with.
fn fill_nothing(fields: &mut Fields<'_>) -> Result<(), BuildError> {
    match fields.next_type() {
        Some(DataType::Int32) => fields.fixed::<Int32Type>()?.finish()?,
        Some(DataType::List(_)) => {
            fields.lists()?.finish();
            fields.booleans()?.finish();
        }
        _ => fields.strings()?.finish(),
    }
    Ok(())
}

#[test]
fn every_type_is_built_without_heap() {
    for data_type in testing::every_type() {
        let plan = Plan::new(schema(data_type.clone())).unwrap();
        let union = matches!(data_type, DataType::Union(..));
        let shape = Shape::new(&plan, 100, |field| match field.of {
            VariableOf::Bytes => 40 * field.rows.max(1),
            _ => 400,
        })
        .unwrap();
        let mut region = Region::new(shape.len(), 0);
        let rows = if union { 20 } else { 10 };
        let ((), calls) = counted(|| {
            let mut message = shape.begin(region.bytes()).unwrap();
            fill(&mut message.fields(), 10).unwrap();
            assert_eq!(message.finish(rows), Ok(shape.len()));
        });
        assert_eq!(calls, 0, "{data_type}");
        let mut stream = plan.schema_message().to_vec();
        if plan.layout().dictionaries().is_empty() {
            stream.extend(region.bytes().iter());
            assert_eq!(support::read_stream(&stream)[0].num_rows(), rows);
        }
    }
}
