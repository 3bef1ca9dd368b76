//! Every sink over what a peer may send, for fuzzing.
//!
//! There is no panic, no row is lost between a batch and a sink, and memory and time do not depend on what the
//! bytes claim. The limits are the fuzzer's; `fuzz/run` sets them.

// checks: sinks-bounded

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::SchemaRef;
use bowstring::codec::interop::{Align, Imported};
use bowstring::codec::read::{FileReader, StreamReader};
use bowstring_cli::args::Format;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::choice::Choice;
use crate::every::Every;
use crate::failure::Failure;
use crate::keep;
use crate::output::Output;
use crate::plan::{Agg, SinkPlan};
use crate::screen::Screen;
use crate::sink::{self, End, Sink};
use crate::weight::Weights;

/// The most slices of all batches that a sink takes, as if a signal came then.
const SLICES: usize = 3;

const SCREEN: Screen = Screen { width: 80, colour: true };

/// Treats bytes as a schema and messages, and takes the batches to each sink as the program does. Returns the rows that
/// all sinks took together.
///
/// # Panics
///
/// If a sink loses rows, or refuses what it said it would hold.
pub fn sinks(bytes: &[u8]) -> u64 {
    let Some((schema, batches)) = batches(bytes) else { return 0 };
    let mut weights = Weights::new(&schema);
    batches.iter().for_each(|batch| weights.add(batch));
    let plans = [
        SinkPlan::Table { head: 10 },
        SinkPlan::Summary,
        SinkPlan::Write { format: Format::Csv, path: None },
        SinkPlan::Write { format: Format::Jsonl, path: None },
        SinkPlan::Write { format: Format::Parquet, path: None },
    ];
    let mut rows = 0;
    for plan in &plans {
        let Ok(sink) = sink::over(plan, &schema, SCREEN, nowhere) else { continue };
        rows += take(sink, &schema, &batches);
    }
    for plan in [Format::Arrow, Format::Arrows].map(|format| SinkPlan::Write { format, path: None }) {
        rows += kept(&plan, &schema, &batches);
    }
    rows += kept(&SinkPlan::Record { path: "-".into() }, &schema, &batches);
    rows + aggregated(&schema, &batches)
}

/// Reads batches as the receiver makes them of messages, until one is wrong.
fn batches(bytes: &[u8]) -> Option<(SchemaRef, Vec<RecordBatch>)> {
    let mut reader = StreamReader::new(Buffer::from(bytes)).ok()?;
    let (schema, mut batches) = (reader.schema().clone(), Vec::new());
    while let Ok(Some(Imported { batch, .. })) = reader.next_record_batch(Align::Copy) {
        batches.push(batch);
    }
    Some((schema, batches))
}

/// Takes batches to a sink until it is enough or it refuses one; returns the rows taken.
fn take(mut sink: Box<dyn Sink>, schema: &SchemaRef, batches: &[RecordBatch]) -> u64 {
    let mut choice = Choice::new(schema, &[], None, None).expect("all columns");
    let (mut rows, mut end, mut slices) = (0, End::Whole, 0);
    let mut enough = || {
        slices += 1;
        slices > SLICES
    };
    for batch in batches {
        let before = rows;
        match keep::put(batch, Some(sink.as_mut()), &mut choice, &mut rows, &mut enough) {
            Ok(()) if rows - before == batch.num_rows() as u64 => {}
            Ok(()) => {
                assert!(enough(), "{} of {} rows went to the sink", rows - before, batch.num_rows());
                end = End::BrokenOff;
                break;
            }
            // A batch that is more than a sink takes, and a file's dictionary that is not what it was.
            Err(Failure::Unfolds { .. } | Failure::ReplacedDictionary | Failure::Choice(_)) => {
                end = End::BrokenOff;
                break;
            }
            Err(failure) => panic!("what the format was said to hold is refused: {failure}"),
        }
    }
    match sink.finish(end) {
        // An aggregate's value may be refused when the window ends.
        Ok(()) | Err(Failure::Choice(_) | Failure::Unfolds { .. }) => rows,
        Err(failure) => panic!("what the format was said to hold is refused: {failure}"),
    }
}

/// Takes batches to a sink that writes Arrow, and counts what can be read of it.
fn kept(plan: &SinkPlan, schema: &SchemaRef, batches: &[RecordBatch]) -> u64 {
    let file = memory();
    let second = file.try_clone().expect("a second descriptor");
    let sink = sink::over(plan, schema, SCREEN, || Ok(Output::opened(second, "memory")));
    let taken = take(sink.expect("Arrow holds every type"), schema, batches);
    let bytes = contents(file);
    let found = match bytes.starts_with(b"ARROW1") {
        true => count_file(bytes),
        false => self::batches(&bytes)
            .map(|(_, batches)| batches.iter().map(|batch| batch.num_rows() as u64).sum()),
    };
    // A file that was given up has no footer.
    assert!(found.is_none_or(|found| found == taken), "{found:?} rows of {taken} were kept");
    taken
}

fn count_file(bytes: Vec<u8>) -> Option<u64> {
    let mut reader = FileReader::new(Buffer::from(bytes)).ok()?;
    let each = (0..reader.num_batches()).map(|index| reader.record_batch(index, Align::Copy));
    each.map(|imported| imported.map(|imported| imported.batch.num_rows() as u64).ok()).sum()
}

/// Takes batches to aggregates of the first column, by its values too, as far as there are such of its type.
fn aggregated(schema: &SchemaRef, batches: &[RecordBatch]) -> u64 {
    let Some(field) = schema.fields().first() else { return 0 };
    let name = format!("\"{}\"", field.name().replace('"', "\"\""));
    let each = [
        "count(*), count(NAME)",
        "min(NAME), max(NAME)",
        "sum(NAME), avg(NAME)",
        "count(distinct NAME)",
        "count(*) by NAME",
    ];
    let mut rows = 0;
    for (place, sql) in each.into_iter().enumerate() {
        let every = (place == 0).then_some(Every::Rows(1000));
        let agg = Agg { sql: sql.replace("NAME", &name), every, groups: 1000 };
        let plan = SinkPlan::Write { format: Format::Jsonl, path: Some("/dev/null".into()) };
        if let Ok(sink) = sink::aggregating(&agg, &plan, schema, SCREEN, &Arc::default()) {
            rows += take(sink, schema, batches);
        }
    }
    rows
}

/// An output that keeps nothing.
fn nowhere() -> Result<Output, Failure> {
    Output::create("/dev/null".as_ref(), Arc::default())
}

fn memory() -> File {
    File::from(memfd_create("output", MemfdFlags::CLOEXEC).expect("a file in memory"))
}

fn contents(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.expect("a file in memory is readable");
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use bowstring_codec::testing::fuzz::peer;

    use super::*;

    #[test]
    fn what_fuzzing_has_kept_is_taken_or_refused() {
        let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let (mut seeds, mut rows) = (0, 0);
        for kept in ["seeds", "artifacts"] {
            let Ok(inputs) = fuzz.join(kept).join("sinks").read_dir() else { continue };
            for input in inputs {
                rows += sinks(&peer(&std::fs::read(input.unwrap().path()).unwrap()));
                seeds += usize::from(kept == "seeds");
            }
        }
        assert!(seeds > 0 && rows > 0, "{seeds} seeds stand for {rows} rows");
    }

    /// The first of what a fuzzer would try.
    #[test]
    fn arbitrary_peers_are_taken_or_refused() {
        let (mut state, mut taken) = (1_u64, 0);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        for kind in 0..24 {
            let mut bytes = vec![kind % 8];
            let length = next();
            bytes.extend((0..length).map(|_| next()));
            taken += u64::from(sinks(&peer(&bytes)) > 0);
        }
        assert!(taken > 8, "{taken} were taken by sinks");
    }
}
