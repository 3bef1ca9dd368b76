//! `--reconnect`: the receiver outlives its sender, keeps its output, and says what nobody can know.

// checks: reconnect
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufRead;
use std::process::Child;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bowstring::transport::{SenderConfig, socket_pair};
use bowstring::{BreakOff, Receiver, TableSender};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{Killed, Room, expect_code, flat, nested, whole};

/// Starts the receiver, sends a first part to it, and breaks off.
fn interrupted(room: &Room, args: &[&str]) -> Child {
    let mut sender = room.sender(&flat(0, 1).schema());
    let child = room.receiver(args).spawn().unwrap();
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&flat(0, 100)).unwrap();
    sender.send(&flat(100, 50)).unwrap();
    sender.abandon_with(BreakOff::Interrupted, "");
    child
}

/// Returns a sender that has sent these batches to somebody else, who is returned too, and listens now.
fn with_a_past(room: &Room, batches: &[RecordBatch]) -> (TableSender, Receiver) {
    let mut sender = TableSender::new(batches[0].schema(), SenderConfig::new()).unwrap();
    let (here, there) = socket_pair().unwrap();
    let other = std::thread::spawn(move || Receiver::builder().connect_socket(there).unwrap());
    sender.accept_socket(here).unwrap();
    batches.iter().for_each(|batch| sender.send(batch).unwrap());
    sender.listen(room.listener());
    (sender, other.join().unwrap())
}

#[test]
fn the_output_goes_on_and_says_that_it_was_interrupted() {
    for (file, gaps) in [("x.parquet", false), ("x.arrow", true), ("x.arrows", false), ("x.jsonl", false)] {
        let room = Room::new();
        let path = room.file(file);
        let mut args = vec!["--reconnect", "--report", "json", "-o", path.to_str().unwrap()];
        args.extend(gaps.then_some("--allow-gaps"));
        let child = interrupted(&room, &args);
        // Its metadata is another; its columns are the same.
        let schema = flat(0, 1).schema();
        let metadata = HashMap::from([("note".to_owned(), "restarted".to_owned())]);
        let schema = Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata));
        let mut sender = room.sender(&schema);
        sender.wait_for_receivers(1, None).unwrap();
        sender.send(&flat(150, 70).with_schema(schema).unwrap()).unwrap();
        drop(sender);
        let stderr = expect_code(&child.wait_with_output().unwrap(), if gaps { 0 } else { 9 });
        assert!(stderr.contains("the sender broke off"), "{stderr}");
        assert!(stderr.contains("receiver: a new sender (process"), "{stderr}");
        assert_eq!(
            stderr.contains("1 interruption: rows of one sender and the next may be missing"),
            !gaps,
            "{stderr}"
        );
        let report: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!((&report["ending"], &report["rows"]), (&"partial".into(), &220.into()), "{report}");
        assert_eq!(report["reconnected"][0]["rows_received"], 150, "{report}");
        if file == "x.parquet" {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
            let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
            let value =
                |key| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref());
            assert_eq!(value("bowstring.interruptions"), Some("1"), "{pairs:?}");
            let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
            assert_eq!(whole(&batches).columns(), flat(0, 220).columns());
        }
        if file == "x.arrow" {
            let reader = arrow_ipc::reader::FileReader::try_new(File::open(&path).unwrap(), None).unwrap();
            assert_eq!(reader.custom_metadata().get("bowstring.interruptions").unwrap(), "1");
            let batches: Vec<_> = reader.map(Result::unwrap).collect();
            assert_eq!(whole(&batches).columns(), flat(0, 220).columns());
        }
    }
}

#[test]
fn a_file_without_the_beginning_of_the_next_table_is_kept_only_if_that_was_allowed() {
    for (allowed, code) in [(false, 9), (true, 9)] {
        let room = Room::new();
        let path = room.file("x.csv");
        let mut args = vec!["--reconnect", "-o", path.to_str().unwrap()];
        args.extend(allowed.then_some("--from-now"));
        let child = interrupted(&room, &args);
        let (mut sender, _other) = with_a_past(&room, &[flat(0, 12)]);
        sender.wait_for_receivers(2, None).unwrap();
        // Without leave the receiver goes as soon as it knows.
        let _ = sender.send(&flat(12, 5));
        drop(sender);
        let stderr = expect_code(&child.wait_with_output().unwrap(), code);
        assert!(stderr.contains("12 of its rows in 1 batch went before"), "{stderr}");
        assert_eq!(room.names(), if allowed { vec!["x.csv"] } else { vec![] }, "{stderr}");
        if allowed {
            assert_eq!(support::read(&path).lines().count(), 1 + 155);
        }
    }
}

#[test]
fn other_columns_end_it_and_the_first_that_differs_is_named() {
    let room = Room::new();
    let child = interrupted(&room, &["--reconnect", "--count"]);
    let mut sender = room.sender(&nested(0, 1).schema());
    let _ = sender.wait_for_receivers(1, None);
    drop(sender);
    let stderr = expect_code(&child.wait_with_output().unwrap(), 1);
    assert!(
        stderr.contains("column \"list\" of List(Int64), where \"price\" of Float64 was expected"),
        "{stderr}"
    );
}

#[test]
fn a_clean_end_is_the_end_unless_it_was_asked_to_go_on() {
    for (words, rows) in [("--reconnect", "3\n"), ("--reconnect=always", "7\n")] {
        let room = Room::new();
        let mut sender = room.sender(&flat(0, 1).schema());
        let child = room.receiver([words, "--count", "--wait", "0.3"]).spawn().unwrap();
        sender.wait_for_receivers(1, None).unwrap();
        sender.send(&flat(0, 3)).unwrap();
        drop(sender);
        if words == "--reconnect=always" {
            let mut sender = room.sender(&flat(0, 1).schema());
            sender.wait_for_receivers(1, None).unwrap();
            sender.send(&flat(0, 4)).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        expect_code(&output, 0);
        assert_eq!(String::from_utf8_lossy(&output.stdout), rows);
    }
}

#[test]
fn if_nobody_comes_back_the_ending_is_that_of_the_last_sender() {
    let room = Room::new();
    let child = interrupted(&room, &["--reconnect", "--wait", "0.1", "--json"]);
    let output = child.wait_with_output().unwrap();
    let stderr = expect_code(&output, 5);
    assert!(stderr.contains("no sender came back within 0.1 s"), "{stderr}");
    assert_eq!(output.stdout.lines().count(), 150);
}

#[test]
fn a_signal_ends_the_wait() {
    let room = Room::new();
    let mut child = Killed(interrupted(&room, &["--reconnect", "--null"]));
    let mut stderr = std::io::BufReader::new(child.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for another sender") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0);
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child.0), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(child.code(), Some(143));
}
