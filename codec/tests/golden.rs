//! The Arrow project's golden files: each stream and each file is read, compared with its JSON, and written again.
//!
//! One trial per case and check, so the list of trials is the table of results. A case that cannot be compared is
//! counted as ignored, with the reason. Compressed bodies must be refused in place, and, if the crate is built to
//! decompress, read piece by piece.

// checks: codec-oracle

#[path = "support/corpus.rs"]
mod corpus;

use std::fs;
use std::io::{Cursor, Read};
use std::panic;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_integration_test::ArrowJson;
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::decode::{BatchFault, ColumnFault, ReadError, SchemaFault};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::read::{FileReader, IoError, IoFileReader, IoReader, StreamReader};
use bowstring_codec::testing::fuzz;
use bowstring_codec::{FileWriter, OnGrowth, Plan, StreamWriter};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

type Verdict = Result<Completion, Failed>;
type Batches = Result<Vec<RecordBatch>, ImportError>;

fn main() {
    let arguments = Arguments::from_args();
    let trials = match corpus::root() {
        Ok(root) => trials(&root.join("arrow-ipc-stream/integration")),
        Err(why) => vec![Trial::ignorable_test("golden", move || Ok(Completion::ignored_with(why)))],
    };
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(integration: &Path) -> Vec<Trial> {
    let mut trials = Vec::new();
    for version in corpus::entries(integration) {
        for path in corpus::entries(&version) {
            let name = format!("{}/{}", corpus::name(&version), corpus::name(&path));
            let read: fn(&Path) -> Batches = match path.extension().and_then(|end| end.to_str()) {
                Some("stream") => |path| read_stream(&bytes(path)),
                Some("arrow_file") => |path| read_file(&bytes(path)),
                _ => continue,
            };
            let mut add = |check: &str, run: fn(&str, &Path, Batches) -> Verdict| {
                let (name, path) = (format!("{name}: {check}"), path.clone());
                let case = name.clone();
                trials.push(Trial::ignorable_test(name, move || run(&case, &path, read(&path))));
            };
            if name.contains("bigendian") {
                add("refused", was_read);
                continue;
            }
            add("read", was_read);
            add("equals its JSON", equals_json);
            add("written again", written_again);
        }
    }
    trials
}

/// Returns true if a refusal is right, by version and case: a file that is not listed here must be read.
fn may_be_refused(case: &str, error: &ImportError) -> bool {
    let ImportError::Read(error) = error else { return false };
    match error.innermost() {
        ReadError::Schema { fault: SchemaFault::ForeignEndianness, .. } => case.contains("bigendian"),
        ReadError::Batch(BatchFault::Compressed(_)) => case.contains("compression"),
        // Unions could be null themselves until 1.0.
        ReadError::Column { fault: ColumnFault::NullsNotAllowed { .. }, .. } => {
            case.contains("union") && case.starts_with("0.")
        }
        _ => false,
    }
}

fn was_read(case: &str, path: &Path, batches: Batches) -> Verdict {
    match batches {
        Ok(_) if case.contains("bigendian") => Err("foreign byte order was taken for ours".into()),
        Err(error) if may_be_refused(case, &error) => Ok(Completion::Completed),
        Err(error) => Err(error.to_string().into()),
        Ok(batches) => {
            let bytes = bytes(path);
            if in_place(path, &bytes).is_err_and(|error| is_compressed(&error)) {
                return Ok(Completion::Completed);
            }
            // Every other way of reading, with every accessor: these panic if they disagree.
            let outcome = match path.extension().is_some_and(|end| end == "stream") {
                true => {
                    fuzz::views_agree(&bytes);
                    fuzz::stream(&bytes)
                }
                false => fuzz::file(&bytes),
            };
            match outcome.batches == batches {
                true => Ok(Completion::Completed),
                false => Err(format!("ways of reading disagree: {:?}", outcome.error).into()),
            }
        }
    }
}

fn equals_json(case: &str, path: &Path, batches: Batches) -> Verdict {
    let batches = match batches {
        Ok(batches) => batches,
        Err(error) if may_be_refused(case, &error) => {
            return Ok(Completion::ignored_with(format!("rightly refused: {error}")));
        }
        Err(error) => return Err(error.to_string().into()),
    };
    let json = path.with_extension("json.gz");
    let mut text = String::new();
    let file = fs::File::open(&json).map_err(|error| Failed::from(error.to_string()))?;
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(|error| error.to_string())?;
    // The comparison's own JSON reader panics on anything unknown.
    let parsed = panic::catch_unwind(|| -> Result<Vec<RecordBatch>, String> {
        let json: ArrowJson = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        json.get_record_batches().map_err(|error| error.to_string())
    });
    let expected = match parsed {
        Ok(Ok(expected)) => expected,
        Ok(Err(why)) => return Ok(Completion::ignored_with(format!("arrow-integration-test: {why}"))),
        Err(_) => return Ok(Completion::ignored_with("arrow-integration-test panics on the JSON")),
    };
    if expected.len() != batches.len() {
        return Err(format!("{} batches, where the JSON has {}", batches.len(), expected.len()).into());
    }
    for (expected, batch) in expected.iter().zip(&batches) {
        same_schema(&expected.schema(), &batch.schema())?;
        for (place, field) in batch.schema().fields().iter().enumerate() {
            if !same_values(expected.column(place), batch.column(place)) {
                let (expected, found) = (expected.column(place), batch.column(place));
                return Err(format!("{field}:\n{found:?}\nwhere the JSON has\n{expected:?}").into());
            }
        }
    }
    Ok(Completion::Completed)
}

/// Schemas are equal except for the names of a map's entries, keys and values: the format leaves those open, and the
/// streams of `map_non_canonical` went through a writer that has names of its own for them.
fn same_schema(expected: &Schema, found: &Schema) -> Result<(), Failed> {
    let same_field = |expected: &Field, found: &Field| match (expected.data_type(), found.data_type()) {
        (DataType::Map(..), DataType::Map(..)) => {
            expected.data_type().equals_datatype(found.data_type())
                && expected.clone().with_data_type(DataType::Null)
                    == found.clone().with_data_type(DataType::Null)
        }
        _ => expected == found,
    };
    let fields = expected.fields().iter().zip(found.fields());
    let same = expected.fields().len() == found.fields().len()
        && expected.metadata() == found.metadata()
        && fields.into_iter().all(|(expected, found)| same_field(expected, found));
    match same {
        true => Ok(()),
        false => Err(format!("schema\n{found:?}\nwhere the JSON has\n{expected:?}").into()),
    }
}

fn same_values(expected: &ArrayRef, found: &ArrayRef) -> bool {
    match (expected.as_map_opt(), found.as_map_opt()) {
        (Some(expected), Some(found)) if expected.data_type() != found.data_type() => {
            let same_rows = (0..expected.len().max(found.len())).all(|row| {
                let (null, other) = (expected.is_null(row), found.is_null(row));
                null == other && (null || expected.value_length(row) == found.value_length(row))
            });
            same_rows && expected.keys() == found.keys() && expected.values() == found.values()
        }
        _ => expected == found,
    }
}

fn written_again(case: &str, path: &Path, batches: Batches) -> Verdict {
    let batches = match batches {
        Ok(batches) => batches,
        Err(error) if may_be_refused(case, &error) => {
            return Ok(Completion::ignored_with(format!("rightly refused: {error}")));
        }
        Err(error) => return Err(error.to_string().into()),
    };
    let schema = match path.extension().is_some_and(|end| end == "stream") {
        true => StreamReader::new(Buffer::from(bytes(path))).map(|reader| reader.schema().clone()),
        false => FileReader::new(Buffer::from(bytes(path))).map(|reader| reader.schema().clone()),
    };
    let plan = Plan::new(schema.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let text = |error: &dyn std::fmt::Display| Failed::from(error.to_string());

    let mut stream = StreamWriter::new(Vec::new(), plan.clone(), OnGrowth::Replace).map_err(|e| text(&e))?;
    for batch in &batches {
        stream.write(batch).map_err(|error| text(&error))?;
    }
    let stream = stream.finish().map_err(|error| text(&error))?;
    if read_stream(&stream).map_err(|error| text(&error))? != batches {
        return Err("the stream written again reads differently".into());
    }
    let mut pieces = IoReader::new(stream.as_slice()).map_err(|error| text(&error))?;
    for batch in &batches {
        let piece = pieces.next_record_batch(Align::Refuse).map_err(|error| text(&error))?;
        if piece.map(|piece| piece.batch).as_ref() != Some(batch) {
            return Err("the stream written again reads differently, piece by piece".into());
        }
    }

    let mut file = FileWriter::new(Vec::new(), plan, OnGrowth::Delta).map_err(|error| text(&error))?;
    for batch in &batches {
        file.write(batch).map_err(|error| text(&error))?;
    }
    let file = file.finish().map_err(|error| text(&error))?;
    match read_file(&file).map_err(|error| text(&error))? == batches {
        true => Ok(Completion::Completed),
        false => Err("the file written again reads differently".into()),
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_compressed(error: &ImportError) -> bool {
    let ImportError::Read(error) = error else { return false };
    matches!(error.innermost(), ReadError::Batch(BatchFault::Compressed(_)))
}

fn in_place(path: &Path, bytes: &[u8]) -> Batches {
    match path.extension().is_some_and(|end| end == "stream") {
        true => stream_in_place(bytes),
        false => file_in_place(bytes),
    }
}

fn read_stream(bytes: &[u8]) -> Batches {
    match stream_in_place(bytes) {
        Err(error) if is_compressed(&error) && cfg!(feature = "compression") => {
            let mut reader = IoReader::new(bytes).map_err(not_io)?;
            let mut batches = Vec::new();
            while let Some(imported) = reader.next_record_batch(Align::Copy).map_err(not_io)? {
                batches.push(imported.batch);
            }
            Ok(batches)
        }
        outcome => outcome,
    }
}

fn read_file(bytes: &[u8]) -> Batches {
    match file_in_place(bytes) {
        Err(error) if is_compressed(&error) && cfg!(feature = "compression") => {
            let mut reader = IoFileReader::new(Cursor::new(bytes)).map_err(not_io)?;
            let batches = 0..reader.num_batches();
            batches.map(|index| Ok(reader.record_batch(index, Align::Copy).map_err(not_io)?.batch)).collect()
        }
        outcome => outcome,
    }
}

fn not_io(error: IoError) -> ImportError {
    match error {
        IoError::Import(error) => error,
        other => panic!("memory does not fail: {other}"),
    }
}

fn stream_in_place(bytes: &[u8]) -> Batches {
    let mut reader = StreamReader::new(Buffer::from(bytes))?;
    let mut batches = Vec::new();
    while let Some(imported) = reader.next_record_batch(Align::Copy)? {
        batches.push(imported.batch);
    }
    Ok(batches)
}

fn file_in_place(bytes: &[u8]) -> Batches {
    let mut reader = FileReader::new(Buffer::from(bytes))?;
    (0..reader.num_batches()).map(|index| Ok(reader.record_batch(index, Align::Copy)?.batch)).collect()
}
