//! PyArrow reads what the program writes, with the values that were sent. Ignored without PyArrow.
//!
//! The interpreter is `$PYTHON`, or `python3`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::RecordBatch;
use libtest_mimic::Trial;
use support::{Room, expect_code, flat_table, nested, trial};

/// Reads the file that was received and the stream that was expected, and compares them value by value.
const SCRIPT: &str = r#"
import sys
import pyarrow as pa
found, expected = sys.argv[1:]
if found.endswith(".parquet"):
    import pyarrow.parquet
    found = pa.parquet.read_table(found)
elif found.endswith(".arrows"):
    found = pa.ipc.open_stream(pa.OSFile(found)).read_all()
else:
    found = pa.ipc.open_file(pa.OSFile(found)).read_all()
found.validate(full=True)
expected = pa.ipc.open_stream(pa.OSFile(expected)).read_all()
assert found.schema.names == expected.schema.names, found.schema
assert found.to_pylist() == expected.to_pylist()
print(found.num_rows)
"#;

fn python() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

fn main() {
    let import = Command::new(python()).args(["-c", "import pyarrow.parquet"]).output();
    let missing = !import.is_ok_and(|output| output.status.success());
    let reason = if missing { " (skipped, because there is no PyArrow: set PYTHON)" } else { "" };
    let mut trials: Vec<Trial> = Vec::new();
    for name in ["x.arrow", "x.arrows", "x.parquet"] {
        for delivery in ["pooled", "copied", "sealed"] {
            let test = move || {
                agrees(name, delivery, &flat_table());
                agrees(name, delivery, &[nested(0, 100), nested(100, 7)]);
            };
            trials.push(trial(format!("{name} {delivery}{reason}"), test).with_ignored_flag(missing));
        }
    }
    support::main(trials);
}

fn agrees(name: &str, delivery: &str, batches: &[RecordBatch]) {
    let room = Room::new();
    let path = room.file(name);
    let output = room.run(batches, ["--delivery", delivery, "-o", path.to_str().unwrap()]);
    expect_code(&output, 0);
    let expected = room.file("expected");
    write(&expected, batches);
    let python = Command::new(python()).args(["-c", SCRIPT]).arg(&path).arg(&expected).output().unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    expect_code(&python, 0);
    assert_eq!(String::from_utf8(python.stdout).unwrap().trim(), rows.to_string());
}

/// The table as arrow-rs writes it.
fn write(path: &Path, batches: &[RecordBatch]) {
    let file = File::create(path).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
}
