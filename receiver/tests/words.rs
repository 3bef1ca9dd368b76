//! The program's help, and its list of running channels.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::{Output, Stdio};

use support::{Room, expect_code, flat, flat_table, program, trial};

fn main() {
    support::main(vec![
        trial("help, with examples and exit codes", help),
        trial("completions and the manual page", generated),
        trial("top", top),
        trial("colours only on a terminal, and progress too", no_escapes),
        trial("an inherited socket", inherited),
    ]);
}

fn run(args: &[&str]) -> Output {
    program().args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    expect_code(output, 0);
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn help() {
    let help = text(&run(&["--help"]));
    for word in ["Examples:", "Exit codes:", "--require-zero-copy", "--delivery", "top", "completions"] {
        assert!(help.contains(word), "{word}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    assert!(text(&run(&["--version"])).starts_with("receiver "));
}

fn generated() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&run(&["completions", shell])).contains("require-zero-copy"), "{shell}");
    }
    let man = text(&run(&["man"]));
    assert!(man.contains(".TH receiver") && man.contains("Exit codes"), "{man}");
}

fn top() {
    let room = Room::new();
    let socket = room.socket();
    let look = || run(&["top", "--json", "--count", "1", socket.to_str().unwrap()]);
    expect_code(&look(), 6);
    let mut sender = room.sender(&flat(0, 1).schema());
    let mut child = support::Killed(room.receiver(["--json"]).spawn().unwrap());
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&flat(0, 10)).unwrap();
    let mut watcher = program();
    watcher.args(["top", "--json", "--count", "2", "--interval", "0.01", socket.to_str().unwrap()]);
    let mut watcher = watcher.stdout(Stdio::piped()).spawn().unwrap();
    // The sender lets the watcher in while it goes about its business.
    while watcher.try_wait().unwrap().is_none() {
        sender.poll_accept().unwrap();
        std::thread::yield_now();
    }
    let seen = text(&watcher.wait_with_output().unwrap());
    let seen: Vec<serde_json::Value> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen.len(), 2);
    for sample in seen {
        assert_eq!(sample["pid"], std::process::id());
        // A dictionary and a batch.
        assert_eq!(sample["messages"], 2);
        assert_eq!(sample["slots"], 8);
        assert_eq!(sample["receivers"][0]["pid"], child.0.id());
    }
    drop(sender);
    assert_eq!(child.code(), Some(0));
    let view = text(&run(&["top", "--count", "1", room.path.to_str().unwrap()]));
    assert!(view.starts_with("no running sender in "), "{view}");
}

fn no_escapes() {
    let room = Room::new();
    let path = room.file("x.csv");
    for args in [&["--table"][..], &["--summary"], &["-o", path.to_str().unwrap()]] {
        let output = room.run(&flat_table(), args);
        let stderr = expect_code(&output, 0);
        assert!(!output.stdout.contains(&0x1b) && !stderr.contains('\u{1b}'), "{args:?}");
        assert!(!stderr.contains('\r'), "{args:?}");
    }
}

/// The sender's end of a pair is this test's; the other is the program's standard input, which it knows by another
/// number too.
fn inherited() {
    use bowstring::transport::{SenderConfig, socket_pair};
    use bowstring::{SendError, TableSender};
    for by_variable in [true, false] {
        let (here, there) = socket_pair().unwrap();
        // The shell opens descriptor 7 on its input: a child of this process inherits nothing else.
        let mut shell = std::process::Command::new("sh");
        let flag = if by_variable { "" } else { "--fd 7" };
        shell.args([
            "-c",
            &format!("exec \"$0\" {flag} --count 7<&0 </dev/null"),
            env!("CARGO_BIN_EXE_receiver"),
        ]);
        if by_variable {
            shell.env("BOWSTRING_FD", "7");
        }
        let child = shell.stdin(Stdio::from(there)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        // The shell's copy of this end has gone with it, or the sender would wait for itself.
        drop(shell);
        let mut sender = TableSender::new(flat(0, 1).schema(), SenderConfig::new()).unwrap();
        sender.accept_socket(here).unwrap();
        match sender.send(&flat(0, 9)) {
            Ok(()) | Err(SendError::NoReceiver(_)) => {}
            Err(error) => panic!("{error}"),
        }
        drop(sender);
        let output = child.unwrap().wait_with_output().unwrap();
        assert_eq!(text(&output), "9\n");
    }
}
