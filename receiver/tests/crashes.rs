//! Either side is killed midway: everything committed is delivered, no half file is left, and each side can tell.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bowstring::transport::{End, Listener, SenderConfig};
use bowstring::{SendError, TableSender};
use support::{Killed, Room, flat, lines, trial};

/// Rows of a batch.
const ROWS: usize = 50;
/// Batches that the doomed sender commits before it says so.
const COMMITTED: usize = 5;
/// This variable makes a process of this test a sender, and names its address.
const ROLE: &str = "BOWSTRING_TEST_SENDER";

const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

fn main() {
    if let Some(socket) = std::env::var_os(ROLE) {
        return doomed_sender(Path::new(&socket));
    }
    let mut trials = Vec::new();
    for delivery in DELIVERIES {
        trials.push(trial(format!("the sender is killed, {delivery}"), move || sender_killed(delivery)));
        trials.push(trial(format!("another sender comes, {delivery}"), move || another_comes(delivery)));
        trials.push(trial(format!("the receiver is killed, {delivery}"), move || receiver_killed(delivery)));
        trials.push(trial(format!("nothing piles up, {delivery}"), move || nothing_piles_up(delivery)));
        trials.push(trial(format!("head closes the pipe, {delivery}"), move || nobody_reads(delivery)));
        trials.push(trial(format!("a limit ends it early, {delivery}"), move || limit(delivery)));
    }
    support::main(trials);
}

/// Sends some batches, says so, and waits to be killed.
fn doomed_sender(socket: &Path) {
    let mut sender = TableSender::new(flat(0, 1).schema(), SenderConfig::new()).unwrap();
    sender.listen(Listener::bind(socket.as_os_str().as_bytes()).unwrap());
    println!("listening");
    sender.wait_for_receivers(1, None).unwrap();
    for batch in 0..COMMITTED {
        sender.send(&flat((batch * ROWS) as i64, ROWS)).unwrap();
    }
    println!("sent");
    // Until the pipe is closed, which only the end of the test does.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::abort();
}

/// Returns a process that is a sender, and what it says.
fn spawn_doomed(room: &Room) -> (Killed, BufReader<std::process::ChildStdout>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, room.socket()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child: Child = command.spawn().unwrap();
    let mut says = BufReader::new(child.stdout.take().unwrap());
    expect(&mut says, "listening");
    (Killed(child), says)
}

fn expect(says: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    says.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), word);
}

fn sender_killed(delivery: &'static str) {
    for file in [None, Some("x.arrow"), Some("x.csv"), Some("x.parquet")] {
        let room = Room::new();
        let (mut sender, mut says) = spawn_doomed(&room);
        let mut args = vec!["--delivery".to_owned(), delivery.to_owned()];
        match file {
            None => args.push("--json".to_owned()),
            Some(name) => args.extend(["-o".to_owned(), room.file(name).to_str().unwrap().to_owned()]),
        }
        let child = room.receiver(&args).spawn().unwrap();
        expect(&mut says, "sent");
        sender.0.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = support::expect_code(&output, 5);
        assert!(stderr.contains("before the end of the table"), "{stderr}");
        assert!(stderr.contains("250 rows"), "everything committed is received: {stderr}");
        match file {
            None => assert_eq!(output.stdout.lines().count(), COMMITTED * ROWS),
            Some(_) => assert!(room.names().is_empty(), "{:?}", room.names()),
        }
    }
}

/// A receiver that waits outlives sender after sender, with every row that they committed.
fn another_comes(delivery: &'static str) {
    let room = Room::new();
    let (mut sender, mut says) = spawn_doomed(&room);
    let mut child = room.receiver(["--reconnect", "--json", "--delivery", delivery]).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let rows = std::thread::spawn(move || stdout.lines().map(Result::unwrap).count());
    for _ in 0..2 {
        expect(&mut says, "sent");
        sender.0.kill().unwrap();
        // What the dead one leaves: a socket that nobody listens on.
        let _ = fs::remove_file(room.socket());
        (sender, says) = spawn_doomed(&room);
    }
    expect(&mut says, "sent");
    sender.0.kill().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = Vec::new();
    while said.iter().filter(|line: &&String| line.contains("waiting for another sender")).count() < 3 {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "{said:?}");
        said.push(line);
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    stderr.read_to_string(said.last_mut().unwrap()).unwrap();
    assert_eq!(said.iter().filter(|line| line.contains("a new sender (process")).count(), 2, "{said:?}");
    assert_eq!(rows.join().unwrap(), 3 * COMMITTED * ROWS, "{said:?}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.iter().any(|line| line.contains("interrupted")), "{said:?}");
}

fn receiver_killed(delivery: &'static str) {
    for file in ["x.arrow", "x.parquet", "x.jsonl"] {
        let room = Room::new();
        fs::write(room.file(file), "old").unwrap();
        let mut sender = room.sender(&flat(0, 1).schema());
        let path = room.file(file);
        let args = ["--delivery", delivery, "-o", path.to_str().unwrap()];
        let mut child = Killed(room.receiver(args).spawn().unwrap());
        sender.wait_for_receivers(1, None).unwrap();
        // More than can be under way: when the last is sent, most have been received.
        (0..600).for_each(|n| sender.send(&flat(n, 20)).unwrap());
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        let end = loop {
            match sender.send(&flat(0, ROWS)) {
                Ok(()) => {}
                Err(SendError::NoReceiver(end)) => break end,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(end, Some(End::Crashed));
        assert_eq!(room.names(), [file], "no half file, under no name");
        assert_eq!(fs::read(&path).unwrap(), b"old", "and what was there is still there");
        // The sender goes on: the dead hold nothing.
        let child = room.receiver(["--count", "--quiet", "--delivery", delivery]).spawn().unwrap();
        sender.wait_for_receivers(1, None).unwrap();
        (0..100).for_each(|n| sender.send(&flat(n, 20)).unwrap());
        drop(sender);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"2000\n");
    }
}

/// Descriptors and mappings of a process.
fn holds(child: &Killed) -> (usize, usize) {
    let of = |what| format!("/proc/{}/{what}", child.0.id());
    let descriptors = fs::read_dir(of("fd")).unwrap().count();
    (descriptors, fs::read_to_string(of("maps")).unwrap().lines().count())
}

fn nothing_piles_up(delivery: &'static str) {
    let room = Room::new();
    let mut sender = room.sender(&flat(0, 1).schema());
    let mut child = Killed(room.receiver(["--json", "--delivery", delivery]).spawn().unwrap());
    sender.wait_for_receivers(1, None).unwrap();
    let mut stdout = child.stdout();
    let mut exchange = |count: usize| {
        for _ in 0..count {
            sender.send(&flat(0, 3)).unwrap();
            // Each batch is written before the next is sent.
            assert_eq!(lines(&mut stdout, 3).len(), 3);
        }
    };
    exchange(20);
    let before = holds(&child);
    exchange(300);
    let after = holds(&child);
    // The batch just written may or may not have been let go of.
    assert!(after.0 <= before.0 + 1, "descriptors: {} then {}", before.0, after.0);
    assert!(after.1 <= before.1 + 4, "mappings: {} then {}", before.1, after.1);
}

fn nobody_reads(delivery: &'static str) {
    for args in [&["--csv"][..], &["--json"], &["-o", "-", "--format", "arrows"]] {
        let room = Room::new();
        let mut sender = room.sender(&flat(0, 1).schema());
        let command = room.receiver(args.iter().chain(&["--delivery", delivery])).spawn();
        let mut child = Killed(command.unwrap());
        sender.wait_for_receivers(1, None).unwrap();
        sender.send(&flat(0, 100)).unwrap();
        let mut stdout = child.stdout();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        loop {
            match sender.send(&flat(0, 100)) {
                Ok(()) => {}
                Err(SendError::NoReceiver(end)) => break assert_eq!(end, Some(End::Closed)),
                Err(error) => panic!("{error}"),
            }
        }
        let stderr = child.stderr();
        assert_eq!(child.code(), Some(0), "{stderr}");
        assert!(!stderr.to_lowercase().contains("pipe"), "no error: {stderr}");
    }
}

fn limit(delivery: &'static str) {
    let room = Room::new();
    let path = room.file("x.jsonl");
    let mut sender = room.sender(&flat(0, 1).schema());
    let args =
        ["--limit", "130", "--columns", "name,id", "--delivery", delivery, "-o", path.to_str().unwrap()];
    let child = room.receiver(args).spawn().unwrap();
    sender.wait_for_receivers(1, None).unwrap();
    let mut sent = 0;
    loop {
        match sender.send(&flat(sent * 50, 50)) {
            Ok(()) => sent += 1,
            Err(SendError::NoReceiver(end)) => break assert_eq!(end, Some(End::Closed)),
            Err(error) => panic!("{error}"),
        }
    }
    let stderr = support::expect_code(&child.wait_with_output().unwrap(), 0);
    assert!(stderr.contains("130 of 150 rows"), "{stderr}");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 130);
    assert_eq!(text.lines().last(), Some(r#"{"name":"näme \"129\", ok","id":129}"#));
}
