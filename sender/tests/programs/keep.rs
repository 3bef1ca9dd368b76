//! Receivers that join late, and a sender that keeps the last batches for them.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};

use libtest_mimic::Failed;

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Ended, Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("keep: a late receiver gets the last batches", Receiver, late),
    ("keep: all of it, and nobody lacks the beginning", Receiver, everything),
    ("keep: nothing for a receiver that is started", Nothing, started),
];

const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

/// Rows of one column, as JSON lines and as the receiver prints them.
fn rows(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| format!("{{\"n\":{number}}}\n")).collect()
}

/// Returns a sender of JSON lines that come through a pipe, ten rows a batch, and the pipe.
fn piped(programs: &Programs, keep: &str) -> Result<(Child, ChildStdin), Failed> {
    let arguments = ["-", "--format", "jsonl", "--schema", "n int64", "--batch-rows", "10", "--socket", "s"];
    let arguments = [&arguments[..], &["--keep", keep]].concat();
    let mut sender = programs.sender(&arguments).stdin(Stdio::piped()).spawn()?;
    let input = sender.stdin.take().ok_or("no standard input")?;
    Ok((sender, input))
}

fn receive(programs: &Programs, delivery: &str, limit: &str) -> Result<Ended, Failed> {
    let arguments = ["--socket", "s", "--wait", "10", "--json", "--delivery", delivery, "--limit", limit];
    finish(programs.receiver(&arguments).spawn()?)
}

fn late(programs: &Programs) -> Result<(), Failed> {
    let (sender, mut input) = piped(programs, "3")?;
    input.write_all(rows(0..60).as_bytes())?;
    assert_eq!(receive(programs, "pooled", "60")?.ok()?, rows(0..60));
    // Nobody is there, the input is silent, and the last three batches wait.
    for delivery in DELIVERIES {
        let ended = receive(programs, delivery, "30")?.says("30 rows were sent before this receiver came")?;
        assert_eq!(ended.ok()?, rows(30..60), "{delivery}");
    }
    let file = programs.receiver(&["--socket", "s", "-o", "late.parquet"]).spawn()?;
    finish(file)?.code(9)?.says("30 rows")?;
    drop(input);
    finish(sender)?.code(0)?;
    Ok(())
}

fn everything(programs: &Programs) -> Result<(), Failed> {
    for delivery in DELIVERIES {
        let (sender, mut input) = piped(programs, "100")?;
        input.write_all(rows(0..50).as_bytes())?;
        assert_eq!(receive(programs, "sealed", "50")?.ok()?, rows(0..50));
        // What comes meanwhile it gets too, kept or not.
        let arguments = ["--socket", "s", "-o", "late.jsonl", "--delivery", delivery, "--limit", "60"];
        let file = programs.receiver(&arguments).spawn()?;
        input.write_all(rows(50..60).as_bytes())?;
        finish(file)?.ok()?;
        assert_eq!(std::fs::read_to_string(programs.path("late.jsonl"))?, rows(0..60), "{delivery}");
        drop(input);
        finish(sender)?.code(0)?;
    }
    Ok(())
}

fn started(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo", "--keep", "1", "--", "receiver"])?.code(2)?.says("--keep")?;
    Ok(())
}
