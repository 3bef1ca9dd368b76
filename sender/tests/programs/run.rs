//! Running the programs, and what they left behind.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// By when everything is over, if it ever is. No test is timed by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The programs, in a directory of their own.
pub(crate) struct Programs {
    directory: TempDir,
}

/// Returns the receiver, if it stands beside the sender.
pub(crate) fn receiver() -> Option<PathBuf> {
    let receiver = Path::new(env!("CARGO_BIN_EXE_sender")).with_file_name("receiver");
    receiver.is_file().then_some(receiver)
}

/// Returns the Arrow project's test data.
pub(crate) fn arrow_data() -> Option<PathBuf> {
    let root = match std::env::var_os("ARROW_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/data"),
    };
    root.join("arrow-ipc-stream").is_dir().then_some(root)
}

/// A program that ended, and its output.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Programs {
    pub(crate) fn new() -> Result<Programs, Failed> {
        Ok(Programs { directory: TempDir::new()? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf, Failed> {
        let path = self.path(name);
        fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Returns a command of `sender`, in the directory, which is its runtime directory too.
    pub(crate) fn sender(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_sender").as_ref(), arguments)
    }

    pub(crate) fn receiver(&self, arguments: &[&str]) -> Command {
        self.command(&receiver().unwrap_or_default(), arguments)
    }

    pub(crate) fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path());
        command.env("XDG_RUNTIME_DIR", self.directory.path()).env_remove("BOWSTRING_FD");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `sender` to its end.
    pub(crate) fn send(&self, arguments: &[&str]) -> Result<Ended, Failed> {
        finish(self.sender(arguments).spawn()?)
    }

    /// Runs `sender` to its end with something on its standard input, through a pipe.
    pub(crate) fn send_piped(&self, arguments: &[&str], input: &[u8]) -> Result<Ended, Failed> {
        let mut child = self.sender(arguments).stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        let input = input.to_vec();
        // A program that does not read to the end closes the pipe, which is its affair.
        thread::spawn(move || drop(stdin.write_all(&input)));
        finish(child)
    }

    /// Starts `sender` and waits until it listens: that is when it says so.
    pub(crate) fn listen(&self, arguments: &[&str]) -> Result<(Child, Lines), Failed> {
        let mut child = self.sender(arguments).spawn()?;
        let mut lines = Lines::of(child.stderr.take().ok_or("no standard error")?);
        lines.await_text("waiting for")?;
        Ok((child, lines))
    }
}

impl Drop for Programs {
    /// Ends what a failed test has left running: whatever works in the directory.
    fn drop(&mut self) {
        let directory = fs::canonicalize(self.directory.path());
        let (Ok(directory), Ok(processes)) = (directory, fs::read_dir("/proc")) else { return };
        for process in processes.flatten() {
            let id = process.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?));
            if let Some(id) = id
                && fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory)
            {
                // One that has just ended needs no signal.
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

/// A program's output, as it comes.
pub(crate) struct Lines {
    lines: mpsc::Receiver<String>,
    seen: String,
}

impl Lines {
    pub(crate) fn of(source: impl Read + Send + 'static) -> Lines {
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut source = std::io::BufReader::new(source);
            let mut line = String::new();
            while std::io::BufRead::read_line(&mut source, &mut line).is_ok_and(|read| read > 0) {
                if send.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Lines { lines, seen: String::new() }
    }

    pub(crate) fn await_text(&mut self, text: &str) -> Result<(), Failed> {
        while !self.seen.contains(text) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.seen += &line.map_err(|_| format!("{text:?} was never said: {:?}", self.seen))?;
        }
        Ok(())
    }

    /// All that was said, to the end.
    pub(crate) fn all(mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen += &line;
        }
        self.seen
    }
}

/// Waits for a program's end.
pub(crate) fn finish(child: Child) -> Result<Ended, Failed> {
    finish_within(PATIENCE, child)
}

/// Waits for the end of a program that has much to do.
pub(crate) fn finish_within(patience: Duration, child: Child) -> Result<Ended, Failed> {
    let id = child.id();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let output: Output = receive.recv_timeout(patience).map_err(|_| format!("process {id} never ends"))??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) })
}

/// Waits until something is so. For what other processes do and do not tell.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        if Instant::now() > deadline {
            return Err(format!("never came true: {what}").into());
        }
        thread::yield_now();
    }
    Ok(())
}

impl Ended {
    /// Returns the output, of a program that must have ended well.
    pub(crate) fn ok(self) -> Result<String, Failed> {
        self.code(0).map(|ended| ended.out)
    }

    /// Returns the same, of a program that must have ended with this code.
    pub(crate) fn code(self, code: i32) -> Result<Ended, Failed> {
        match self.code == Some(code) {
            true => Ok(self),
            false => Err(format!("ended with {:?} and not {code}: {}", self.code, self.err).into()),
        }
    }

    /// Checks that its output contains this.
    pub(crate) fn says(self, text: &str) -> Result<Ended, Failed> {
        match self.err.contains(text) {
            true => Ok(self),
            false => Err(format!("{text:?} was not said: {}", self.err).into()),
        }
    }
}
