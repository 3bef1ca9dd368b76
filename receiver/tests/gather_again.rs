//! `--reconnect` of several tables: the others go on meanwhile, with the loss of each reported.

// checks: reconnect
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bowstring::TableSender;
use bowstring::transport::{Listener, SenderConfig};
use support::counts::Counts;
use support::{Killed, Room, flat, nested, program};

const NAMES: [&str; 3] = ["a", "b", "c"];
const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

/// Returns a sender of a table of this name.
fn sender(room: &Room, name: &str, batch: &RecordBatch) -> TableSender {
    let mut sender = TableSender::new(batch.schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
    sender.listen(Listener::bind(room.file(name).as_os_str().as_bytes()).unwrap());
    sender
}

/// Returns senders of three tables, and the program with `args` that receives them.
fn three(room: &Room, args: &[&str]) -> ([TableSender; 3], Killed) {
    let mut senders = NAMES.map(|name| sender(room, name, &flat(0, 1)));
    let mut command = program();
    command.args(["./a", "./b", "./c"]).current_dir(&room.path).args(args);
    let child = Killed(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    senders.iter_mut().for_each(|sender| sender.wait_for_receivers(1, None).unwrap());
    (senders, child)
}

/// Reads on until a line has this in it, and returns all lines.
fn read_until(stderr: &mut impl BufRead, words: &str) -> String {
    let mut lines = String::new();
    while !lines.lines().last().is_some_and(|line| line.contains(words)) {
        assert!(stderr.read_line(&mut lines).unwrap() > 0, "no {words:?} in {lines}");
    }
    lines
}

#[test]
fn the_others_go_on_until_one_comes_back() {
    for delivery in DELIVERIES {
        let room = Room::new();
        let args = ["--source-column", "table", "--json", "--reconnect", "--report", "json"];
        let ([mut a, mut b, c], mut child) = three(&room, &[&args[..], &["--delivery", delivery]].concat());
        let counts = Arc::new(Counts::default());
        let reading = std::thread::spawn({
            let (counts, stdout) = (counts.clone(), child.stdout());
            move || counts.read(stdout)
        });
        let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
        b.send(&flat(0, 50)).unwrap();
        b.abandon();
        read_until(&mut stderr, "./b: interrupted: ");
        // One is gone, one sends, and one ends meanwhile.
        drop(c);
        a.send(&flat(0, 100)).unwrap();
        counts.wait_for(Path::new("./a"), 100);
        // The next one has a past, which it tells.
        let mut next = TableSender::new(flat(0, 1).schema(), SenderConfig::new()).unwrap();
        let (here, there) = bowstring::transport::socket_pair().unwrap();
        let other = std::thread::spawn(move || bowstring::Receiver::builder().connect_socket(there).unwrap());
        next.accept_socket(here).unwrap();
        let other = other.join().unwrap();
        next.send(&flat(0, 12)).unwrap();
        next.listen(Listener::bind(room.file("b").as_os_str().as_bytes()).unwrap());
        next.wait_for_receivers(2, None).unwrap();
        let said = read_until(&mut stderr, "./b: a new sender (process ");
        assert!(said.contains(": 12 of its rows in 1 batch went before"), "{said}");
        drop(other);
        next.send(&flat(50, 30)).unwrap();
        counts.wait_for(Path::new("./b"), 80);
        a.send(&flat(100, 5)).unwrap();
        drop((a, next));
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(child.code(), Some(9), "{rest}");
        assert!(rest.contains("1 interruption: rows of one sender and the next may be missing"), "{rest}");
        reading.join().unwrap();
        let rows = counts.rows.lock().unwrap();
        assert_eq!((rows["./a"], rows["./b"], rows.get("./c")), (105, 80, None), "{rest}");
        let report: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&report["ending"], &report["rows"]), (&"partial".into(), &185.into()), "{report}");
        let b = &report["tables"][1];
        assert_eq!((&b["rows_received"], &b["before"]["rows"]), (&80.into(), &12.into()), "{report}");
        assert_eq!(
            (&b["error"], &b["reconnected"][0]["rows_received"]),
            (&().into(), &50.into()),
            "{report}"
        );
        assert_eq!(report["tables"][0]["reconnected"], serde_json::json!([]), "{report}");
    }
}

#[test]
fn a_file_goes_on_and_says_that_it_was_interrupted() {
    let room = Room::new();
    let ([mut a, mut b, c], mut child) = three(&room, &["--reconnect", "--allow-gaps", "-o", "x.arrow"]);
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    b.send(&flat(0, 50)).unwrap();
    b.abandon();
    read_until(&mut stderr, "./b: interrupted: ");
    let mut next = sender(&room, "b", &flat(0, 1));
    next.wait_for_receivers(1, None).unwrap();
    next.send(&flat(50, 30)).unwrap();
    a.send(&flat(0, 20)).unwrap();
    drop((a, next, c));
    assert_eq!(child.code(), Some(0));
    let file = File::open(room.file("x.arrow")).unwrap();
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
    assert_eq!(reader.custom_metadata().get("bowstring.interruptions").unwrap(), "1");
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 100);
}

#[test]
fn a_clean_end_is_followed_by_the_next_table_if_asked() {
    let room = Room::new();
    // No wait could be measured: the test ends when everything has come.
    let ([mut a, b, c], mut child) = three(&room, &["--count", "--limit", "37", "--reconnect=always"]);
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    a.send(&flat(0, 7)).unwrap();
    drop(b);
    // Nothing else comes that could wake it up.
    read_until(&mut stderr, "./b: the table has ended; waiting for the next");
    let mut next = sender(&room, "b", &flat(0, 1));
    next.wait_for_receivers(1, None).unwrap();
    next.send(&flat(0, 30)).unwrap();
    let mut rows = String::new();
    child.stdout().read_to_string(&mut rows).unwrap();
    assert_eq!((rows.as_str(), child.code()), ("37\n", Some(0)));
    drop((a, c));
}

#[test]
fn one_that_does_not_come_back_ends_as_it_broke_off() {
    let room = Room::new();
    let ([mut a, mut b, c], mut child) = three(&room, &["--count", "--reconnect", "--wait", "0.1"]);
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    b.send(&flat(0, 5)).unwrap();
    b.abandon();
    read_until(&mut stderr, "./b: no sender came back within 0.1 s");
    a.send(&flat(0, 7)).unwrap();
    drop((a, c));
    let (mut rows, mut rest) = (String::new(), String::new());
    child.stdout().read_to_string(&mut rows).unwrap();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.code(), Some(5), "{rest}");
    assert!(rest.contains("receiver: ./b: the sender"), "{rest}");
}

#[test]
fn one_that_comes_back_with_other_columns_ends_with_an_error() {
    let room = Room::new();
    let ([mut a, b, c], mut child) = three(&room, &["--count", "--reconnect"]);
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    b.abandon();
    read_until(&mut stderr, "./b: interrupted: ");
    let mut next = sender(&room, "b", &nested(0, 1));
    next.wait_for_receivers(1, None).unwrap();
    read_until(&mut stderr, "others go on");
    a.send(&flat(0, 7)).unwrap();
    drop((a, c, next));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.code(), Some(1), "{rest}");
    assert!(rest.contains("column \"list\" of List(Int64), where \"price\" of Float64"), "{rest}");
}
