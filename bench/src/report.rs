//! Runs every bench, keeps its output with a description of the machine, and draws charts.

mod area;
mod bars;
mod charts;
mod lines;
mod machine;
mod svg;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Options;

/// The benches, in the order in which they run.
const PARTS: &[&str] = &["handoff", "stream", "codec", "store"];

/// The directory of the record: in the source tree, since it belongs to the source that was measured.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("record")
}

pub(crate) fn run(options: Options) {
    let directory = directory();
    fs::create_dir_all(&directory).expect("a directory for the record");
    let parts: Vec<&str> = PARTS.iter().copied().filter(|part| options.wants(part)).collect();
    let mut distances = Vec::new();
    for part in &parts {
        eprintln!("{part} …");
        distances.extend(distance());
        let lines = measure(&[part]);
        fs::write(directory.join(part).with_extension("jsonl"), lines).expect("a record that can be written");
    }
    if !parts.is_empty() {
        distances.extend(distance());
        let machine = machine::describe(&distances);
        fs::write(directory.join("machine.json"), machine).expect("a record that can be written");
    }
    for (name, chart) in charts::draw(&directory) {
        let path = directory.join(name).with_extension("svg");
        fs::write(&path, chart).expect("a chart that can be written");
        println!("bench/record/{name}.svg");
    }
}

/// Returns the distance of the processors: nanoseconds for handing over one cache line. On a virtual machine it
/// changes from time to time.
fn distance() -> Option<f64> {
    let line = measure(&["handoff", "--only", "spin/64B"]);
    serde_json::from_slice::<Value>(&line).ok()?["floor"].as_f64()
}

/// Returns the output of a bench, run in its own process, so that none is measured in what another left behind.
fn measure(bench: &[&str]) -> Vec<u8> {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    let output = command.args(bench).arg("--json").stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be run");
    assert!(output.status.success(), "{bench:?} failed: {}", output.status);
    output.stdout
}
