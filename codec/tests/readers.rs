//! Streams and files as a whole: their ends, their dictionaries, their old framings, and their faults.

#[path = "support/forge.rs"]
mod forge;

use std::io::{self, Read};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_ipc::writer::IpcWriteOptions;
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::decode::{
    Decoder, DictionaryFault, FileFault, FrameFault, MessageKind, MetadataFault, ReadError,
};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::read::{FileReader, IoError, IoFileReader, IoReader, StreamReader};
use bowstring_codec::testing::{self, Source, fuzz};
use bowstring_codec::{END_OF_STREAM, Plan};
use flatbuffers::FlatBufferBuilder;
use forge::{Forged, schema_message};

fn ints(values: &[i32]) -> Forged {
    Forged::rows(values.len() as i64).node(values.len() as i64, 0).buffer(&[]).i32s(values)
}

fn int_schema() -> Buffer {
    schema_message(&[(DataType::Int32, true)])
}

/// Returns the batches of a stream, as the numbers in their first column.
fn numbers(stream: &[u8]) -> Result<Vec<Vec<i32>>, ReadError> {
    let stream = Buffer::from(stream);
    let mut reader = StreamReader::new(stream.as_slice())?;
    let mut numbers = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        let column = batch.validate()?.column(0).and_then(|column| column.as_slice::<i32>());
        numbers.push(column.unwrap_or_default().to_vec());
    }
    // The end stays the end.
    assert!(reader.next_batch()?.is_none());
    Ok(numbers)
}

#[test]
fn a_stream_ends_where_it_says_or_where_it_stops() {
    let batch = ints(&[1, 2]).message();
    let silent = [&int_schema()[..], &batch, &batch].concat();
    assert_eq!(numbers(&silent), Ok(vec![vec![1, 2], vec![1, 2]]));
    let legacy_end = [0; 4];
    for end in [&END_OF_STREAM[..], &legacy_end] {
        let ended = [&silent[..], end, &batch].concat();
        assert_eq!(numbers(&ended), Ok(vec![vec![1, 2], vec![1, 2]]));
        let memory = Buffer::from(ended.as_slice());
        let mut reader = StreamReader::new(memory).unwrap();
        while reader.next_record_batch(Align::Refuse).unwrap().is_some() {}
        assert_eq!(reader.position(), ended.len() - batch.len());
    }
    let unexpected = ReadError::Frame { at: 0, fault: FrameFault::UnexpectedEnd };
    assert_eq!(numbers(&END_OF_STREAM).map_err(|error| error.innermost().clone()), Err(unexpected));
}

#[test]
fn errors_say_in_which_message() {
    let mut wrong = ints(&[1, 2]);
    wrong.nodes[0].0 = -7;
    let schema = int_schema();
    let good = ints(&[3]).message();
    let stream = [&schema[..], &good, &wrong.message()].concat();
    let Err(ReadError::Message { at, error }) = numbers(&stream) else { panic!("an error in a message") };
    assert_eq!(at, schema.len() + good.len());
    assert!(matches!(*error, ReadError::Column { .. }));
    let Err(ReadError::Message { at, .. }) = numbers(&[&schema[..], &schema].concat()) else {
        panic!("a second schema is an error")
    };
    assert_eq!(at, schema.len());
}

/// arrow-rs's old formats: without the continuation marker, and in version 4.
#[test]
fn legacy_streams() {
    for data_type in testing::every_type() {
        let field = Field::new("a", data_type.clone(), true);
        let batch = testing::batch_of(&mut Source::new(&[9; 60]), &Arc::new(Schema::new(vec![field])), 20);
        for legacy in [true, false] {
            let options = IpcWriteOptions::try_new(8, legacy, ipc::MetadataVersion::V4).unwrap();
            let schema = batch.schema();
            let writer = ipc::writer::StreamWriter::try_new_with_options(Vec::new(), &schema, options);
            let mut writer = writer.unwrap();
            writer.write(&batch).unwrap();
            let stream = writer.into_inner().unwrap();
            let outcome = fuzz::stream(&stream);
            assert_eq!((outcome.error, outcome.batches), (None, vec![batch.clone()]), "{data_type}");
        }
    }
}

/// A source that gives one byte at a time, is interrupted between any two, and may fail at the end.
struct Dripping<'a> {
    bytes: &'a [u8],
    interrupt: bool,
    fails: bool,
}

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.bytes.split_first() {
            Some((first, rest)) => {
                into[0] = *first;
                self.bytes = rest;
                Ok(1)
            }
            None if self.fails => Err(io::ErrorKind::ConnectionReset.into()),
            None => Ok(0),
        }
    }
}

#[test]
fn a_source_may_give_a_byte_at_a_time_and_fail() {
    let stream = [&int_schema()[..], &ints(&[1, 2]).message()].concat();
    for (end, fails) in [(&[][..], false), (&END_OF_STREAM[..], true)] {
        let bytes = [&stream[..], end].concat();
        let mut reader = IoReader::new(Dripping { bytes: &bytes, interrupt: false, fails }).unwrap();
        assert_eq!(reader.next_record_batch(Align::Refuse).unwrap().unwrap().batch.num_rows(), 2);
        assert!(reader.next_record_batch(Align::Refuse).unwrap().is_none());
        // Bytes after the end are left alone.
        assert!(reader.next_record_batch(Align::Refuse).unwrap().is_none());
    }
    let mut reader = IoReader::new(Dripping { bytes: &stream, interrupt: false, fails: true }).unwrap();
    assert!(reader.next_record_batch(Align::Refuse).is_ok());
    assert!(matches!(reader.next_record_batch(Align::Refuse), Err(IoError::Io(_))));
}

/// A body of eight exabytes is an error after its few actual bytes, and takes no memory before that.
#[test]
fn a_source_that_promises_much() {
    let mut batch = ints(&[1, 2]);
    batch.body_len = Some(i64::MAX);
    let stream = [&int_schema()[..], &batch.message()].concat();
    let mut reader = IoReader::new(stream.as_slice()).unwrap();
    let error = reader.next_record_batch(Align::Refuse).expect_err("bytes are missing");
    let IoError::Import(ImportError::Read(error)) = error else { panic!("{error}") };
    let truncated = matches!(error.innermost(), ReadError::Frame { fault: FrameFault::Truncated { .. }, .. });
    assert!(truncated, "{error}");
}

/// Returns a file of messages, with blocks for dictionaries and batches.
fn file(schema: &Schema, dictionaries: &[Buffer], batches: &[Buffer], change: fn(&mut Vec<i64>)) -> Vec<u8> {
    file_of(ipc::MetadataVersion::V5, schema, dictionaries, batches, change)
}

/// Returns the same with a footer of the given version.
fn file_of(
    version: ipc::MetadataVersion,
    schema: &Schema,
    dictionaries: &[Buffer],
    batches: &[Buffer],
    change: fn(&mut Vec<i64>),
) -> Vec<u8> {
    let mut file = b"ARROW1\0\0".to_vec();
    let mut offsets = Vec::new();
    for message in dictionaries.iter().chain(batches) {
        offsets.push(file.len() as i64);
        file.extend_from_slice(message);
    }
    change(&mut offsets);
    let blocks: Vec<_> = offsets.iter().map(|&offset| ipc::Block::new(offset, 0, 0)).collect();
    let mut fbb = FlatBufferBuilder::new();
    let schema = ipc::convert::IpcSchemaEncoder::new()
        .with_dictionary_tracker(&mut ipc::writer::DictionaryTracker::new(false))
        .schema_to_fb_offset(&mut fbb, schema);
    let (first, second) = blocks.split_at(dictionaries.len());
    let first = fbb.create_vector(first);
    let second = fbb.create_vector(second);
    let args = ipc::FooterArgs {
        version,
        schema: Some(schema),
        dictionaries: Some(first),
        recordBatches: Some(second),
        custom_metadata: None,
    };
    let footer = ipc::Footer::create(&mut fbb, &args);
    fbb.finish(footer, None);
    file.extend_from_slice(fbb.finished_data());
    file.extend_from_slice(&(fbb.finished_data().len() as i32).to_le_bytes());
    file.extend_from_slice(b"ARROW1");
    file
}

fn file_fault(file: &[u8]) -> ReadError {
    FileReader::new(Buffer::from(file)).map(|_| ()).expect_err("the file is wrong").innermost().clone()
}

#[test]
fn files_that_are_none() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int32, true)]);
    let batches = [ints(&[1]).message(), ints(&[2, 3]).message()];
    let good = file(&schema, &[], &batches, |_| {});
    let mut reader = FileReader::new(Buffer::from(good.as_slice())).unwrap();
    for (index, rows) in [(1, 2), (0, 1), (1, 2)] {
        assert_eq!(reader.batch(index).unwrap().num_rows(), rows);
        assert_eq!(reader.record_batch(index, Align::Refuse).unwrap().batch.num_rows(), rows);
    }
    let none = ReadError::File(FileFault::NoSuchBatch { index: 2, batches: 2 });
    assert_eq!(reader.batch(2).map(|_| ()), Err(none));

    for cut in 0..good.len() {
        let error = file_fault(&good[..cut]);
        let expected = if cut < 6 { FileFault::NoLeadingMagic } else { FileFault::NoTrailingMagic };
        assert_eq!(error, ReadError::File(expected), "{cut}");
    }
    let mut wrong = good.clone();
    let at = wrong.len() - 10;
    for length in [-1, i32::MAX, good.len() as i32 - 15] {
        wrong[at..at + 4].copy_from_slice(&length.to_le_bytes());
        let expected = FileFault::FooterLength { length, file: good.len() };
        assert_eq!(file_fault(&wrong), ReadError::File(expected));
    }
    for byte in at - 60..at {
        let mut wrong = good.clone();
        wrong[byte] ^= 0xff;
        fuzz::file(&wrong);
    }
    let outside = |change: fn(&mut Vec<i64>)| {
        let wrong = file(&schema, &[], &batches, change);
        let mut reader = FileReader::new(Buffer::from(wrong.as_slice())).unwrap();
        reader.batch(1).map(|_| ()).expect_err("the block is not there")
    };
    for (change, offset) in [
        ((|offsets| offsets[1] = -8) as fn(&mut Vec<i64>), -8),
        (|offsets| offsets[1] = i64::MAX, i64::MAX),
        (|offsets| offsets[1] = 100_000, 100_000),
    ] {
        assert_eq!(outside(change), ReadError::File(FileFault::BlockOutOfBounds { index: 1, offset }));
    }
    assert!(matches!(outside(|offsets| offsets[1] += 8), ReadError::Message { .. }));
}

/// Arrow 0.14 wrote V1 footers around V4 messages. The messages state their own version, and the footer's is ignored
/// if it is a known one.
#[test]
fn the_version_of_a_footer_is_not_that_of_its_messages() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int32, true)]);
    let with = |footer, message| {
        let mut batch = ints(&[1, 2]);
        batch.version = ipc::MetadataVersion(message);
        file_of(ipc::MetadataVersion(footer), &schema, &[], &[batch.message()], |_| {})
    };
    for footer in 0..=4 {
        for message in [3, 4] {
            let file = with(footer, message);
            let mut shared = FileReader::new(Buffer::from(file.as_slice())).unwrap();
            assert_eq!(shared.record_batch(0, Align::Refuse).unwrap().batch.num_rows(), 2);
            let mut apart = IoFileReader::new(io::Cursor::new(file)).unwrap();
            assert_eq!(apart.record_batch(0, Align::Refuse).unwrap().batch.num_rows(), 2);
        }
    }
    let version = |version| {
        let fault = MetadataFault::UnsupportedVersion(version);
        ReadError::Metadata { at: None, fault }
    };
    assert_eq!(file_fault(&with(5, 4)), version(5));
    assert_eq!(file_fault(&with(-1, 4)), version(-1));
    let mut old = FileReader::new(Buffer::from(with(0, 2).as_slice())).unwrap();
    assert_eq!(old.batch(0).map(|_| ()).unwrap_err().innermost(), &version(2));
}

fn dictionary(values: Box<DataType>) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), values)
}

/// A dictionary of structs whose field is itself dictionary-encoded; in the footer the outer one comes first.
#[test]
fn dictionaries_in_any_order() {
    let inner = Field::new("x", dictionary(Box::new(DataType::Utf8)), true);
    let outer = DataType::Struct(vec![inner].into());
    let schema = Schema::new(vec![Field::new("a", dictionary(Box::new(outer)), true)]);
    let text = |is_delta| {
        let mut values = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(b"pq");
        values.dictionary = Some((0, is_delta));
        values.message()
    };
    let mut structs = Forged::rows(2).node(2, 0).node(2, 0).buffer(&[]).buffer(&[]).buffer(&[3, 0]);
    structs.dictionary = Some((1, false));
    let batch = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[0]).message();
    let good =
        file(&schema, &[structs.message(), text(false), text(true)], std::slice::from_ref(&batch), |_| {});
    let outcome = fuzz::file(&good);
    assert_eq!(outcome.error, None);
    let column = outcome.batches[0].column(0).to_data();
    // Outer key 0 is the struct with inner key 3, which is in the delta.
    assert_eq!(column.child_data()[0].child_data()[0].child_data()[0].len(), 4);

    let twice =
        file(&schema, &[text(false), text(false), structs.message()], std::slice::from_ref(&batch), |_| {});
    let fault = DictionaryFault::ReplacedInFile;
    assert_eq!(file_fault(&twice), ReadError::Dictionary { id: 0, fault });

    // In a stream, order counts: the outer one refers to values that are not there yet.
    let schema_message = Plan::new(Arc::new(schema)).unwrap().schema_message().to_vec();
    let early = [&schema_message[..], &structs.message(), &text(false), &batch].concat();
    let Some(ImportError::Read(error)) = fuzz::stream(&early).error else { panic!("an error") };
    let missing = ReadError::Dictionary { id: 0, fault: DictionaryFault::Missing };
    assert_eq!(*error.innermost(), missing);
}

/// Batches keep the dictionary they were read with, whatever comes later.
#[test]
fn replaced_dictionaries_stay_with_their_batches() {
    let schema = schema_message(&[(dictionary(Box::new(DataType::Utf8)), true)]);
    let values = |text: &[u8; 2], is_delta| {
        let mut values = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(text);
        values.dictionary = Some((0, is_delta));
        values.message()
    };
    let batch = |key: u8| Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[key]).message();
    let messages =
        [values(b"ab", false), batch(1), values(b"cd", true), batch(3), values(b"ef", false), batch(0)];
    let stream = [&schema[..], &messages.map(|message| message.to_vec()).concat()].concat();
    let outcome = fuzz::stream(&stream);
    assert_eq!(outcome.error, None);
    let text = |batch: &RecordBatch| {
        let column = arrow_array::cast::as_dictionary_array::<arrow_array::types::Int8Type>(batch.column(0));
        let values = column.downcast_dict::<arrow_array::StringArray>().expect("strings");
        values.into_iter().map(|text| text.expect("no null").to_owned()).collect::<String>()
    };
    assert_eq!(outcome.batches.iter().map(text).collect::<Vec<_>>(), ["b", "d", "e"]);
    fuzz::views_agree(&stream);
}

/// Arrays of later batches share the values of a dictionary that has not changed.
#[test]
fn dictionary_arrays_are_made_once() {
    let schema = schema_message(&[(dictionary(Box::new(DataType::Utf8)), true)]);
    let mut values = Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(b"xy");
    values.dictionary = Some((0, false));
    let batch = Forged::rows(1).node(1, 0).buffer(&[]).buffer(&[1]).message();
    let mut decoder = Decoder::from_schema_message(&schema).unwrap();
    decoder.dictionary(&values.message()).unwrap();
    let mut import = || decoder.record_batch(&batch, Align::Refuse).unwrap().batch.column(0).to_data();
    let (first, second) = (import(), import());
    assert!(first.child_data()[0].ptr_eq(&second.child_data()[0]));
}

#[test]
fn messages_are_told_apart() {
    let mut decoder = Decoder::from_schema_message(&int_schema()).unwrap();
    assert_eq!(decoder.peek(&int_schema()), Ok(MessageKind::Schema));
    assert_eq!(decoder.peek(&ints(&[1]).message()), Ok(MessageKind::Batch));
    let mut values = ints(&[1]);
    values.dictionary = Some((0, false));
    assert_eq!(decoder.peek(&values.message()), Ok(MessageKind::Dictionary));
    assert_eq!(decoder.peek(&END_OF_STREAM), Ok(MessageKind::End));
    assert_eq!(decoder.peek(&[0; 4]), Ok(MessageKind::End));
}
