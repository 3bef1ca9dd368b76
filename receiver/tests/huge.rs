//! Tiny messages that stand for very much: no sink takes memory for what a batch only claims, and a signal ends each.

// checks: sinks-bounded
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Child;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, ListViewArray, NullArray, RecordBatch, StructArray};
use arrow_schema::{DataType, Field};
use rustix::process::{Pid, Signal, kill_process};
use support::{Killed, Room, lines, trial};

/// As many rows without bytes as the codec lets a message have.
const ROWS: usize = 1 << 27;

/// The most memory that a receiver may ever have had, in KiB: the program itself has a quarter of it.
const MOST: u64 = 192 << 10;

const SINKS: [&[&str]; 9] = [
    &["--table"],
    &["--summary"],
    &["--null"],
    &["--count"],
    &["-o", "x.csv"],
    &["-o", "x.jsonl"],
    &["-o", "x.parquet"],
    &["-o", "x.arrow"],
    &["-o", "x.arrows"],
];

fn main() {
    let sinks = SINKS.into_iter().filter(|sink| sink.len() < 3);
    let mut trials: Vec<_> =
        sinks.map(|sink| trial(format!("nulls to {}", sink.join(" ")), move || nulls(sink))).collect();
    trials.push(trial("views of views are refused", views_of_views));
    trials.push(trial("a reader that sleeps does not keep the program", nobody_reads));
    trials.push(trial("a table that nobody reads does not keep the program", nobody_reads_the_table));
    trials.push(trial("a long name that many values have is refused as JSON", long_names));
    support::main(trials);
}

fn nulls(sink: &[&str]) {
    let room = Room::new();
    let args: Vec<String> = match sink {
        ["-o", file] => vec!["-o".to_owned(), room.file(file).into_os_string().into_string().unwrap()],
        args => args.iter().map(|&arg| arg.to_owned()).collect(),
    };
    let batch =
        RecordBatch::try_from_iter_with_nullable([("n", Arc::new(NullArray::new(ROWS)) as ArrayRef, true)])
            .unwrap();
    let mut sender = room.sender(&batch.schema());
    let mut child = Killed(room.receiver(&args).spawn().unwrap());
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&batch).unwrap();
    // It works for a while, or is done and waits for the next batch.
    let done = !works(&child.0, 40);
    if let Some(status) = child.0.try_wait().unwrap() {
        panic!("it has ended: {status}, {}", child.stderr());
    }
    assert!(peak(&child.0) < MOST, "{} KiB", peak(&child.0));
    let begun = Instant::now();
    kill_process(Pid::from_child(&child.0), Signal::INT).unwrap();
    let code = child.code();
    eprintln!("{}: {:?} from the signal to the exit, done: {done}", sink.join(" "), begun.elapsed());
    assert_eq!(code, Some(130), "done: {done}, {}", child.stderr());
    assert!(room.names().is_empty(), "no file is left behind");
}

/// Waits until a program has used this many ticks of processor time; returns false if it stops using any.
fn works(child: &Child, ticks: u64) -> bool {
    let path = format!("/proc/{}/stat", child.id());
    let (mut last, mut idle) = (0, 0);
    loop {
        let stat = fs::read_to_string(&path).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let used = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        if used >= ticks {
            return true;
        }
        idle = if used == last && ["S", "Z"].contains(&fields[0]) { idle + 1 } else { 0 };
        if idle > 50 {
            return false;
        }
        last = used;
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Returns the most memory that a program has had, in KiB.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Returns list views that each hold all values of the level below.
fn over(values: ArrayRef, rows: usize) -> ArrayRef {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let (offsets, sizes) = (vec![0; rows].into(), vec![values.len() as i32; rows].into());
    Arc::new(ListViewArray::try_new(field, offsets, sizes, values, None).unwrap())
}

fn views_of_views() {
    let nulls: ArrayRef = Arc::new(NullArray::new(1 << 10));
    let deep = over(over(over(nulls, 1 << 10), 1 << 10), 2);
    let batch = RecordBatch::try_from_iter([("deep", deep)]).unwrap();
    let room = Room::new();
    for args in [&["--json"][..], &["--summary"]] {
        let output = room.run(std::slice::from_ref(&batch), args);
        let stderr = support::expect_code(&output, 3);
        assert!(stderr.contains("row 0") && stderr.contains("unfolded"), "{stderr}");
    }
    let output = room.run(std::slice::from_ref(&batch), ["-o", room.file("x.arrow").to_str().unwrap()]);
    support::expect_code(&output, 0);
}

fn nobody_reads() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let room = Room::new();
        let mut sender = room.sender(&support::flat(0, 1).schema());
        let mut child = Killed(room.receiver(["--csv"]).spawn().unwrap());
        sender.wait_for_receivers(1, None).unwrap();
        // The first line has come, and nothing more is read: what is sent soon fills the pipe.
        sender.send(&support::flat(0, 300)).unwrap();
        let mut stdout = child.stdout();
        assert_eq!(lines(&mut stdout, 1).len(), 1);
        // The pool holds them.
        (0..6).for_each(|_| sender.send(&support::flat(0, 300)).unwrap());
        while works(&child.0, u64::MAX) {}
        kill_process(Pid::from_child(&child.0), signal).unwrap();
        assert_eq!(child.code(), Some(code));
        drop(stdout);
    }
}

fn nobody_reads_the_table() {
    let room = Room::new();
    let mut sender = room.sender(&support::flat(0, 1).schema());
    let mut child = Killed(room.receiver(["--table", "--head", "100000"]).spawn().unwrap());
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&support::flat(0, 5000)).unwrap();
    // The table is shown at the end, and is more than a pipe holds.
    drop(sender);
    let mut stdout = child.stdout();
    assert_eq!(lines(&mut stdout, 1).len(), 1);
    while works(&child.0, u64::MAX) {}
    kill_process(Pid::from_child(&child.0), Signal::INT).unwrap();
    assert_eq!(child.code(), Some(130));
    drop(stdout);
}

fn long_names() {
    let field = Arc::new(Field::new("n".repeat(1 << 12), DataType::Null, true));
    let nulls: ArrayRef = Arc::new(NullArray::new(1 << 16));
    let named = StructArray::new(vec![field].into(), vec![nulls], None);
    // As JSON a row of this is 256 MiB.
    let batch = RecordBatch::try_from_iter([("named", over(Arc::new(named), 2))]).unwrap();
    let room = Room::new();
    let output = room.run(std::slice::from_ref(&batch), ["--json"]);
    let stderr = support::expect_code(&output, 3);
    assert!(stderr.contains("row 0") && stderr.contains("unfolded"), "{stderr}");
    let output = room.run(std::slice::from_ref(&batch), ["-o", room.file("x.arrow").to_str().unwrap()]);
    support::expect_code(&output, 0);
}
