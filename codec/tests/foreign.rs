//! Streams and files by PyArrow, in every kind and manner it supports, are read as PyArrow reads them. Ignored
//! without PyArrow, and kind by kind if it is too old for one.
//!
//! `foreign.py` writes the files; each is read in every way and written again, and the script compares. The
//! interpreter is `$PYTHON`, or `python3`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use bowstring_codec::decode::{BatchFault, ReadError};
use bowstring_codec::interop::{Align, ImportError};
use bowstring_codec::read::{FileReader, IoFileReader, IoReader, StreamReader};
use bowstring_codec::testing::fuzz;
use bowstring_codec::{OnGrowth, Plan, StreamWriter};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const SCRIPT: &str = include_str!("foreign.py");

/// Returns the script's output: lines of a name, a tab, and a verdict.
fn python(arguments: &[&str], directory: &Path) -> Option<Vec<(String, String)>> {
    let python = std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let output = Command::new(python).args(["-c", SCRIPT]).args(arguments).arg(directory).output();
    let output = output.ok().filter(|output| output.status.success())?;
    let line = |line: &str| line.split_once('\t').map(|(name, said)| (name.to_owned(), said.to_owned()));
    Some(String::from_utf8(output.stdout).unwrap().lines().filter_map(line).collect())
}

fn is_file(path: &Path) -> bool {
    path.extension().is_none_or(|ending| ending != "arrows")
}

/// Reads a file piece by piece, which decompresses.
fn read(path: &Path) -> Result<Vec<RecordBatch>, Failed> {
    let source = File::open(path)?;
    let mut batches = Vec::new();
    if is_file(path) {
        let mut reader = IoFileReader::new(source)?;
        for index in 0..reader.num_batches() {
            batches.push(reader.record_batch(index, Align::Copy)?.batch);
        }
    } else {
        let mut reader = IoReader::new(source)?;
        while let Some(imported) = reader.next_record_batch(Align::Copy)? {
            batches.push(imported.batch);
        }
    }
    Ok(batches)
}

/// Reads a file in place, which refuses compressed bodies.
fn read_in_place(path: &Path, bytes: &[u8]) -> Result<Vec<RecordBatch>, ImportError> {
    let mut batches = Vec::new();
    if is_file(path) {
        let mut reader = FileReader::new(Buffer::from(bytes))?;
        for index in 0..reader.num_batches() {
            batches.push(reader.record_batch(index, Align::Copy)?.batch);
        }
    } else {
        let mut reader = StreamReader::new(Buffer::from(bytes))?;
        while let Some(imported) = reader.next_record_batch(Align::Copy)? {
            batches.push(imported.batch);
        }
    }
    Ok(batches)
}

fn is_compressed(error: &ImportError) -> bool {
    let ImportError::Read(error) = error else { return false };
    matches!(error.innermost(), ReadError::Batch(BatchFault::Compressed(_)))
}

/// Reads in every way, and writes the result again.
fn read_and_write(path: &Path) -> Result<(), Failed> {
    let batches = read(path)?;
    let bytes = std::fs::read(path)?;
    match read_in_place(path, &bytes) {
        Ok(others) if others == batches => {}
        Ok(_) => return Err("read in place, it says something else".into()),
        Err(error) if is_compressed(&error) && may_be_compressed(path) => {}
        Err(error) => return Err(error.into()),
    }
    // Every accessor of every view: these panic if they disagree.
    if is_file(path) {
        fuzz::file(&bytes);
    } else {
        fuzz::views_agree(&bytes);
        fuzz::stream(&bytes);
    }
    let schema = if is_file(path) {
        IoFileReader::new(File::open(path)?)?.schema().clone()
    } else {
        IoReader::new(File::open(path)?)?.schema().clone()
    };
    let back = File::create(path.with_extension(format!("{}.back", path.extension().unwrap().display())))?;
    let mut writer = StreamWriter::new(back, Plan::new(schema)?, OnGrowth::Replace)?;
    for batch in &batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(())
}

fn may_be_compressed(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.contains("-lz4.") || name.contains("-zstd.")
}

fn main() {
    let arguments = Arguments::from_args();
    let directory = std::env::temp_dir().join(format!("bowstring-foreign-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let trials = trials(&directory);
    std::fs::remove_dir_all(&directory).unwrap();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(directory: &Path) -> Vec<Trial> {
    let Some(written) = python(&["write"], directory) else {
        let why = "there is no python3 with pyarrow ($PYTHON names another)";
        return vec![Trial::ignorable_test("foreign", move || Ok(Completion::ignored_with(why)))];
    };
    let mut outcomes = Vec::new();
    for (name, said) in written {
        let outcome = match said.as_str() {
            "written" => Some(read_and_write(&directory.join(&name))),
            _ => None,
        };
        outcomes.push((name, said, outcome));
    }
    let verdicts = python(&["compare"], directory).unwrap_or_default();
    let trial = |(name, said, outcome): (String, String, Option<Result<(), Failed>>)| {
        let verdict = verdicts.iter().find(|(of, _)| *of == name).map(|(_, verdict)| verdict.clone());
        Trial::ignorable_test(name, move || match (outcome, verdict.as_deref()) {
            (None, _) => Ok(Completion::ignored_with(said)),
            (Some(Err(failed)), _) => Err(failed),
            (Some(Ok(())), Some("same")) => Ok(Completion::Completed),
            (Some(Ok(())), verdict) => Err(verdict.unwrap_or("no verdict: the interpreter ended").into()),
        })
    };
    outcomes.into_iter().map(trial).collect()
}
