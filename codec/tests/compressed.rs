//! Compressed bodies, compared with `arrow-ipc`, which wrote them; and damaged ones.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, StringViewArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bowstring_codec::decode::{BatchFault, CorruptFault, ReadError};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::read::{IoError, IoFileReader, IoReader};

fn batches() -> Vec<RecordBatch> {
    let batch = |rows: i64| {
        let text = (0..rows).map(|n| (n % 5 != 0).then(|| format!("a somewhat longer row {n}")));
        let text: Vec<_> = text.collect();
        let coded: DictionaryArray<Int8Type> = (0..rows).map(|n| ["x", "y"][n as usize % 2]).collect();
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef),
            ("text", Arc::new(StringArray::from(text.clone()))),
            ("view", Arc::new(StringViewArray::from_iter(text))),
            ("coded", Arc::new(coded)),
        ])
    };
    [batch(1000).unwrap(), batch(3).unwrap()].to_vec()
}

fn options(codec: CompressionType) -> IpcWriteOptions {
    IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap()
}

fn stream(codec: CompressionType) -> Vec<u8> {
    let batches = batches();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options(codec)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn file(codec: CompressionType) -> Vec<u8> {
    let batches = batches();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options(codec)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn read_stream(bytes: &[u8]) -> Result<Vec<RecordBatch>, IoError> {
    let mut reader = IoReader::new(bytes)?;
    let mut batches = Vec::new();
    while let Some(imported) = reader.next_record_batch(Align::Refuse)? {
        batches.push(imported.batch);
    }
    Ok(batches)
}

fn read_file(bytes: &[u8]) -> Result<Vec<RecordBatch>, IoError> {
    let mut reader = IoFileReader::new(Cursor::new(bytes))?;
    (0..reader.num_batches())
        .map(|index| {
            let batch = reader.record_batch(index, Align::Refuse)?.batch;
            assert_eq!(reader.num_rows(index)?, batch.num_rows());
            Ok(batch)
        })
        .collect()
}

type Reading = fn(&[u8]) -> Result<Vec<RecordBatch>, IoError>;

const CODECS: [CompressionType; 2] = [CompressionType::LZ4_FRAME, CompressionType::ZSTD];

#[test]
fn what_arrow_compressed_comes_out_as_it_went_in() {
    for codec in CODECS {
        assert_eq!(read_stream(&stream(codec)).unwrap(), batches(), "{codec:?}");
        assert_eq!(read_file(&file(codec)).unwrap(), batches(), "{codec:?}");
    }
}

#[test]
fn damage_anywhere_is_an_error_or_goes_unseen_and_never_panics() {
    for codec in CODECS {
        for (bytes, read) in [(stream(codec), read_stream as Reading), (file(codec), read_file as Reading)] {
            let mut refused = 0;
            for at in (0..bytes.len()).step_by(61) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x55;
                refused += usize::from(read(&damaged).is_err());
                let _ = read(&bytes[..at]);
            }
            assert!(refused > 10, "{codec:?}: {refused}");
        }
    }
}

#[test]
fn a_buffer_that_lies_about_its_length_is_named() {
    let bytes = stream(CompressionType::ZSTD);
    // Eight bytes with the value 8000 come before the numbers of the first batch.
    let at = bytes.windows(8).position(|window| window == 8000_u64.to_le_bytes()).unwrap();
    for (stated, expected) in [
        (8001_i64, CorruptFault::Length { stated: 8001, found: 8000 }),
        (7999, CorruptFault::Length { stated: 7999, found: 8000 }),
        (-2, CorruptFault::NegativeLength(-2)),
        (i64::MAX, CorruptFault::Length { stated: i64::MAX as usize, found: 8000 }),
    ] {
        let mut damaged = bytes.clone();
        damaged[at..at + 8].copy_from_slice(&stated.to_le_bytes());
        let Err(IoError::Import(ImportError::Read(ReadError::Message { error, .. }))) = read_stream(&damaged)
        else {
            panic!("{stated}")
        };
        let ReadError::Batch(BatchFault::Corrupt { fault, .. }) = *error else { panic!("{error}") };
        assert_eq!(fault, expected);
    }
}
