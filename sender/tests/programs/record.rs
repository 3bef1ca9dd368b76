//! `receiver --record` and `sender --replay`; `receiver --agg`.

use std::collections::HashMap;
use std::fs::File;
use std::time::{Duration, Instant};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use bowstring::codec::interop::Align;
use bowstring::codec::read::IoReader;
use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Programs, finish, until};

pub(crate) const TESTS: &[Test] = &[
    ("a recording is replayed, whole and at its pace", Receiver, replayed),
    ("a replay ends at a signal", Receiver, interrupted),
    ("a recording that breaks off is kept", Receiver, broken_off),
    ("what is no recording is refused", Receiver, no_recording),
    ("aggregates of a stream", Receiver, aggregates),
    ("options of a replay", Nothing, options),
    ("several channels are recorded into one file, and replayed at one pace", Receiver, several),
    ("a recorder that is killed leaves what it had, and says so when replayed", Receiver, killed),
    ("what is no recording of channels is refused", Nothing, no_channels),
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

/// Records two tables into one file: `a` of 3 batches a tenth of a second apart, `b` of 5 twice as fast, of other columns.
fn record_two(programs: &Programs, name: &str) -> Result<(), Failed> {
    programs.write("b.csv", "word\nx\ny\nz\nx\ny\n")?;
    let a = ["demo:300", "--batch-rows", "100", "--rate", "1000", "--name", "a"];
    let b = ["b.csv", "--batch-rows", "1", "--rate", "20", "--name", "b"];
    let (a, _said) = programs.listen(&a)?;
    let (b, _said) = programs.listen(&b)?;
    let recorded = finish(programs.receiver(&["a", "b", "--record", name, "--report", "json"]).spawn()?)?;
    recorded.code(0)?.says("\"channel\":\"a\"")?.says("\"channel\":\"b\"")?;
    for sender in [a, b] {
        finish(sender)?.code(0)?;
    }
    Ok(())
}

/// A row of a recording of several.
struct Row {
    channel: String,
    arrived: Option<i64>,
    messages: Vec<u8>,
}

/// The rows of a recording of several, as any reader of Arrow streams finds them.
fn rows(programs: &Programs, name: &str) -> Result<Vec<Row>, Failed> {
    let mut rows = Vec::new();
    for batch in StreamReader::try_new(File::open(programs.path(name))?, None)? {
        let batch = batch?;
        let channels = batch.column(0).as_string::<i32>();
        let arrivals = batch.column(1).as_primitive::<TimestampNanosecondType>();
        let messages = batch.column(2).as_binary::<i64>();
        rows.extend((0..batch.num_rows()).map(|row| Row {
            channel: channels.value(row).to_owned(),
            arrived: arrivals.is_valid(row).then(|| arrivals.value(row)),
            messages: messages.value(row).to_owned(),
        }));
    }
    Ok(rows)
}

/// Replays a recording to a receiver of each table; returns what they print.
fn replay(programs: &Programs, arguments: &[&str], channels: &[&str]) -> Result<Vec<String>, Failed> {
    let sender = programs.sender(arguments).spawn()?;
    let receivers: Vec<_> = channels
        .iter()
        .map(|name| programs.receiver(&[name, "--json", "--wait", "60"]).spawn())
        .collect::<Result<_, _>>()?;
    let printed = receivers.into_iter().map(|receiver| finish(receiver)?.ok()).collect::<Result<_, _>>()?;
    finish(sender)?.code(0)?;
    Ok(printed)
}

fn several(programs: &Programs) -> Result<(), Failed> {
    record_two(programs, "x.rec")?;
    let a = json(&["demo:300", "--batch-rows", "100"], programs)?;
    let b = json(&["b.csv"], programs)?;
    let rows = rows(programs, "x.rec")?;
    let of = |channel: &'static str| rows.iter().filter(move |row| row.channel == channel);
    // Schemas come first, batches in the order of their times, and the messages of a channel are a stream.
    assert!(rows[..2].iter().all(|row| row.arrived.is_none()));
    let times: Vec<_> = rows.iter().filter_map(|row| row.arrived).collect();
    assert!(times.is_sorted());
    for (channel, batches, columns) in [("a", 3, 7), ("b", 5, 1)] {
        assert_eq!(of(channel).filter(|row| row.arrived.is_some()).count(), batches, "{channel}");
        let stream: Vec<u8> = of(channel).flat_map(|row| row.messages.clone()).collect();
        let batches = StreamReader::try_new(&stream[..], None)?.collect::<Result<Vec<_>, _>>()?;
        assert_eq!(batches[0].num_columns(), columns);
    }

    // Both under their names, at the pace of one clock: no sooner than the last batch of all arrived.
    let length = Duration::from_nanos((times[times.len() - 1] - times[0]) as u64);
    let begun = Instant::now();
    assert_eq!(replay(programs, &["--replay", "x.rec"], &["a", "b"])?, [&a[..], &b[..]]);
    assert!(begun.elapsed() >= length, "{length:?}");
    assert_eq!(replay(programs, &["--replay", "x.rec", "--speed", "max"], &["b", "a"])?, [&b[..], &a[..]]);

    // One of them, to a receiver that is started, or under its name.
    assert_eq!(json(&["--replay", "x.rec", "--channel", "b", "--speed", "max"], programs)?, b);
    let alone = ["--replay", "x.rec", "--channel", "a", "--speed", "max"];
    assert_eq!(replay(programs, &alone, &["a"])?, [&a[..]]);
    let twice = ["--replay", "x.rec", "--channel", "b", "--speed", "max", "--repeat", "2"];
    assert_eq!(json(&twice, programs)?, b.repeat(2));

    // Times are counted from the first batch of all channels.
    let third = times[2] - times[0];
    let after = |time: &i64, limit: i64| (time - times[0]).cmp(&limit);
    let late = rows.iter().filter(|row| row.channel == "b");
    let late = late.filter_map(|row| row.arrived).filter(|time| after(time, third).is_ge()).count();
    let seconds = format!("{}s", third as f64 / 1e9);
    let from = ["--replay", "x.rec", "--channel", "b", "--speed", "max", "--from", &seconds];
    // A time that was written in decimals may fall just before or just behind the batch that it is of.
    let printed = json(&from, programs)?.lines().count();
    assert!(printed == late || printed + 1 == late, "{printed}, {late}");
    let to = ["--replay", "x.rec", "--channel", "b", "--speed", "max", "--to", &seconds];
    let printed = json(&to, programs)?.lines().count();
    assert!((5 - late..=5 - late + 1).contains(&printed), "{printed}, {late}");
    assert_eq!(json(&[&to[..], &["--from", "1h"]].concat(), programs)?, "");

    let refused = |more: &[&str]| programs.send(&[&["--replay", "x.rec"], more].concat())?.code(2);
    refused(&["--channel", "c"])?.says("no channel \"c\"")?.says("a, b")?;
    refused(&["--name", "y"])?.says("2 channels")?.says("--channel")?;
    refused(&["--repeat", "2"])?.says("cannot be repeated")?;
    refused(&["--", "receiver"])?.says("2 channels")?;
    Ok(())
}

fn killed(programs: &Programs) -> Result<(), Failed> {
    let endless = |name| ["demo:10", "--repeat", "0", "--rate", "1000", "--name", name];
    for (names, file) in [(&["a"][..], "one.rec"), (&["a", "b"], "two.rec")] {
        let senders = names.iter().map(|name| programs.listen(&endless(name)));
        let senders: Vec<_> = senders.collect::<Result<_, _>>()?;
        let mut receiver = programs.receiver(&[names, &["--record", file]].concat()).spawn()?;
        let part = format!("{file}.part");
        until("a batch is recorded", || {
            std::fs::metadata(programs.path(&part)).is_ok_and(|there| there.len() > 8000)
        })?;
        receiver.kill()?;
        receiver.wait()?;
        // Their receiver crashed.
        for (sender, _said) in senders {
            finish(sender)?.code(5)?;
        }
        assert!(!programs.path(file).exists());
        // What is there is whole batches, or ends within one; a replay sends what is whole, and says that there is no end.
        let arguments =
            ["--replay", &part, "--channel", "a", "--speed", "max", "--", "receiver", "-o", "x.csv"];
        let arguments =
            if names.len() > 1 { &arguments[..] } else { &[&arguments[..2], &arguments[4..]].concat() };
        for cut in [0, 3] {
            let bytes = std::fs::read(programs.path(&part))?;
            programs.write(&part, &bytes[..bytes.len() - cut])?;
            programs.send(arguments)?.code(3)?.says("has no end")?;
            let rows = std::fs::read_to_string(programs.path("x.csv"))?.lines().count();
            assert!(rows > 10 && rows % 10 == 1, "{rows}");
        }
        // Nothing is recorded over it.
        let (mut c, _said) = programs.listen(&endless("c"))?;
        let refused = finish(programs.receiver(&["c", "--record", file]).spawn()?)?;
        refused.code(8)?.says("a recorder was killed")?.says("sender --replay")?;
        c.kill()?;
        c.wait()?;
    }
    Ok(())
}

fn no_channels(programs: &Programs) -> Result<(), Failed> {
    let write = |name: &str, count: &str, field: Field| -> Result<(), Failed> {
        let metadata = HashMap::from([("bowstring.channels".to_owned(), count.to_owned())]);
        let schema = Schema::new_with_metadata(vec![field], metadata);
        StreamWriter::try_new(File::create(programs.path(name))?, &schema)?.finish()?;
        Ok(())
    };
    write("x.rec", "1", Field::new("n", DataType::Int64, false))?;
    programs.send(&["--replay", "x.rec"])?.code(3)?.says("not those of a recording")?;
    programs.send(&["--replay", "nothing.rec", "--channel", "a"])?.code(2)?.says("nothing.rec")?;
    programs.send(&["x.csv", "--channel", "a"])?.code(2)?.says("--replay")?;
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
