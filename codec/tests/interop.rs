//! Arrays over foreign memory: nothing is copied, and the owner lives as long as any of them.

#[path = "support/forge.rs"]
mod forge;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::interop::{Align, ImportError, share};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{Encoder, Plan, decode::Decoder};
use forge::{Forged, schema_message};

/// Memory that reports when, and on which thread, it is given back.
struct Lease {
    memory: Buffer,
    returned: Sender<std::thread::ThreadId>,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Nobody listens any more once a test has failed.
        let _ = self.returned.send(std::thread::current().id());
    }
}

/// The addresses of all buffers that a column holds, validity included.
fn spans(data: &ArrayData, spans: &mut Vec<(usize, usize)>) {
    let nulls = data.nulls().map(|nulls| nulls.buffer());
    for buffer in data.buffers().iter().chain(nulls) {
        spans.push((buffer.as_ptr().addr(), buffer.len()));
    }
    for child in data.child_data() {
        self::spans(child, spans);
    }
}

#[test]
fn nothing_is_copied_and_the_last_one_returns_the_lease() {
    for data_type in testing::every_type() {
        if has_dictionary(&data_type) {
            // Their values are in messages of their own.
            continue;
        }
        let schema = Arc::new(Schema::new(vec![Field::new("a", data_type.clone(), true)]));
        let batch = testing::batch_of(&mut Source::new(b"choices to make"), &schema, 37);
        let plan = Plan::new(schema).unwrap();
        let mut decoder = Decoder::from_schema_message(plan.schema_message()).unwrap();
        let mut encoder = Encoder::new(plan);
        let mut memory = arrow_buffer::MutableBuffer::from_len_zeroed(encoder.encoded_len(&batch).unwrap());
        encoder.encode(&batch, &mut memory).unwrap();
        let memory = Buffer::from(memory);
        let range = memory.as_ptr().addr()..memory.as_ptr().addr() + memory.len();

        let (returned, was_returned) = channel();
        let shared = share(Lease { memory, returned });
        let view = decoder.decode(&shared).unwrap().validate().unwrap();
        let imported = view.to_record_batch(&shared, Align::Refuse).unwrap();
        assert!(imported.copied.is_empty());
        assert_eq!(imported.batch, batch, "{data_type}");
        drop(shared);

        // All but one part of it go; the lease stays.
        let slice = imported.batch.column(0).slice(1, 2);
        let inside = |data: &ArrayData| {
            let mut found = Vec::new();
            spans(data, &mut found);
            // Arrow itself makes the one offset that a list without rows may have.
            found.retain(|&(_, len)| len > 8);
            let within = |&(start, len): &(usize, usize)| range.contains(&start) && start + len <= range.end;
            assert!(found.iter().all(within), "{data_type} was copied");
            !found.is_empty()
        };
        inside(&imported.batch.column(0).to_data());
        let holds_memory = inside(&slice.to_data());
        drop(imported);
        if !holds_memory {
            // Nulls, for example: nothing is left to keep the lease for.
            continue;
        }
        let copy = slice.to_data();
        assert_eq!(copy, batch.column(0).slice(1, 2).to_data());
        drop(copy);
        assert!(was_returned.try_recv().is_err(), "{data_type}: returned while in use");
        let last = std::thread::spawn(move || {
            drop(slice);
            std::thread::current().id()
        });
        let last = last.join().unwrap();
        assert_eq!(was_returned.try_recv(), Ok(last), "{data_type}: not returned by the last to drop it");
    }
}

fn has_dictionary(data_type: &DataType) -> bool {
    let schema = Schema::new(vec![Field::new("a", data_type.clone(), true)]);
    !bowstring_codec::Layout::new(&schema).expect("a sound schema").dictionaries().is_empty()
}

/// Arrow requires eight bytes, and Rust sixteen where it reads numbers of sixteen.
#[test]
fn what_must_be_copied_is_named() {
    let columns = [
        (DataType::Decimal128(5, 0), true),
        (DataType::Int64, true),
        (DataType::Utf8View, true),
        (DataType::Decimal256(5, 0), true),
        (DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano), true),
    ];
    let schema = schema_message(&columns);
    let mut batch = Forged::rows(1).node(1, 0).node(1, 0).node(1, 0).node(1, 0).node(1, 0);
    let mut sixteen = [0; 16];
    sixteen[0] = 7;
    // Each second buffer begins at an odd multiple of eight from the body's start.
    batch = batch.buffer(&[]).buffer(&sixteen).buffer(&[]).buffer(&sixteen[..8]);
    batch = batch.buffer(&[]).buffer(&[0; 16]).buffer(&[]).buffer(&[3; 32]).buffer(&[]).buffer(&sixteen);
    batch.variadic = vec![0];
    let message = batch.message();
    // Put the body itself where the first decimal is misaligned, then where the others are.
    let mut seen = Vec::new();
    for shift in [0, 8] {
        let mut moved = vec![0; shift];
        moved.extend_from_slice(&message);
        let memory = Buffer::from(moved.as_slice()).slice(shift);
        let mut decoder = Decoder::from_schema_message(&schema).unwrap();
        let view = decoder.decode(&memory).unwrap().validate().unwrap();
        let imported = view.to_record_batch(&memory, Align::Copy).unwrap();
        let refused = view.to_record_batch(&memory, Align::Refuse).map(|_| ());
        assert_eq!(refused, Err(ImportError::Misaligned { fields: imported.copied.clone() }));
        assert!(!imported.copied.is_empty());
        for column in imported.batch.columns() {
            column.to_data().validate_full().unwrap();
        }
        testing::assert_agree(&view, &imported.batch);
        seen.extend(imported.copied);
    }
    seen.sort();
    let seen: Vec<&str> = seen.iter().map(|field| &**field).collect();
    assert_eq!(seen, ["a", "c", "d"], "each of the three in one of two places, and no other");
}

#[test]
fn memory_must_be_the_messages_own() {
    let schema = schema_message(&[(DataType::Int32, true)]);
    let message = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[1, 2]).message();
    let other = Buffer::from(message.as_slice());
    let mut decoder = Decoder::from_schema_message(&schema).unwrap();
    let view = decoder.decode(&message).unwrap().validate().unwrap();
    assert_eq!(view.to_record_batch(&other, Align::Copy).map(|_| ()), Err(ImportError::ForeignMemory));
    let half = message.slice_with_length(0, message.len() - 8);
    assert_eq!(view.to_record_batch(&half, Align::Copy).map(|_| ()), Err(ImportError::ForeignMemory));
}

/// Data that was vouched for is not checked again.
#[test]
#[allow(unsafe_code)]
fn checks_can_be_skipped_by_those_who_vouch() {
    let schema = schema_message(&[(DataType::Utf8, true)]);
    let message = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 3]).buffer("aé".as_bytes()).message();
    let mut decoder = Decoder::from_schema_message(&schema).unwrap();
    let view = decoder.decode(&message).unwrap();
    // SAFETY: the offsets rise, stay within the bytes, and cut them into "a" and "é".
    let view = unsafe { view.assume_valid() };
    assert_eq!(view.column(0).unwrap().as_bytes().unwrap().str(1), Some("é"));
    let imported: RecordBatch = view.to_record_batch(&message, Align::Refuse).unwrap().batch;
    imported.column(0).to_data().validate_full().unwrap();
}
