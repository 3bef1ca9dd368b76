//! A room to work in, and a store that serves there.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// A directory that goes with the value.
pub(crate) struct Room(pub(crate) PathBuf);

impl Room {
    pub(crate) fn new() -> Room {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bowstring-program-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        // Beside and renamed, as who replaces a file does.
        let (draft, path) = (self.0.join(format!("{name}.part")), self.0.join(name));
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &path).unwrap();
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bowstring"));
        command.current_dir(&self.0).env("XDG_CONFIG_HOME", &self.0).args(["--socket", "s"]).args(words);
        command
    }

    /// Returns a command that names no socket.
    pub(crate) fn plain(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bowstring"));
        command.current_dir(&self.0).env("XDG_CONFIG_HOME", &self.0).args(words);
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs it, and returns what it wrote.
    pub(crate) fn out(&self, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(words);
        assert!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Runs it, and returns its exit code and what it said.
    pub(crate) fn fails(&self, words: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.run(words);
        assert_eq!(String::from_utf8(stdout).unwrap(), "");
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running store.
pub(crate) struct Store(pub(crate) Child);

impl Store {
    pub(crate) fn serve(room: &Room, words: &[&str]) -> Store {
        Store::serve_as(room.command(&[&["serve"], words].concat()))
    }

    pub(crate) fn serve_as(command: Command) -> Store {
        Store::serve_saying(command).0
    }

    /// Starts a store; also returns what it says until it serves.
    pub(crate) fn serve_saying(mut command: Command) -> (Store, String) {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("serving at") {
            assert!(said.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        }
        // Read on, so that nothing it says blocks it.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        (Store(child), text)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 30, "it never came to be");
        std::thread::yield_now();
    }
}
