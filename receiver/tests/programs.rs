//! The two programs together, as people use them. Ignored where the sender has not been built.

// checks: programs-heap-free
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use bowstring_codec::testing::{self, Source};
use bowstring_codec::{OnGrowth, Plan, StreamWriter};
use libtest_mimic::Trial;
use support::{Killed, Room, expect_code, flat_table, lines, trial, whole};

/// Returns the sender beside the receiver.
fn sender_path() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_receiver")).with_file_name("sender")
}

fn main() {
    let missing = !sender_path().is_file();
    let reason = if missing { " (skipped, because the sender is not built)" } else { "" };
    let mut trials: Vec<Trial> = Vec::new();
    let mut add = |name: String, test: Box<dyn FnOnce() + Send>| {
        trials.push(trial(format!("{name}{reason}"), test).with_ignored_flag(missing));
    };
    for delivery in ["pooled", "copied", "sealed"] {
        add(format!("the sender starts the receiver, {delivery}"), Box::new(move || spawned(delivery)));
        add(format!("they meet on a socket, {delivery}"), Box::new(move || met(delivery)));
        add(format!("the sender is killed, {delivery}"), Box::new(move || sender_killed(delivery)));
        add(format!("no heap from the second batch on, {delivery}"), Box::new(move || heap_free(delivery)));
    }
    add("the report of a million rows".into(), Box::new(report));
    add("a limit ends both".into(), Box::new(limit));
    support::main(trials);
}

fn sender() -> Command {
    let mut command = Command::new(sender_path());
    command.env_remove("BOWSTRING_FD").stdin(Stdio::null());
    command
}

fn spawned(delivery: &str) {
    let output = sender()
        .args(["demo:1000", "--quiet", "--", "receiver", "--json", "--quiet", "--delivery", delivery])
        .output()
        .unwrap();
    assert_eq!(expect_code(&output, 0), "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1000);
    for line in text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object(), "{line}");
    }
}

fn met(delivery: &str) {
    let room = Room::new();
    let table = flat_table();
    let (from, to) = (room.file("from.arrow"), room.file("to.arrow"));
    let mut writer =
        arrow_ipc::writer::FileWriter::try_new(File::create(&from).unwrap(), &table[0].schema()).unwrap();
    table.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    let child =
        sender().arg(&from).arg("--socket").arg(room.socket()).stderr(Stdio::piped()).spawn().unwrap();
    let args = ["--wait", "60", "--delivery", delivery, "-o", to.to_str().unwrap()];
    let output = room.receiver(args).output().unwrap();
    expect_code(&output, 0);
    expect_code(&child.wait_with_output().unwrap(), 0);
    let reader = arrow_ipc::reader::FileReader::try_new(File::open(&to).unwrap(), None).unwrap();
    let found: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(whole(&found), whole(&table));
}

fn sender_killed(delivery: &str) {
    let room = Room::new();
    let command = sender().args(["demo:1000", "--repeat", "0", "--socket"]).arg(room.socket()).spawn();
    let mut sending = Killed(command.unwrap());
    let mut child = Killed(room.receiver(["--wait", "60", "--csv", "--delivery", delivery]).spawn().unwrap());
    let mut stdout = child.stdout();
    assert_eq!(lines(&mut stdout, 5000).len(), 5000);
    sending.0.kill().unwrap();
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.last(), Some(&b'\n'), "whole lines to the end");
    let stderr = child.stderr();
    assert_eq!(child.code(), Some(5), "{stderr}");
}

fn report() {
    let receiver = ["receiver", "--null", "--require-zero-copy", "--delivery", "sealed", "--report", "json"];
    let output = sender().args(["demo:1000000", "--quiet", "--"]).args(receiver).output().unwrap();
    let told: serde_json::Value = serde_json::from_str(&expect_code(&output, 0)).unwrap();
    assert_eq!(told["rows"], 1_000_000);
    assert_eq!(told["buffers"]["outside"], 0);
    let output =
        sender().args(["demo:1000000", "--quiet", "--", "receiver", "--null", "--report", "json"]).output();
    let told: serde_json::Value = serde_json::from_str(&expect_code(&output.unwrap(), 0)).unwrap();
    assert_eq!(told["rows"], 1_000_000);
    assert_eq!(told["delivery"], "pooled");
    assert_eq!(told["buffers"]["outside"], 0);
    assert_eq!(told["bytes_copied"]["messages"], 0);
    assert_eq!(told["allocations"]["hot_path"], 0);
}

/// A file with a column of every type, sent batch by batch: what both programs say of their heap.
fn heap_free(delivery: &str) {
    let room = Room::new();
    let path = room.file("every.arrows");
    let batch = every_type();
    let plan = Plan::new(batch.schema()).unwrap();
    let mut writer = StreamWriter::new(File::create(&path).unwrap(), plan, OnGrowth::Delta).unwrap();
    (0..20).for_each(|_| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    let args = ["--wait", "60", "--null", "--validate", "full", "--delivery", delivery, "--report", "json"];
    let child = sender()
        .arg(&path)
        .args(["--quiet", "--report", "json", "--socket"])
        .arg(room.socket())
        .stderr(Stdio::piped())
        .spawn();
    let received = room.receiver(args).output().unwrap();
    let sent = child.unwrap().wait_with_output().unwrap();
    for (who, output) in [("the sender", sent), ("the receiver", received)] {
        let said = expect_code(&output, 0);
        let told: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap();
        assert_eq!(
            (&told["batches"], &told["allocations"]["hot_path"]),
            (&20.into(), &0.into()),
            "{who}: {said}"
        );
    }
}

/// Returns a batch with a column of every type.
fn every_type() -> RecordBatch {
    let bytes: Vec<u8> = (0..200_u8).map(|i| i.wrapping_mul(7)).collect();
    let fields = testing::every_type().into_iter().enumerate();
    let fields: Vec<Field> = fields.map(|(i, of)| Field::new(format!("c{i}"), of, true)).collect();
    testing::batch_of(&mut Source::new(&bytes), &Arc::new(Schema::new(fields)), 50)
}

fn limit() {
    let args = ["demo:1000", "--repeat", "0", "--", "receiver", "--csv", "--limit", "2500", "--quiet"];
    let output = sender().args(args).output().unwrap();
    expect_code(&output, 0);
    assert_eq!(
        output.stdout.split(|&byte| byte == b'\n').count(),
        2502,
        "a header, the rows, and nothing behind"
    );
}
