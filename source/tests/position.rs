//! The position in files is known: named ones, compressed ones, and one that is standard input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bowstring_source::options::{Choice, Input, Range, Reading};
use bowstring_source::{Source, open};

const ROWS: usize = 60_000;
/// This variable makes a process of this test read its standard input, and says how many rows are there.
const CHILD: &str = "BOWSTRING_TEST_STDIN_ROWS";

/// Returns a file of rows.
fn file(test: &str, extension: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("bowstring-position-{test}-{}.{extension}", std::process::id()));
    let mut text = String::from(if extension == "csv" { "n,word\n" } else { "" });
    for n in 0..ROWS {
        match extension {
            "csv" => writeln!(text, "{n},some words about {n}").unwrap(),
            _ => writeln!(text, "{{\"n\": {n}, \"word\": \"some words about {n}\"}}").unwrap(),
        }
    }
    std::fs::write(&path, text).unwrap();
    path
}

/// Reads everything, and returns the rows and the parts after each batch.
fn read(source: &mut Source, reading: &Reading) -> (usize, Vec<f64>) {
    let Source::Batches(batches) = source else { panic!("no demo and no recording") };
    let (mut rows, mut parts) = (0, Vec::new());
    while let Some(batch) = batches.next_batch().unwrap() {
        rows += batch.num_rows();
        parts.push(reading.position.part().unwrap());
    }
    parts.push(reading.position.part().unwrap());
    (rows, parts)
}

fn check(parts: &[f64]) {
    assert!(parts.len() > 2 && parts.is_sorted(), "{parts:?}");
    assert!(parts[0] > 0.0 && parts[0] < 0.9, "{parts:?}");
    assert_eq!(parts.last(), Some(&1.0), "{parts:?}");
}

#[test]
fn the_part_grows_to_one_in_each_pass() {
    for extension in ["csv", "jsonl"] {
        let path = file("passes", extension);
        for inputs in [vec![Input::File(path.clone())], vec![Input::File(path.clone()); 3]] {
            let reading =
                Reading { threads: 1, batch_rows: 2000, batch_rows_asked: true, ..Reading::default() };
            let mut source = open(&inputs, &reading, choice(None)).unwrap();
            for _ in 0..2 {
                let (rows, parts) = read(&mut source, &reading);
                assert_eq!(rows, inputs.len() * ROWS);
                check(&parts);
                source.rewind().unwrap();
            }
        }
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn of_a_compressed_file_the_stored_bytes_count() {
    let path = file("gz", "csv");
    let compressed = path.with_extension("csv.gz");
    let mut gz =
        flate2::write::GzEncoder::new(File::create(&compressed).unwrap(), flate2::Compression::fast());
    gz.write_all(&std::fs::read(&path).unwrap()).unwrap();
    gz.finish().unwrap();
    let reading = Reading { threads: 1, batch_rows: 2000, batch_rows_asked: true, ..Reading::default() };
    let mut source = open(&[Input::File(compressed.clone())], &reading, choice(None)).unwrap();
    let (rows, parts) = read(&mut source, &reading);
    assert_eq!(rows, ROWS);
    check(&parts);
    std::fs::remove_file(path).unwrap();
    std::fs::remove_file(compressed).unwrap();
}

#[test]
fn of_a_part_of_the_rows_nothing_is_said() {
    let path = file("rows", "csv");
    for (end, known) in [(Some(10), false), (None, true)] {
        let reading = Reading::default();
        let source =
            open(&[Input::File(path.clone())], &reading, choice(Some(Range { start: 5, end }))).unwrap();
        assert_eq!(reading.position.part().is_some(), known);
        drop(source);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn standard_input_may_be_a_file() {
    if let Some(rows) = std::env::var_os(CHILD) {
        let reading = Reading {
            threads: 1,
            batch_rows: 2000,
            batch_rows_asked: true,
            header: false,
            ..Reading::default()
        };
        let mut source = open(&[Input::Stdin], &reading, choice(None)).unwrap();
        let (read, parts) = read(&mut source, &reading);
        assert_eq!(read.to_string(), rows.to_str().unwrap());
        return check(&parts);
    }
    let path = file("stdin", "csv");
    // From its beginning, and from where somebody else has read to: behind the line with the names.
    for (from, rows) in [(0, ROWS + 1), (7, ROWS)] {
        let mut input = File::open(&path).unwrap();
        input.seek(SeekFrom::Start(from)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "standard_input_may_be_a_file"]).env(CHILD, rows.to_string());
        let output = command.stdin(Stdio::from(input)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    std::fs::remove_file(path).unwrap();
}

fn choice(rows: Option<Range>) -> Choice {
    Choice { rows, batch: None, most: None }
}
