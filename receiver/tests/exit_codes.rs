//! Every exit code that `--help` lists, each with words that say what to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::os::unix::net::UnixListener;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, UnionArray};
use arrow_schema::{DataType, Field, UnionFields};
use bowstring::SendError;
use bowstring::codec::Plan;
use bowstring::protocol;
use bowstring::transport::{Access, Decision, End, HandshakeConfig, Label, Sender, SenderConfig, Wait};
use support::{Killed, Room, expect_code, flat, flat_table, lines, nested, trial};

fn main() {
    support::main(vec![
        trial("0 and the report", ok),
        trial("2 usage", usage),
        trial("2 no such column", no_such_column),
        trial("3 a greeting that is no schema", greeting_is_no_schema),
        trial("3 a batch that is not sound", malformed_batch),
        trial("3 a message of an unknown kind", unknown_kind),
        trial("4 refused", refused),
        trial("4 no delivery suits both", no_delivery),
        trial("6 no sender", no_sender),
        trial("6 nothing comes", nothing_comes),
        trial("7 not let in", not_let_in),
        trial("8 the disk is full", disk_full),
        trial("8 a type that the format does not have", unsupported_types),
        trial("8 a dictionary replaced in a file", replaced_dictionary),
        trial("130 and 143 signals", signals),
        trial("1 something had to be copied", zero_copy),
    ]);
}

/// Expects a code, and words in what is said.
fn says(output: &Output, code: i32, words: &[&str]) {
    let stderr = expect_code(output, code);
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in: {stderr}");
    }
}

fn ok() {
    let room = Room::new();
    let report = room.file("report.json");
    let output =
        room.run(&flat_table(), ["--csv", "--report", "json", "--report-to", report.to_str().unwrap()]);
    let stderr = expect_code(&output, 0);
    let told: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(told, serde_json::from_slice::<serde_json::Value>(&support::read(&report)).unwrap());
    assert_eq!(told["rows"], 2000);
    assert_eq!(told["batches"], 3);
    assert_eq!(told["ending"], "whole");
    assert_eq!(told["delivery"], "pooled");
    assert_eq!(told["table"], "test");
    assert_eq!(told["exit"], 0);
    assert_eq!(told["error"], serde_json::Value::Null);
    assert_eq!(told["buffers"]["outside"], 0);
    assert!(told["buffers"]["inside"].as_u64().unwrap() >= 3 * 8);
    assert_eq!(told["bytes_copied"]["messages"], 0);
    assert!(told["bytes_copied"]["dictionaries"].as_u64().unwrap() > 0);
    assert_eq!(told["allocations"]["hot_path"], 0);
    assert!(told["allocations"]["arrays"].as_u64().unwrap() > 0, "the allocator counts");

    let copied = room.run(&flat_table(), ["--csv", "--report", "json", "--delivery", "copied"]);
    let told: serde_json::Value = serde_json::from_str(&expect_code(&copied, 0)).unwrap();
    assert_eq!(told["buffers"]["inside"], 0);
    assert_eq!(told["bytes_copied"]["messages"], told["bytes"]);

    let quiet = room.run(&flat_table(), ["--csv", "--quiet"]);
    assert_eq!(expect_code(&quiet, 0), "");
    assert_eq!(quiet.stdout, output.stdout);
}

fn usage() {
    let room = Room::new();
    for args in [
        &["--no-such-option"][..],
        &["--csv", "--json"],
        &["-o", "x"],
        &["--validate", "structure", "--csv"],
        &["--wait", "-1"],
        &["--touch", "--csv"],
    ] {
        let output = room.receiver(args).output().unwrap();
        assert!(!expect_code(&output, 2).is_empty());
    }
    let output = support::program().args(["--fd", "99"]).output().unwrap();
    says(&output, 2, &["SOCK_SEQPACKET"]);
    let output = support::program().env("BOWSTRING_FD", "seven").output().unwrap();
    says(&output, 2, &["BOWSTRING_FD", "--socket"]);
}

fn no_such_column() {
    let room = Room::new();
    let path = room.file("x.csv");
    let output = room.run(&flat_table(), ["--columns", "id,prize", "-o", path.to_str().unwrap()]);
    says(&output, 2, &["\"prize\"", "price"]);
    assert!(room.names().is_empty());
}

/// Returns a sender that greets with these bytes, and then sends these messages.
fn raw(room: &Room, args: &[&str], greeting: &[u8], messages: &[(u32, &[u8])]) -> Output {
    let listener = room.listener();
    let mut sender = SenderConfig::new().build().unwrap();
    let child = room.receiver(args).spawn().unwrap();
    sender.accept(&listener, &HandshakeConfig::new(greeting)).unwrap();
    for (tag, message) in messages {
        send(&mut sender, *tag, message);
    }
    // The receiver may be gone before the sender is.
    let output = child.wait_with_output().unwrap();
    drop(sender);
    output
}

fn send(sender: &mut Sender, tag: u32, message: &[u8]) {
    let mut loan = sender.loan(message.len()).unwrap();
    loan.copy_from_slice(message);
    let label = Label { tag, ..Label::default() };
    loan.commit_as(message.len(), label).unwrap();
}

fn greeting_is_no_schema() {
    let output = raw(&Room::new(), &["--count"], b"GET / HTTP/1.1\r\n\r\n", &[]);
    says(&output, 3, &["greeting", "schema"]);
}

fn malformed_batch() {
    let batch = flat(0, 10).project(&[0, 1, 2, 3]).unwrap();
    let plan = Plan::new(batch.schema()).unwrap();
    let mut encoder = bowstring::codec::Encoder::new(plan.clone());
    let mut message = arrow_buffer::MutableBuffer::from_len_zeroed(encoder.encoded_len(&batch).unwrap());
    encoder.encode(&batch, &mut message).unwrap();
    let mut lying = message.to_vec();
    // The last byte of the body's text is made to be no UTF-8.
    let at = lying.windows(5).rposition(|bytes| bytes == b"bytes").unwrap();
    lying[at] = 0xff;
    let sends: &[(u32, &[u8])] = &[(protocol::BATCH, &message), (protocol::BATCH, &lying)];
    let room = Room::new();
    let output = raw(&room, &["--csv"], plan.schema_message(), sends);
    says(&output, 3, &["message 2", "\"view\"", "row 9 is not UTF-8"]);
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').count(), 12, "what came before is delivered");
    // Cut short.
    let output = raw(&Room::new(), &["--count"], plan.schema_message(), &[(protocol::BATCH, &message[..64])]);
    says(&output, 3, &["message 1 is malformed"]);
}

fn unknown_kind() {
    let plan = Plan::new(flat(0, 1).schema()).unwrap();
    let output = raw(&Room::new(), &["--count"], plan.schema_message(), &[(7, &[0; 64])]);
    says(&output, 3, &["tag 7"]);
}

fn refused() {
    let room = Room::new();
    let listener = room.listener();
    let mut sender = SenderConfig::new().build().unwrap();
    let mut child = Killed(room.receiver(["--count"]).spawn().unwrap());
    while child.0.try_wait().unwrap().is_none() {
        let wait = Wait::sleeping().at_most(Duration::from_millis(20));
        let config = HandshakeConfig::new(b"").wait(wait).decide(&|_| Decision::Refuse("not on Fridays"));
        let _ = sender.accept(&listener, &config);
    }
    assert_eq!(child.code(), Some(4));
    assert!(child.stderr().contains("not on Fridays"));
}

fn no_delivery() {
    use bowstring::transport::Deliveries;
    let room = Room::new();
    let listener = room.listener();
    let mut sender = SenderConfig::new().deliveries(Deliveries::SLOTS).build().unwrap();
    let mut child = Killed(room.receiver(["--delivery", "sealed"]).spawn().unwrap());
    while child.0.try_wait().unwrap().is_none() {
        let wait = Wait::sleeping().at_most(Duration::from_millis(20));
        let _ = sender.accept(&listener, &HandshakeConfig::new(b"").wait(wait));
    }
    assert_eq!(child.code(), Some(4));
    assert!(child.stderr().contains("--delivery"));
}

fn no_sender() {
    let room = Room::new();
    let output = room.receiver(["--count", "--wait", "0"]).output().unwrap();
    says(&output, 6, &[room.socket().to_str().unwrap(), "--wait"]);
    let output = room.receiver(["--count", "--wait", "0.05"]).output().unwrap();
    says(&output, 6, &["0.05 s", "receiver ls"]);
    // A socket that its owner has left behind.
    drop(UnixListener::bind(room.socket()).unwrap());
    let output = room.receiver(["--count", "--wait", "0"]).output().unwrap();
    says(&output, 6, &["nobody sends"]);
    // And one that comes while it is waited for.
    let child = Room::receiver(&room, ["--count", "--wait", "60"]).spawn().unwrap();
    let mut sender = room.sender(&flat(0, 1).schema());
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&flat(0, 1)).unwrap();
    drop(sender);
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 0);
    assert_eq!(output.stdout, b"1\n");
}

fn nothing_comes() {
    let room = Room::new();
    let mut sender = room.sender(&flat(0, 1).schema());
    let child = room.receiver(["--json", "--idle", "0.05"]).spawn().unwrap();
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&flat(0, 1)).unwrap();
    let output = child.wait_with_output().unwrap();
    says(&output, 6, &["nothing came in time", "--idle"]);
    assert!(!output.stdout.is_empty(), "what came is delivered");
}

fn not_let_in() {
    let room = Room::new();
    let listener = room.listener();
    let mut sender = SenderConfig::new().build().unwrap();
    let mut child = Killed(room.receiver(["--count"]).spawn().unwrap());
    while child.0.try_wait().unwrap().is_none() {
        let strangers = HandshakeConfig::new(b"").access(Access::Users(&[u32::MAX - 7]));
        let _ = sender.poll_accept(&listener, &strangers);
        std::thread::yield_now();
    }
    assert_eq!(child.code(), Some(7));
    assert!(child.stderr().contains("same user"));
}

fn disk_full() {
    let room = Room::new();
    for format in ["csv", "jsonl", "arrow", "arrows", "parquet"] {
        let output = room.run(&flat_table(), ["-o", "/dev/full", "--format", format]);
        says(&output, 8, &["/dev/full", "os error 28", "space"]);
    }
    let output = room.run(&flat_table(), ["-o", "/no/such/directory/x.csv"]);
    says(&output, 8, &["/no/such/directory/x.csv"]);
}

fn unsupported_types() {
    let room = Room::new();
    let path = room.file("x.csv");
    let output = room.run(&[nested(0, 5)], ["-o", path.to_str().unwrap()]);
    says(&output, 8, &["\"list\"", "List(Int64)", "CSV", "--columns"]);
    let fields = UnionFields::try_new([0], [Field::new("n", DataType::Int64, true)]).unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let union = UnionArray::try_new(fields, vec![0, 0].into(), None, vec![values]).unwrap();
    let union = RecordBatch::try_from_iter([("choice", Arc::new(union) as ArrayRef)]).unwrap();
    for name in ["x.parquet", "x.jsonl"] {
        let output = room.run(std::slice::from_ref(&union), ["-o", room.file(name).to_str().unwrap()]);
        says(&output, 8, &["\"choice\"", "Union", ".arrow"]);
    }
    assert!(room.names().is_empty(), "nothing was written");
    let output = room.run(&[union], ["-o", room.file("x.arrow").to_str().unwrap()]);
    expect_code(&output, 0);
}

fn replaced_dictionary() {
    let coded = |values: &[&str]| {
        let values: StringArray = values.iter().copied().map(Some).collect();
        let column = DictionaryArray::<Int32Type>::new(vec![0, 1].into(), Arc::new(values));
        RecordBatch::try_from_iter([("c", Arc::new(column) as ArrayRef)]).unwrap()
    };
    let table = [coded(&["a", "b"]), coded(&["c", "d"])];
    let room = Room::new();
    let output = room.run(&table, ["-o", room.file("x.arrow").to_str().unwrap()]);
    says(&output, 8, &["dictionary was replaced", ".arrows"]);
    assert!(room.names().is_empty());
    let output = room.run(&table, ["-o", room.file("x.arrows").to_str().unwrap()]);
    expect_code(&output, 0);
}

fn signals() {
    for (signal, code) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
        // While the table comes.
        let room = Room::new();
        let mut sender = room.sender(&flat(0, 1).schema());
        let mut child = Killed(room.receiver(["--json"]).spawn().unwrap());
        sender.wait_for_receivers(1, None).unwrap();
        sender.send(&flat(0, 3)).unwrap();
        assert_eq!(lines(&mut child.stdout(), 3).len(), 3);
        kill(&child, signal);
        assert_eq!(child.code(), Some(code));
        // The sender learns that it left, and does not take it for a crash.
        let end = loop {
            match sender.send(&flat(0, 1)) {
                Ok(()) => {}
                Err(SendError::NoReceiver(end)) => break end,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(end, Some(End::Closed));
        // While a file is written: it is not kept.
        let path = room.file("x.csv");
        let mut child = Killed(room.receiver(["-o", path.to_str().unwrap(), "--from-now"]).spawn().unwrap());
        sender.wait_for_receivers(1, None).unwrap();
        // More than the pool holds: when the last is sent, most have been received.
        (0..100).for_each(|_| sender.send(&flat(0, 3)).unwrap());
        kill(&child, signal);
        assert_eq!(child.code(), Some(code));
        assert!(child.stderr().contains("no part of the file was kept"));
        assert!(room.names().is_empty());
        // While a sender is waited for.
        let elsewhere = Room::new();
        let mut child = Killed(elsewhere.receiver(["--wait", "60"]).spawn().unwrap());
        until_signals_are_caught(&child);
        kill(&child, signal);
        assert_eq!(child.code(), Some(code));
    }
}

fn kill(child: &Killed, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Waits until the program has its handlers in place.
fn until_signals_are_caught(child: &Killed) {
    let status = format!("/proc/{}/status", child.0.id());
    loop {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        // Bits 1 and 14: SIGINT and SIGTERM.
        if caught & (1 << 1 | 1 << 14) == (1 << 1 | 1 << 14) {
            return;
        }
        std::thread::yield_now();
    }
}

fn zero_copy() {
    let room = Room::new();
    let plain = flat(0, 10).project(&[0, 1, 2]).unwrap();
    for delivery in ["pooled", "sealed"] {
        let args = ["--csv", "--require-zero-copy", "--delivery", delivery];
        expect_code(&room.run(std::slice::from_ref(&plain), args), 0);
    }
    let output = room.run(&[plain], ["--csv", "--require-zero-copy", "--delivery", "copied"]);
    says(&output, 1, &["id, price, name", "--delivery pooled"]);
    // A dictionary is kept: in slots that is a copy, in a file of its own it is not.
    let output = room.run(&flat_table(), ["--csv", "--require-zero-copy", "--delivery", "pooled"]);
    says(&output, 1, &["city", "--delivery sealed"]);
    assert!(!expect_code(&output, 1).contains("price"));
    let output = room.run(&flat_table(), ["--csv", "--require-zero-copy", "--delivery", "sealed"]);
    expect_code(&output, 0);
}
