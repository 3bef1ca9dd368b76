//! Inputs that come through pipes, and how much of them is looked at first.

use libtest_mimic::Failed;

use crate::Needs::Receiver;
use crate::Test;
use crate::inputs::{TO_JSON, same};
use crate::run::Programs;

pub(crate) const TESTS: &[Test] = &[
    ("the first line or object is longer than a sample", Receiver, long_beginnings),
    ("rows of a live pipe are sent before its end", Receiver, live),
    ("a signal while the input is silent", Receiver, silent),
];

/// Names of columns, an object, and objects of an array that are longer than what is examined first; through a pipe too.
fn long_beginnings(programs: &Programs) -> Result<(), Failed> {
    let columns: Vec<String> = (0..12_000).map(|n| format!("a_column_with_a_long_name_{n}")).collect();
    let values = vec!["1"; columns.len()];
    let fields: Vec<String> = columns.iter().map(|column| format!("\"{column}\":1")).collect();
    let object = format!("{{{}}}\n", fields.join(","));
    let row: Vec<String> = (0..20_000).map(|n| format!("{{\"n\":{n},\"text\":\"some text\"}}")).collect();
    let rows = row.join("\n") + "\n";
    for (name, text, expected) in [
        ("x.csv", format!("{}\n{}\n", columns.join(","), values.join(",")), &object),
        ("x.jsonl", object.clone(), &object),
        ("line.json", format!("[{}]", row.join(",")), &rows),
        (
            "pretty.json",
            format!("[\n{}\n]\n", rows.trim_end().replace("\n", ",\n").replace("{", "{\n")),
            &rows,
        ),
    ] {
        programs.write(name, &text)?;
        for input in [name, "-"] {
            let arguments = [&[input][..], &TO_JSON].concat();
            let ended = match input {
                "-" => programs.send_piped(&arguments, text.as_bytes())?,
                _ => programs.send(&arguments)?,
            };
            same(ended.ok()?, expected)
                .map_err(|e| format!("{name}: {}", e.message().unwrap_or_default()))?;
        }
    }
    programs.write("wide.csv", b"\xff\xfea\0,\0b\0\n\0")?;
    programs.send(&["wide.csv", "--", "receiver", "--null"])?.code(3)?.says("UTF-16")?.says("iconv")?;
    Ok(())
}

/// Waits for the first line that a started receiver writes while the sender's input stays open.
fn live(programs: &Programs) -> Result<(), Failed> {
    use std::io::{BufRead, BufReader, Write};
    for (text, line) in [("{\"a\":1}\n", "{\"a\":1}\n"), ("a,b\n1,2\n", "{\"a\":1,\"b\":2}\n")] {
        let arguments = [&["-"][..], &TO_JSON].concat();
        let mut child = programs.sender(&arguments).stdin(std::process::Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        stdin.write_all(text.as_bytes())?;
        let mut first = String::new();
        stdout.read_line(&mut first)?;
        assert_eq!(first, line);
        drop(stdin);
        crate::run::finish(child)?.code(0)?;
    }
    Ok(())
}

fn silent(programs: &Programs) -> Result<(), Failed> {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead, BufReader, Write};
    let arguments = [&["-"][..], &TO_JSON].concat();
    let mut child = programs.sender(&arguments).stdin(std::process::Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    stdin.write_all(b"{\"a\":1}\n")?;
    stdout.read_line(&mut String::new())?;
    // The input is open, and silent; one signal is enough.
    kill_process(Pid::from_raw(child.id() as i32).ok_or("no process")?, Signal::TERM)?;
    let ended = crate::run::finish(child)?;
    drop(stdin);
    ended.code(143)?;
    Ok(())
}
