//! `receiver --record` and `sender --replay`; `receiver --agg`.

use std::fs::File;
use std::time::{Duration, Instant};

use bowstring::codec::interop::Align;
use bowstring::codec::read::IoReader;
use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("a recording is replayed, whole and at its pace", Receiver, replayed),
    ("a replay ends at a signal", Receiver, interrupted),
    ("a recording that breaks off is kept", Receiver, broken_off),
    ("what is no recording is refused", Receiver, no_recording),
    ("aggregates of a stream", Receiver, aggregates),
    ("options of a replay", Nothing, options),
];

/// Arrivals in a recording, in nanoseconds.
fn arrivals(programs: &Programs, name: &str) -> Result<Vec<u64>, Failed> {
    let mut reader = IoReader::new(File::open(programs.path(name))?).map_err(|e| e.to_string())?;
    let mut arrivals = Vec::new();
    while let Some((_, pairs)) = reader.next_with_metadata(Align::Copy).map_err(|e| e.to_string())? {
        arrivals.push(pairs["bowstring.arrived"].parse()?);
    }
    Ok(arrivals)
}

fn json(arguments: &[&str], programs: &Programs) -> Result<String, Failed> {
    programs.send(&[arguments, &["--", "receiver", "--json"]].concat())?.ok()
}

fn replayed(programs: &Programs) -> Result<(), Failed> {
    let demo = ["demo:4000", "--batch-rows", "1000"];
    let plain = json(&demo, programs)?;
    let slow = [&demo[..], &["--rate", "10000", "--", "receiver", "--record", "x.rec"]].concat();
    programs.send(&slow)?.code(0)?;
    let arrivals = arrivals(programs, "x.rec")?;
    assert_eq!(arrivals.len(), 4);
    assert!(arrivals.is_sorted(), "{arrivals:?}");
    // Every reader of Arrow streams reads it.
    assert_eq!(json(&["x.rec", "--format", "arrows"], programs)?, plain);

    let took = |speed: &str| {
        let begun = Instant::now();
        assert_eq!(json(&["--replay", "x.rec", "--speed", speed], programs).unwrap(), plain);
        begun.elapsed()
    };
    // No sooner than it was recorded, whatever the host is busy with.
    let length = Duration::from_nanos(arrivals[3] - arrivals[0]);
    assert!(took("1x") >= length);
    assert!(took("0.5x") >= length * 2);
    took("1000x");
    took("max");
    let late = json(&["--replay", "x.rec", "--speed", "max", "--from", "1ms"], programs)?;
    assert_eq!(late, plain.lines().skip(1000).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(json(&["--replay", "x.rec", "--from", "1h"], programs)?, "");
    assert_eq!(json(&["--replay", "x.rec", "--speed", "max", "--repeat", "2"], programs)?, plain.repeat(2));
    Ok(())
}

fn interrupted(programs: &Programs) -> Result<(), Failed> {
    let slow = ["demo:2", "--batch-rows", "1", "--rate", "20", "--", "receiver", "--record", "x.rec"];
    programs.send(&slow)?.code(0)?;
    // At this speed the second batch is hours away.
    let mut child = programs.sender(&["--replay", "x.rec", "--speed", "0.001", "--name", "slow"]).spawn()?;
    let receiver = programs.receiver(&["slow", "--json", "--wait", "60"]).spawn()?;
    programs.until_sending_messages("slow", 1)?;
    kill_process(Pid::from_child(&child), Signal::TERM)?;
    assert_eq!(child.wait()?.code(), Some(143));
    finish(receiver)?.code(5)?;
    Ok(())
}

fn broken_off(programs: &Programs) -> Result<(), Failed> {
    let (mut sender, _said) = programs.listen(&["demo:1000", "--repeat", "0", "--name", "endless"])?;
    let receiver = programs.receiver(&["endless", "--record", "x.rec"]).spawn()?;
    // More messages than the pool has slots: the first are in the recording.
    programs.until_sending_messages("endless", 1000)?;
    kill_process(Pid::from_child(&receiver), Signal::INT)?;
    finish(receiver)?.code(130)?;
    sender.kill()?;
    sender.wait()?;
    assert!(!arrivals(programs, "x.rec")?.is_empty());
    Ok(())
}

fn no_recording(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo:10", "--", "receiver", "-o", "x.arrows"])?.code(0)?;
    let ended = programs.send(&["--replay", "x.arrows", "--", "receiver"])?;
    ended.code(3)?.says("this is no recording")?.says("--record")?;
    programs.write("x.csv", "a\n1\n")?;
    programs.send(&["--replay", "x.csv", "--", "receiver"])?.code(3)?;
    programs.send(&["--replay", "nothing.rec"])?.code(2)?.says("nothing.rec")?;
    Ok(())
}

fn options(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["--replay", "x", "y.csv"])?.code(2)?;
    programs.send(&["x.csv", "--speed", "2x"])?.code(2)?.says("--replay")?;
    programs.send(&["--replay", "x", "--speed", "fast"])?.code(2)?.says("a factor")?;
    programs.send(&[])?.code(2)?;
    Ok(())
}

fn aggregates(programs: &Programs) -> Result<(), Failed> {
    let csv: String = (0..1000).map(|n| format!("{},{}\n", ["Oslo", "Rome"][n % 2], n)).collect();
    programs.write("x.csv", format!("city,n\n{csv}"))?;
    let agg = |more: &[&str]| {
        programs.send(&[&["x.csv", "--batch-rows", "70", "--", "receiver", "--agg"], more].concat())
    };
    let sql = "count(*), sum(n) AS total, avg(n), max(n) by city";
    let expected = "{\"city\":\"Oslo\",\"count_star()\":500,\"total\":249500,\"avg(n)\":499.0,\"max(n)\":998}\n\
                    {\"city\":\"Rome\",\"count_star()\":500,\"total\":250000,\"avg(n)\":500.0,\"max(n)\":999}\n";
    assert_eq!(agg(&[sql, "--json"])?.ok()?, expected);
    let windows = agg(&["count(*) AS n, min(n) AS first", "--every", "400rows"])?.ok()?;
    let expected = "{\"window\":0,\"n\":400,\"first\":0}\n{\"window\":1,\"n\":400,\"first\":400}\n\
                    {\"window\":2,\"n\":200,\"first\":800}\n";
    assert_eq!(windows, expected);
    assert_eq!(agg(&["count(*) AS n", "--where", "n < 10", "--csv"])?.ok()?, "n\n10\n");
    let timed = agg(&["sum(n) AS total", "--every", "1m"])?.ok()?;
    assert_eq!(timed, "{\"window\":0,\"total\":499500}\n");
    agg(&["count(*) by n", "--groups", "99"])?.says("more than 99 groups")?.says("--groups")?;
    agg(&["median(n)"])?.code(2)?.says("count, sum, avg, min and max")?.says("duckdb")?;
    agg(&["sum(nothing)"])?.code(2)?.says("nothing")?;
    // Windows of time end while nothing comes.
    let (mut sender, _said) =
        programs.listen(&["demo:2", "--batch-rows", "1", "--rate", "0.001", "--name", "slow"])?;
    let arguments = ["slow", "--agg", "count(*) AS n", "--every", "10ms", "-o", "windows.csv"];
    let receiver = programs.receiver(&arguments).spawn()?;
    programs.until_sending_messages("slow", 1)?;
    let mut silent = programs.receiver(&["slow", "--agg", "count(*) AS n", "--every", "10ms", "--csv"]);
    let mut silent = silent.spawn()?;
    let mut lines = crate::run::Lines::of(silent.stdout.take().ok_or("no standard output")?);
    lines.await_text("\n2,0\n")?;
    for mut child in [silent, receiver] {
        child.kill()?;
        child.wait()?;
    }
    sender.kill()?;
    sender.wait()?;
    Ok(())
}
