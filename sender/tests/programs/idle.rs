//! A waiting program sleeps: it is not woken until something happens.

use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Programs, finish, until};

pub(crate) const TESTS: &[Test] = &[
    ("idle: a sender that waits for receivers sleeps", Nothing, waiting_for_receivers),
    ("idle: a sender whose input is silent sleeps, with receivers and without", Receiver, waiting_for_input),
    ("idle: a receiver that waits for a sender sleeps", Receiver, waiting_for_sender),
];

/// Long enough to see a wake-up each second.
const WINDOW: Duration = Duration::from_millis(2500);

/// Returns the number of times that the threads of a process went to sleep by themselves.
fn sleeps(child: &Child) -> Result<u64, Failed> {
    let mut count = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", child.id()))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count += line.ok_or("no count of switches")?.trim().parse::<u64>()?;
    }
    Ok(count)
}

/// Waits until a process sleeps, and checks that it goes on sleeping; then ends it by a signal.
fn sleeps_until_a_signal(child: Child) -> Result<(), Failed> {
    let mut last = u64::MAX;
    until("a process that sleeps", || {
        // Who has just found a directory looks again for a second, in pauses of up to half of one.
        thread::sleep(Duration::from_millis(1200));
        let now = sleeps(&child).unwrap_or(u64::MAX);
        std::mem::replace(&mut last, now) == now
    })?;
    let before = sleeps(&child)?;
    thread::sleep(WINDOW);
    assert_eq!(sleeps(&child)? - before, 0, "wake-ups in {WINDOW:?}");
    kill_process(Pid::from_raw(child.id() as i32).ok_or("no process")?, Signal::TERM)?;
    finish(child)?.code(143)?;
    Ok(())
}

fn waiting_for_receivers(programs: &Programs) -> Result<(), Failed> {
    let (sender, _said) = programs.listen(&["demo"])?;
    sleeps_until_a_signal(sender)?;
    // A deadline is kept all the same.
    programs.send(&["demo", "--wait", "0.3"])?.code(6)?;
    Ok(())
}

fn waiting_for_input(programs: &Programs) -> Result<(), Failed> {
    for delivery in ["pooled", "sealed"] {
        let arguments = ["-", "--format", "jsonl", "--schema", "n int64", "--socket", "s", "--keep", "5"];
        let mut sender = programs.sender(&arguments).stdin(Stdio::piped()).spawn()?;
        let mut input = sender.stdin.take().ok_or("no standard input")?;
        input.write_all(b"{\"n\":1}\n")?;
        let receive = ["--socket", "s", "--wait", "60", "--json", "--quiet", "--delivery", delivery];
        let first = programs.receiver(&[&receive[..], &["--limit", "1"]].concat()).spawn()?;
        assert_eq!(finish(first)?.ok()?, "{\"n\":1}\n");
        // A newcomer and a row each wake it, although it slept.
        let second = programs.receiver(&[&receive[..], &["--limit", "2"]].concat()).spawn()?;
        input.write_all(b"{\"n\":2}\n")?;
        assert_eq!(finish(second)?.ok()?, "{\"n\":1}\n{\"n\":2}\n");
        let mut third = programs.receiver(&receive).spawn()?;
        programs.until_there("./s", 1)?;
        sleeps_until_a_signal(sender)?;
        assert_eq!(third.wait()?.code(), Some(5));
    }
    Ok(())
}

fn waiting_for_sender(programs: &Programs) -> Result<(), Failed> {
    let receiver = programs.receiver(&["later", "--wait", "600"]).spawn()?;
    sleeps_until_a_signal(receiver)
}
