//! Starts a child that reports its step, and kills it there.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A child that has come to a step. Dropping it kills it, and what it left behind.
#[derive(Debug)]
pub struct Puppet {
    child: Child,
    says: BufReader<ChildStdout>,
    orphan: Option<Pid>,
}

impl Puppet {
    /// Starts `program` with its end of a connection.
    #[must_use]
    pub fn start(program: &str, arguments: &[&str], socket: Option<OwnedFd>) -> Puppet {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(socket.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the puppet starts");
        let says = BufReader::new(child.stdout.take().expect("it is piped"));
        Puppet { child, says, orphan: None }
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line of its output.
    pub fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.says.read_line(&mut line).map_err(|e| e.to_string())?;
        Ok(line.trim_end().to_owned())
    }

    /// Kills what it left behind.
    pub fn kill_orphan(&mut self) {
        let orphan = self.orphan.take().expect("it left something behind");
        kill_process(orphan, Signal::KILL).expect("it lives");
    }

    /// Waits until it has come to its step.
    pub fn await_step(&mut self) -> Result<(), String> {
        loop {
            let line = self.line()?;
            if let Some(pid) = line.strip_prefix("orphan ") {
                self.orphan = pid.trim().parse().ok().and_then(Pid::from_raw);
            } else if line.starts_with("at ") {
                return Ok(());
            } else if line.is_empty() {
                return Err("the puppet ended before it came to its step".into());
            }
        }
    }

    /// Waits until its main thread sleeps in the kernel, in a futex or in poll.
    pub fn await_sleep(&self) {
        await_sleep(&format!("/proc/{}/syscall", self.child.id()));
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it is our child");
    }
}

/// Waits until the thread whose `syscall` file this is sleeps in a futex or in poll.
pub fn await_sleep(file: &str) {
    let sleeping = [libc::SYS_futex, libc::SYS_poll, libc::SYS_ppoll];
    loop {
        let now = std::fs::read_to_string(file).unwrap_or_default();
        let call = now.split(' ').next().and_then(|n| n.parse::<i64>().ok());
        if call.is_some_and(|call| sleeping.contains(&call)) {
            return;
        }
        std::thread::yield_now();
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // Both may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(orphan) = self.orphan {
            let _ = kill_process(orphan, Signal::KILL);
        }
    }
}
