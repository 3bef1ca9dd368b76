//! The bodies of the fuzz targets. Ordinary tests run them with corpora, so that the bodies are the same on every
//! toolchain.

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;

use super::agree::assert_agree;
use super::source::Source;
use super::touch::{touch, touch_full};
use crate::decode::{BatchFault, ColumnFault, Decoder, ReadError};
use crate::interop::{Align, ImportError, Imported};
use crate::read::{FileReader, IoError, IoReader, StreamReader};
use crate::view::{BatchView, Structure};
use crate::{OnGrowth, Plan, StreamWriter};

/// The result of reading some bytes.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Outcome {
    /// The batches that were read and found fully valid.
    pub batches: Vec<RecordBatch>,
    /// The error, if there was one.
    pub error: Option<ImportError>,
}

/// Treats bytes as a single message of any kind.
pub fn decode(bytes: &[u8]) {
    let memory = Buffer::from(bytes);
    let Ok(mut decoder) = Decoder::from_schema_message(&memory) else { return };
    // The same bytes again, as other kinds of message; and what follows the schema, as any kind.
    let _ = decoder.decode(&memory);
    let _ = decoder.dictionary(&memory);
    let Ok((_, len)) = decoder.measure(&memory) else { return };
    let rest = memory.slice(len);
    let _ = decoder.peek(&rest);
    let _ = decoder.dictionary(&rest);
    let _ = decoder.decode(&rest).map(|batch| batch.validate().map(|_| ()));
}

/// Treats bytes as a schema and messages, makes arrays of them, and does what readers of arrays do, all of which
/// takes memory for each row: a fuzzer limits it. Returns the number of batches.
pub fn arrays(bytes: &[u8]) -> usize {
    let memory = Buffer::from(bytes);
    let Ok(mut reader) = StreamReader::new(memory) else { return 0 };
    let mut batches = 0;
    while let Ok(Some(Imported { batch, .. })) = reader.next_record_batch(Align::Copy) {
        batches += 1;
        for column in batch.columns() {
            let nulls = column.logical_nulls().map_or(0, |nulls| nulls.null_count());
            assert!(nulls <= batch.num_rows());
            use_array(column);
        }
    }
    batches
}

/// Does what an honest reader does with an array: finds its null rows, and copies its first and last rows.
fn use_array(array: &dyn Array) {
    let last = array.len().saturating_sub(1);
    let rows = [array.slice(0, array.len().min(1)), array.slice(last, array.len() - last)];
    let _ = arrow_select::concat::concat(&[&*rows[0], &*rows[1]]);
    for child in array.to_data().child_data() {
        let child = arrow_array::make_array(child.clone());
        assert!(child.logical_nulls().is_none_or(|nulls| nulls.len() == child.len()));
    }
}

/// Treats bytes as a stream, in each way there is to read one, and uses everything in it.
///
/// # Panics
///
/// If what passes for valid is not, or if ways of reading disagree.
pub fn stream(bytes: &[u8]) -> Outcome {
    let memory = Buffer::from(bytes);
    let verdict = use_stream(&memory);
    let mut shared = Outcome::default();
    let mut at_once = || -> Result<(), ImportError> {
        let mut reader = StreamReader::new(memory.clone())?;
        while let Some(Imported { batch, .. }) = reader.next_record_batch(Align::Copy)? {
            keep(&mut shared, batch);
        }
        Ok(())
    };
    shared.error = at_once().err();
    assert_same_verdict(verdict.as_ref().err(), shared.error.as_ref());

    let pieces = piece_by_piece(bytes);
    if pieces.batches != shared.batches {
        // Piece by piece each body is aligned, where it was not in one go, or the other way round; and it is
        // decompressed, if that is built in. Nothing else may differ.
        let common = pieces.batches.len().min(shared.batches.len());
        assert_eq!(pieces.batches[..common], shared.batches[..common]);
        let shorter = if pieces.batches.len() == common { &pieces } else { &shared };
        assert!(
            is_misaligned(shorter) || is_compressed(shorter),
            "read piece by piece: {:?}, in one go: {:?}",
            pieces.error,
            shared.error
        );
    }
    shared
}

/// Reads a stream as it would come out of a pipe.
fn piece_by_piece(bytes: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut read = || -> Result<(), IoError> {
        let mut reader = IoReader::new(bytes)?;
        while let Some(imported) = reader.next_record_batch(Align::Copy)? {
            outcome.batches.push(imported.batch);
        }
        Ok(())
    };
    outcome.error = match read() {
        Ok(()) => None,
        Err(IoError::Import(error)) => Some(error),
        Err(IoError::Io(error)) => panic!("memory does not fail: {error}"),
    };
    outcome
}

fn is_misaligned(outcome: &Outcome) -> bool {
    let Some(ImportError::Read(error)) = &outcome.error else { return false };
    matches!(error.innermost(), ReadError::Column { fault: ColumnFault::Misaligned { .. }, .. })
}

fn is_compressed(outcome: &Outcome) -> bool {
    let Some(ImportError::Read(error)) = &outcome.error else { return false };
    matches!(error.innermost(), ReadError::Batch(BatchFault::Compressed(_)))
}

/// Treats bytes as a file, and uses everything in it.
///
/// # Panics
///
/// If what passes for valid is not, or if ways of reading disagree.
pub fn file(bytes: &[u8]) -> Outcome {
    let memory = Buffer::from(bytes);
    let mut outcome = Outcome::default();
    let mut views = match FileReader::new(memory.as_slice()) {
        Ok(reader) => reader,
        Err(error) => {
            assert_eq!(FileReader::new(memory.clone()).map(|_| ()), Err(error.clone()));
            outcome.error = Some(error.into());
            return outcome;
        }
    };
    let mut shared = FileReader::new(memory.clone()).expect("it opened before");
    assert_eq!(views.schema(), shared.schema());
    for index in 0..views.num_batches().min(64) {
        let verdict = views.batch(index).map(use_view).and_then(|verdict| verdict);
        let imported = shared.record_batch(index, Align::Copy);
        assert_same_verdict(verdict.as_ref().err(), imported.as_ref().err());
        match imported {
            Ok(imported) => keep(&mut outcome, imported.batch),
            Err(error) => outcome.error = outcome.error.or(Some(error)),
        }
    }
    outcome
}

/// Treats bytes as choices: makes batches of them, writes those, and reads them back.
///
/// # Panics
///
/// If what is read is not what was written.
pub fn round_trip(bytes: &[u8]) {
    let batches = super::batches_from(bytes);
    for on_growth in [OnGrowth::Replace, OnGrowth::Delta] {
        let read = stream(&written(&batches, on_growth));
        if let Some(ImportError::DictionaryParts { .. }) = read.error {
            // Views have read it; arrays cannot be made of it.
            continue;
        }
        assert_eq!(read.error, None);
        assert_eq!(read.batches, batches);
    }
}

/// Treats bytes as choices: makes a valid stream, and damages it in a few places.
///
/// # Panics
///
/// If what passes for valid afterwards is not.
pub fn mutate(bytes: &[u8]) -> Outcome {
    let (choices, damage) = bytes.split_at(bytes.len() / 2);
    let mut valid = written(&super::batches_from(choices), OnGrowth::Delta);
    damage_stream(&mut valid, &mut Source::new(damage));
    stream(&valid)
}

/// Returns what a peer may send: the bytes as they are if they begin as a stream does; else a stream that they choose,
/// of arbitrary batches or of one that stands for very much, damaged or not.
#[must_use]
pub fn peer(bytes: &[u8]) -> Vec<u8> {
    let Some((kind, rest)) = bytes.split_first().filter(|(first, _)| **first != 0xff) else {
        return bytes.to_vec();
    };
    let (choices, damage) = rest.split_at(rest.len() / 2);
    let batches = match kind & 1 {
        0 => super::batches_from(choices),
        _ => vec![super::heavy(&mut Source::new(choices))],
    };
    let mut bytes = written(&batches, if kind & 2 == 0 { OnGrowth::Replace } else { OnGrowth::Delta });
    if kind & 4 == 0 {
        damage_stream(&mut bytes, &mut Source::new(damage));
    }
    bytes
}

/// Damages a stream in a few places.
fn damage_stream(valid: &mut Vec<u8>, source: &mut Source<'_>) {
    if valid.is_empty() {
        return;
    }
    for _ in 0..=source.below(8) {
        let at = source.value_below(valid.len());
        // Numbers in Arrow are little-endian and aligned; the interesting ones are small, huge and negative.
        match source.below(6) {
            0 => valid[at] ^= 1 << source.below(8),
            1 => valid[at] = source.below(256) as u8,
            2 => put(valid, at & !3, &(source.value() as u32 % 64).to_le_bytes()),
            3 => put(valid, at & !7, &(source.value() % 4096).to_le_bytes()),
            4 => put(valid, at & !7, &[i64::MIN, i64::MAX, -1, 1 << 33][source.below(4)].to_le_bytes()),
            _ => valid.truncate(at.max(1)),
        }
    }
}

/// Returns a stream of batches, as this crate writes it: empty if there is no layout for their schema.
fn written(batches: &[RecordBatch], on_growth: OnGrowth) -> Vec<u8> {
    let Ok(plan) = Plan::new(batches[0].schema()) else { return Vec::new() };
    let mut writer = StreamWriter::new(Vec::new(), plan, on_growth).expect("memory takes all");
    for batch in batches {
        writer.write(batch).expect("generated batches encode");
    }
    writer.finish().expect("memory takes all")
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, number: &[u8; N]) {
    if let Some(place) = bytes.get_mut(at..at + N) {
        place.copy_from_slice(number);
    }
}

/// Uses a batch as it is, checks it fully, and uses it again.
fn use_view(batch: BatchView<'_, Structure>) -> Result<(), ReadError> {
    assert!(format!("{batch:?}").len() > 1);
    let _ = batch.custom_metadata();
    touch(&batch);
    let batch = batch.validate()?;
    touch(&batch);
    batch.columns().for_each(|column| touch_full(&column));
    Ok(())
}

/// Uses the batches of a stream until there are no more, or until one is wrong.
fn use_stream(bytes: &[u8]) -> Result<(), ReadError> {
    let mut reader = StreamReader::new(bytes)?;
    while let Some(batch) = reader.next_batch()? {
        use_view(batch)?;
    }
    Ok(())
}

/// Keeps a batch, if Arrow agrees that it is valid.
fn keep(outcome: &mut Outcome, batch: RecordBatch) {
    for column in batch.columns() {
        // Some of Arrow's own checks are not made for lengths without bytes.
        column.to_data().validate_full().expect("what is fully valid here is so in Arrow");
    }
    outcome.batches.push(batch);
}

/// Checks that a view and the arrays made of it are valid, or invalid, together and for the same reason. But arrays
/// can fail for reasons of their own.
fn assert_same_verdict(view: Option<&ReadError>, arrays: Option<&ImportError>) {
    match (view, arrays) {
        (view, Some(ImportError::Read(error))) => {
            assert_eq!(view.map(ReadError::innermost), Some(error.innermost()));
        }
        (view, None) => assert_eq!(view, None),
        (_, Some(ImportError::DictionaryParts { .. })) => {}
        (_, Some(other)) => panic!("arrays were not made: {other}"),
    }
}

/// Decodes each batch of a stream as a view and as arrays side by side, and compares them row by row.
///
/// # Panics
///
/// If they differ.
pub fn views_agree(bytes: &[u8]) {
    let memory = Buffer::from(bytes);
    let Ok(mut decoder) = Decoder::from_schema_message(&memory) else { return };
    let mut at = 0;
    while at < memory.len() {
        let message = memory.slice(at);
        let Ok((kind, len)) = decoder.measure(&message) else { return };
        match kind {
            crate::decode::MessageKind::Dictionary if decoder.dictionary(&message).is_err() => return,
            crate::decode::MessageKind::Batch => {
                let Ok(Ok(view)) = decoder.decode(&message).map(BatchView::validate) else { return };
                match view.to_record_batch(&message, Align::Copy) {
                    Ok(imported) => assert_agree(&view, &imported.batch),
                    Err(error) => assert!(matches!(error, ImportError::DictionaryParts { .. }), "{error}"),
                }
            }
            crate::decode::MessageKind::End => return,
            _ => {}
        }
        at += len;
    }
}
