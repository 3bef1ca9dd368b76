//! Several tables as one: each row of every living sender once and in its order, whatever happens to the others.

// checks: merge
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use bowstring::transport::{Listener, SenderConfig};
use bowstring::{SendError, TableSender};
use rustix::process::{Pid, Signal, kill_process};
use support::counts::Counts;
use support::{Killed, Room, expect_code, flat, nested, program, trial};

/// This variable makes a process of this test a sender, and names its address.
const ROLE: &str = "BOWSTRING_TEST_SENDER";
/// Its numbers are made of this.
const SEED: &str = "BOWSTRING_TEST_SEED";
/// Batches of a sender.
const BATCHES: u64 = 60;
const NAMES: [&str; 3] = ["a", "b", "c"];
const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

fn main() {
    if let Some(socket) = std::env::var_os(ROLE) {
        return send(Path::new(&socket), std::env::var(SEED).unwrap().parse().unwrap());
    }
    let mut trials = Vec::new();
    for (seed, delivery) in DELIVERIES.into_iter().enumerate() {
        let seed = seed as u64 * 10;
        trials
            .push(trial(format!("one is stopped, {delivery}"), move || one_of_three(seed, delivery, false)));
        trials.push(trial(format!("one is killed, {delivery}"), move || one_of_three(seed, delivery, true)));
    }
    trials.push(trial("options are for the rows of all", options));
    trials.push(trial("dictionaries do not mix", dictionaries));
    trials.push(trial("other columns are refused", other_columns));
    trials.push(trial("no file is kept of a table that broke off", no_file));
    support::main(trials);
}

/// Returns the rows of each batch of a sender.
fn sizes(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed + 1;
    (0..BATCHES).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % 90
    })
}

/// Sends half of the batches, says so, and sends the rest after a word from the test.
fn send(socket: &Path, seed: u64) {
    let mut sender = TableSender::new(flat(0, 1).schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
    sender.listen(Listener::bind(socket.as_os_str().as_bytes()).unwrap());
    println!("listening");
    sender.wait_for_receivers(1, None).unwrap();
    let mut first = 0;
    for (place, rows) in sizes(seed).enumerate() {
        if place as u64 == BATCHES / 2 {
            println!("half {first}");
            std::io::stdin().read_exact(&mut [0]).unwrap();
        }
        sender.send(&flat(first, rows)).unwrap();
        first += rows as i64;
    }
}

/// A sender in a process of its own.
struct Sending {
    child: Killed,
    says: BufReader<std::process::ChildStdout>,
    go: ChildStdin,
    rows: usize,
}

impl Sending {
    fn spawn(socket: &Path, seed: u64) -> Sending {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(ROLE, socket).env(SEED, seed.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child: Child = command.spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        let go = child.stdin.take().unwrap();
        let mut sending = Sending { child: Killed(child), says, go, rows: sizes(seed).sum() };
        assert_eq!(sending.line(), "listening");
        sending
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }
}

fn one_of_three(seed: u64, delivery: &'static str, killed: bool) {
    let room = Room::new();
    let sockets = NAMES.map(|name| room.file(name));
    let mut sending: Vec<Sending> =
        sockets.iter().zip(seed..).map(|(socket, seed)| Sending::spawn(socket, seed)).collect();
    let mut command = program();
    command.args(&sockets).args(["--source-column", "table", "--json", "--delivery", delivery]);
    command.args(["--report", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let counts = Arc::new(Counts::default());
    let reading = std::thread::spawn({
        let (counts, stdout) = (counts.clone(), child.stdout());
        move || counts.read(stdout)
    });
    let halves: Vec<usize> = sending
        .iter_mut()
        .map(|sending| sending.line().trim_start_matches("half ").parse().unwrap())
        .collect();
    // One stands still, and the others come to their ends meanwhile.
    sending[1].signal(Signal::STOP);
    for place in [0, 2] {
        sending[place].go.write_all(b"!").unwrap();
        counts.wait_for(&sockets[place], sending[place].rows);
    }
    let expected = if killed {
        sending[1].signal(Signal::KILL);
        halves[1]
    } else {
        sending[1].signal(Signal::CONT);
        sending[1].go.write_all(b"!").unwrap();
        sending[1].rows
    };
    reading.join().unwrap();
    assert_eq!(child.code(), Some(if killed { 5 } else { 0 }));
    let stderr = child.stderr();
    let rows = counts.rows.lock().unwrap();
    for (place, expected) in [(0, sending[0].rows), (1, expected), (2, sending[2].rows)] {
        assert_eq!(rows[sockets[place].to_str().unwrap()], expected as u64, "{place}: {stderr}");
    }
    let report: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(report["tables"][1]["rows_received"], expected, "{report}");
    let died = format!("{}: the sender died", sockets[1].display());
    assert_eq!(stderr.contains(&died), killed, "{stderr}");
    assert_eq!(report["tables"][1]["error"].is_null(), !killed, "{report}");
    assert!(report["tables"][0]["error"].is_null());
}

/// Rows of a table whose dictionary is its own and grows.
fn coded(table: &str, first: i64, rows: i64) -> RecordBatch {
    let words: Vec<String> = (first..first + rows).map(|n| format!("{table}{}", n / 3)).collect();
    let words: DictionaryArray<Int32Type> = words.iter().map(String::as_str).collect();
    let numbers = Int64Array::from_iter_values(first..first + rows);
    RecordBatch::try_from_iter([("id", Arc::new(numbers) as ArrayRef), ("word", Arc::new(words) as _)])
        .unwrap()
}

/// Sends four batches of each table, and returns the program's outcome.
fn run(room: &Room, args: &[&str]) -> Output {
    let sockets: Vec<PathBuf> = NAMES.iter().map(|name| room.file(name)).collect();
    let mut senders: Vec<TableSender> = sockets
        .iter()
        .map(|socket| {
            let config = SenderConfig::new().slots(8, 64 << 10);
            let mut sender = TableSender::new(coded("x", 0, 1).schema(), config).unwrap();
            sender.listen(Listener::bind(socket.as_os_str().as_bytes()).unwrap());
            sender
        })
        .collect();
    let mut command = program();
    command.args(["./a", "./b", "./c"]).current_dir(&room.path).args(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    senders.iter_mut().for_each(|sender| sender.wait_for_receivers(1, None).unwrap());
    for batch in 0..4 {
        for (sender, name) in senders.iter_mut().zip(NAMES) {
            match sender.send(&coded(name, batch * 10, 10)) {
                Ok(()) | Err(SendError::NoReceiver(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    drop(senders);
    child.wait_with_output().unwrap()
}

fn options() {
    let said = |args: &[&str]| {
        let output = run(&Room::new(), args);
        expect_code(&output, 0);
        let mut lines: Vec<String> = output.stdout.lines().map(Result::unwrap).collect();
        lines.sort();
        lines
    };
    assert_eq!(said(&["--count"]), ["120"]);
    assert_eq!(said(&["--null"]).len(), 0);
    assert_eq!(said(&["--count", "--limit", "55"]), ["55"]);
    assert_eq!(said(&["--count", "--source-column", "t", "--where", "t = './b' and id < 7"]), ["7"]);
    let rows = said(&["--csv", "--source-column", "t", "--columns", "t,id", "--where", "id >= 39"]);
    assert_eq!(rows, ["./a,39", "./b,39", "./c,39", "t,id"]);
    let sums = said(&["--csv", "--source-column", "t", "--agg", "count(*), max(id) by t"]);
    assert_eq!(sums[..3], ["./a,40,39", "./b,40,39", "./c,40,39"]);
    let output = run(&Room::new(), &["--count", "--source-column", "id"]);
    assert!(expect_code(&output, 2).contains("a column \"id\" already"));
}

/// Each table has a dictionary of its own, which the output must not take for one that grows.
fn dictionaries() {
    let room = Room::new();
    expect_code(&run(&room, &["--source-column", "t", "-o", "x.arrows"]), 0);
    expect_code(&run(&room, &["--source-column", "t", "-o", "x.parquet"]), 0);
    let stream = arrow_ipc::reader::StreamReader::try_new(File::open(room.file("x.arrows")).unwrap(), None);
    let stream: Vec<RecordBatch> = stream.unwrap().map(Result::unwrap).collect();
    let parquet = File::open(room.file("x.parquet")).unwrap();
    let parquet = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    let parquet: Vec<RecordBatch> = parquet.build().unwrap().map(Result::unwrap).collect();
    for batches in [stream, parquet] {
        let mut next: HashMap<String, i64> = HashMap::new();
        for batch in batches {
            let text = |column: usize| {
                let plain = arrow_cast::cast(batch.column(column), &arrow_schema::DataType::Utf8).unwrap();
                plain.as_any().downcast_ref::<StringArray>().unwrap().clone()
            };
            let (words, tables) = (text(1), text(2));
            for (row, id) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                let table = tables.value(row);
                let due = next.entry(table.to_owned()).or_default();
                assert_eq!((id, words.value(row)), (&*due, &*format!("{}{}", &table[2..], id / 3)));
                *due += 1;
            }
        }
        assert_eq!(next, HashMap::from(["./a", "./b", "./c"].map(|table| (table.to_owned(), 40))));
    }
    // A file has no way to express it, and says so.
    let output = run(&room, &["-o", "x.arrow"]);
    assert!(expect_code(&output, 8).contains("write an .arrows stream instead"));
}

fn other_columns() {
    let room = Room::new();
    let mut senders = [("a", flat(0, 1)), ("b", nested(0, 1))].map(|(name, batch)| {
        let mut sender = TableSender::new(batch.schema(), SenderConfig::new()).unwrap();
        sender.listen(Listener::bind(room.file(name).as_os_str().as_bytes()).unwrap());
        sender
    });
    let mut command = program();
    command.args(["./a", "./b", "--count"]).current_dir(&room.path);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    senders.iter_mut().for_each(|sender| sender.wait_for_receivers(1, None).unwrap());
    let stderr = expect_code(&child.wait_with_output().unwrap(), 2);
    let words = "the table of \"./b\" differs from that of \"./a\": column \"list\" of List(Int64), where \"price\" of Float64";
    assert!(stderr.contains(words), "{stderr}");
}

/// The others need not be waited for: no file would be kept.
fn no_file() {
    let room = Room::new();
    let mut a = TableSender::new(flat(0, 1).schema(), SenderConfig::new()).unwrap();
    a.listen(Listener::bind(room.file("a").as_os_str().as_bytes()).unwrap());
    let mut b = TableSender::new(flat(0, 1).schema(), SenderConfig::new()).unwrap();
    b.listen(Listener::bind(room.file("b").as_os_str().as_bytes()).unwrap());
    let mut command = program();
    command.args(["./a", "./b", "-o", "x.csv"]).current_dir(&room.path);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    a.wait_for_receivers(1, None).unwrap();
    b.wait_for_receivers(1, None).unwrap();
    b.send(&flat(0, 3)).unwrap();
    b.abandon();
    let stderr = expect_code(&child.wait_with_output().unwrap(), 5);
    assert!(stderr.contains("receiver: ./b: the sender"), "{stderr}");
    assert!(!room.file("x.csv").exists());
    drop(a);
}
