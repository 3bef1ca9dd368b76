//! PyArrow finds the output valid, and returns it unchanged. Ignored without PyArrow.
//!
//! The interpreter is `$PYTHON`, or `python3`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{OnGrowth, Plan, StreamWriter};
use libtest_mimic::{Arguments, Failed, Trial};

/// Reads each stream, validates every batch in full, and writes them next to it. One line of output per
/// stream.
const SCRIPT: &str = r#"
import sys
import pyarrow as pa
for path in sys.argv[1:]:
    try:
        with pa.OSFile(path) as file, pa.ipc.open_stream(file) as reader:
            batches = []
            for batch in reader:
                batch.validate(full=True)
                batches.append(batch)
        with pa.OSFile(path + ".back", "wb") as file, pa.ipc.new_stream(file, reader.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        print("ok", flush=True)
    except Exception as error:
        print(repr(error).replace("\n", " "), flush=True)
"#;

fn python() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

fn has_pyarrow() -> bool {
    let import = Command::new(python()).args(["-c", "import pyarrow"]).output();
    import.is_ok_and(|output| output.status.success())
}

/// The case's name, and its batches.
type Case = (String, Vec<RecordBatch>);

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (i, data_type) in testing::every_type().into_iter().enumerate() {
        let bytes: Vec<u8> = (0..250u8).map(|b| b.wrapping_mul(2 * i as u8 + 1)).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
        let mut source = Source::new(&bytes);
        let batches = [30, 0, 65].map(|rows| testing::batch_of(&mut source, &schema, rows));
        cases.push((format!("{data_type}"), batches.into()));
    }
    for seed in 0..100u8 {
        let bytes: Vec<u8> =
            (0..250u8).map(|b| b.wrapping_mul(seed | 1).wrapping_add(seed) ^ (b >> 3)).collect();
        cases.push((format!("arbitrary {seed}"), testing::batches_from(&bytes)));
    }
    cases
}

fn write(batches: &[RecordBatch], path: &Path) {
    let plan = Plan::new(batches[0].schema()).unwrap();
    let mut writer = StreamWriter::new(std::fs::File::create(path).unwrap(), plan, OnGrowth::Delta).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
}

fn judge(verdict: &str, path: &Path, batches: &[RecordBatch]) -> Result<(), Failed> {
    if verdict != "ok" {
        return Err(verdict.into());
    }
    let back = support::read_stream(&std::fs::read(path.with_extension("arrows.back"))?);
    for (ours, theirs) in batches.iter().zip(&back) {
        if ours.columns() != theirs.columns() {
            return Err(format!("wrote {ours:?}\nread {theirs:?}").into());
        }
    }
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let cases = cases();
    let mut trials = Vec::new();
    if has_pyarrow() && !arguments.list {
        let directory = std::env::temp_dir().join(format!("bowstring-pyarrow-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = |i: usize| directory.join(format!("{i}.arrows"));
        cases.iter().enumerate().for_each(|(i, (_, batches))| write(batches, &path(i)));
        let paths = (0..cases.len()).map(path);
        let output = Command::new(python()).args(["-c", SCRIPT]).args(paths).output().unwrap();
        let verdicts = String::from_utf8(output.stdout).unwrap();
        let mut verdicts = verdicts.lines();
        for (i, (name, batches)) in cases.into_iter().enumerate() {
            // A missing line is an interpreter that crashed.
            let verdict = verdicts.next().unwrap_or("no verdict: the interpreter ended").to_string();
            let result = judge(&verdict, &path(i), &batches);
            trials.push(Trial::test(name, move || result));
        }
        std::fs::remove_dir_all(&directory).unwrap();
    } else {
        let unheard = |(name, _)| Trial::test(name, || Ok(())).with_ignored_flag(true);
        trials.extend(cases.into_iter().map(unheard));
        eprintln!("skipped, because `{}` has no pyarrow", python().display());
    }
    libtest_mimic::run(&arguments, trials).exit();
}
