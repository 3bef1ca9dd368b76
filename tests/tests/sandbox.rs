//! The hand-off under seccomp: while both sides are busy it makes no system call, and while they sleep only `futex`.

// checks: busy-no-syscalls

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use bowstring_tests::honest;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::ignorable_test("busy sides under SECCOMP_MODE_STRICT: no system call for a message", || {
            both("strict")
        }),
        Trial::ignorable_test("sleeping sides that may only call futex", || both("futex")),
        Trial::ignorable_test("the sandbox kills who calls what it does not let through", the_sandbox_bites),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn start(role: &str, mode: &str, socket: std::os::fd::OwnedFd) -> std::io::Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_sandboxed"))
        .args([role, mode])
        .stdin(Stdio::from(socket))
        .stdout(Stdio::piped())
        .spawn()
}

fn unavailable() -> Option<Completion> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let missing = !status.contains("Seccomp:");
    missing.then(|| Completion::ignored_with("this kernel has no seccomp"))
}

fn both(mode: &str) -> Result<Completion, Failed> {
    if let Some(ignored) = unavailable() {
        return Ok(ignored);
    }
    let (here, there) = honest::sockets();
    let sides = [start("send", mode, here)?, start("receive", mode, there)?];
    for (child, role) in sides.into_iter().zip(["sender", "receiver"]) {
        let output = child.wait_with_output()?;
        if !output.status.success() || output.stdout != b"done\n" {
            return Err(format!("the {role} ended with {}", output.status).into());
        }
    }
    Ok(Completion::Completed)
}

/// Without this, a sandbox that is not entered would look like one that is not touched.
fn the_sandbox_bites() -> Result<Completion, Failed> {
    if let Some(ignored) = unavailable() {
        return Ok(ignored);
    }
    let (here, there) = honest::sockets();
    let sides = [start("send", "none", here)?, start("receive", "none", there)?];
    for child in sides {
        let status = child.wait_with_output()?.status;
        if status.signal() != Some(libc::SIGSYS) {
            return Err(format!("it ended with {status} and not by SIGSYS").into());
        }
    }
    Ok(Completion::Completed)
}
