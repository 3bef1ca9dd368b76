//! Decoding a batch, checking it fully, and using all of it allocates nothing, for any type.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::decode::{Decoder, MessageKind};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{OnGrowth, Plan, StreamWriter};

thread_local! {
    /// Allocations of this thread. Other tests have threads of their own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every method passes its arguments on to `System`; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let value = work();
    (value, ALLOCATIONS.get() - before)
}

/// Reads a stream, and counts the allocations of its batches; dictionaries are read in between, uncounted.
fn count(stream: &Buffer) -> usize {
    let mut decoder = Decoder::from_schema_message(stream).unwrap();
    let mut at = message_len(stream);
    let mut total = 0;
    loop {
        let message = stream.slice(at);
        // The metadata is copied by this already.
        let (kind, peeking) = counted(|| decoder.peek(&message).unwrap());
        match kind {
            MessageKind::Dictionary => {
                decoder.dictionary(&message).unwrap();
            }
            MessageKind::Batch => {
                let ((), allocations) = counted(|| {
                    let view = decoder.decode(&message).unwrap();
                    testing::touch(&view);
                    let view = view.validate().unwrap();
                    testing::touch(&view);
                    view.columns().for_each(|column| testing::touch_full(&column));
                });
                total += peeking + allocations;
            }
            _ => return total,
        }
        at += message_len(&message);
    }
}

/// Returns the length of the message at the start of some bytes, from its frame and metadata.
fn message_len(bytes: &[u8]) -> usize {
    let length = i32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let message = arrow_ipc::root_as_message(&bytes[8..8 + length]).unwrap();
    8 + length + message.bodyLength() as usize
}

fn stream(batches: &[RecordBatch]) -> Buffer {
    let mut writer =
        StreamWriter::new(Vec::new(), Plan::new(batches[0].schema()).unwrap(), OnGrowth::Delta).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    Buffer::from(writer.finish().unwrap().as_slice())
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| vec![1_u8; 100]).1, 1);
    assert_eq!(counted(|| 1 + 1).1, 0);
}

#[test]
fn every_type_takes_no_heap() {
    for data_type in testing::every_type() {
        for seed in 0..8u8 {
            let bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(seed).wrapping_add(seed >> 1)).collect();
            let mut source = Source::new(&bytes);
            let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
            let batches: Vec<_> =
                [33, 0, 100].map(|rows| testing::batch_of(&mut source, &schema, rows)).to_vec();
            assert_eq!(count(&stream(&batches)), 0, "{data_type}");
        }
    }
}

#[test]
fn batches_of_all_types_at_once_take_no_heap() {
    let fields: Vec<_> =
        testing::every_type().into_iter().map(|data_type| Field::new("c", data_type, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batches: Vec<_> =
        (0..3u8).map(|seed| testing::batch_of(&mut Source::new(&[seed; 300]), &schema, 50)).collect();
    assert_eq!(count(&stream(&batches)), 0);
}

/// arrow-rs writes other paddings and fewer 64-byte boundaries; reading that allocates nothing either.
#[test]
fn streams_from_arrow_take_no_heap() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("a", arrow_schema::DataType::Int64, true),
        Field::new("b", arrow_schema::DataType::Utf8, true),
        Field::new("c", arrow_schema::DataType::Utf8View, true),
    ]));
    let batch = testing::batch_of(&mut Source::new(b"some choices"), &schema, 1000);
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &schema).unwrap();
    (0..3).for_each(|_| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    assert_eq!(count(&Buffer::from(writer.into_inner().unwrap().as_slice())), 0);
}

/// The space planned for a message's metadata is enough for any number of columns.
#[test]
fn many_columns_take_no_heap() {
    for data_type in [DataType::Int64, DataType::Utf8, DataType::Utf8View, DataType::Null] {
        let field = |i: usize| Field::new(format!("c{i}"), data_type.clone(), true);
        let schema = Arc::new(Schema::new((0..2000).map(field).collect::<Vec<_>>()));
        let batch = RecordBatch::new_empty(schema);
        assert_eq!(count(&stream(&[batch])), 0, "2000 columns of {data_type}");
    }
}

/// As many view buffers as are planned for: eight for each column.
#[test]
fn many_buffers_of_views_take_no_heap() {
    let mut views = StringViewBuilder::new().with_fixed_block_size(16);
    (0..8).for_each(|i| views.append_value(format!("too long for a view {i}")));
    let column: ArrayRef = Arc::new(views.finish());
    assert_eq!(column.as_string_view().data_buffers().len(), 8);
    for columns in [1, 100, 500] {
        let batch = RecordBatch::try_from_iter((0..columns).map(|i| (format!("c{i}"), column.clone())));
        assert_eq!(count(&stream(&[batch.unwrap()])), 0, "{columns} columns");
    }
}

/// Arrays are heap objects: one for each column of a usual type, and one for the list of them.
#[test]
fn arrays_take_one_allocation_a_column() {
    use arrow_schema::TimeUnit;
    use bowstring_codec::interop::Align;
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Zurich".into()));
    let types = [
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::Float64,
        DataType::Decimal128(20, 3),
        DataType::Date32,
        zoned,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Binary,
        DataType::LargeBinary,
    ];
    let fields = types.iter().map(|data_type| Field::new("c", data_type.clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = testing::batch_of(&mut Source::new(&[9; 300]), &schema, 1000);
    let stream = stream(std::slice::from_ref(&batch));
    let mut decoder = Decoder::from_schema_message(&stream).unwrap();
    let message = stream.slice(message_len(&stream));
    // The first call makes what all share: a buffer without bytes.
    decoder.record_batch(&message, Align::Refuse).unwrap();
    let (imported, allocations) = counted(|| decoder.record_batch(&message, Align::Refuse).unwrap());
    assert_eq!(imported.batch, batch);
    assert_eq!(allocations, types.len() + 1);
}
