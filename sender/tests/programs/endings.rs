//! The ends of the program, and their exit codes.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use libtest_mimic::Failed;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rustix::process::{Pid, Signal, kill_process};

use crate::Needs::{Nothing, Permissions, Receiver};
use crate::Test;
use crate::run::{Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("2: invalid command lines", Nothing, usage),
    ("4: deliveries that do not meet", Receiver, refused),
    ("5: a receiver that is killed", Receiver, crashed),
    ("5: a command that is no receiver", Nothing, no_receiver),
    ("6: no receiver comes", Nothing, nobody),
    ("7: a directory that is closed", Permissions, permission),
    ("8: a report that cannot be written", Receiver, no_report),
    ("a place that is taken", Nothing, taken),
    ("a receiver that wants no more is the end, and a good one", Receiver, enough),
    ("an input that breaks off leaves no half of a table", Receiver, half),
    ("a signal while waiting", Nothing, signal_while_waiting),
    ("a signal while sending ends both sides", Receiver, signal_while_sending),
    ("what is broken off never looks whole", Receiver, signal_without_end),
    ("9: a receiver that comes late", Receiver, late),
    ("several receivers, and a place in the abstract namespace", Receiver, several),
    ("slow receivers are skipped or cut off", Receiver, slow),
    ("9: what is skipped at the end is missing too", Receiver, skipped_at_the_end),
    ("9: a file says which rows it lacks", Receiver, gaps_in_files),
];

fn signal(id: u32, signal: Signal) -> Result<(), Failed> {
    let pid = Pid::from_raw(id as i32).ok_or("no process")?;
    Ok(kill_process(pid, signal)?)
}

fn usage(programs: &Programs) -> Result<(), Failed> {
    for arguments in [
        &["--no-such-option"][..],
        &["demo:many"],
        &["demo", "--rows", "5..2"],
        &["demo", "--slot", "100"],
        &["demo", "--rate", "0"],
        &["demo", "--pool", "100GiB"],
        &["-", "-"],
        &["-", "--repeat", "2"],
        &["demo", "demo"],
        &["demo", "--batch", "1"],
        &["demo", "--receivers", "2", "--", "receiver"],
        &["demo", "--", "no-such-program-anywhere"],
        &["demo", "--socket", "no/such/directory/s.sock"],
    ] {
        let ended = programs.send(arguments)?;
        if arguments.contains(&"100GiB")
            && !ended.err.contains("--pool 100GiB has 1638400 slots of --slot 64KiB")
        {
            return Err(ended.err.into());
        }
        if ended.code != Some(2) {
            return Err(format!("{arguments:?}: {:?} {}", ended.code, ended.err).into());
        }
    }
    Ok(())
}

fn refused(programs: &Programs) -> Result<(), Failed> {
    let arguments = ["demo", "--delivery", "sealed", "--", "receiver", "--delivery", "copied"];
    programs.send(&arguments)?.code(4)?;
    Ok(())
}

fn crashed(programs: &Programs) -> Result<(), Failed> {
    let (sender, mut said) = programs.listen(&["demo:1000", "--repeat", "0", "--socket", "s"])?;
    let receiver = programs.receiver(&["--socket", "s", "--null"]).spawn()?;
    programs.until_sending("./s")?;
    signal(receiver.id(), Signal::KILL)?;
    finish(receiver)?;
    said.await_text("no receiver is left")?;
    finish(sender)?.code(5)?;
    Ok(())
}

fn no_receiver(programs: &Programs) -> Result<(), Failed> {
    // Whether its exit or its hang-up is seen first decides on the words, and on nothing else.
    programs.send(&["demo", "--", "true"])?.code(5)?;
    Ok(())
}

fn nobody(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo", "--wait", "0.05"])?.code(6)?.says("no receiver came to default")?;
    Ok(())
}

fn permission(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo", "--socket", "/proc/s.sock"])?.code(7)?;
    Ok(())
}

fn no_report(programs: &Programs) -> Result<(), Failed> {
    let arguments = ["demo:10", "--report-to", "/dev/full", "--", "receiver", "--null"];
    programs.send(&arguments)?.code(8)?.says("/dev/full")?;
    Ok(())
}

fn taken(programs: &Programs) -> Result<(), Failed> {
    let (first, _said) = programs.listen(&["demo"])?;
    programs.send(&["demo"])?.code(1)?.says("--name")?;
    signal(first.id(), Signal::TERM)?;
    finish(first)?;
    // A place whose sender is gone is no obstacle, even if it could not tidy up.
    let (second, _said) = programs.listen(&["demo"])?;
    signal(second.id(), Signal::KILL)?;
    finish(second)?;
    programs.send(&["demo", "--wait", "0"])?.code(6)?;
    Ok(())
}

fn enough(programs: &Programs) -> Result<(), Failed> {
    let arguments = ["demo:1000", "--repeat", "0", "--", "receiver", "--limit", "3", "--json"];
    let ended = programs.send(&arguments)?.code(0)?.says("took no more")?;
    assert_eq!(ended.out.lines().count(), 3);
    Ok(())
}

fn half(programs: &Programs) -> Result<(), Failed> {
    programs.write("x.csv", format!("n\n{}oops\n", "1\n".repeat(20_000)))?;
    let arguments =
        ["x.csv", "--infer-rows", "100", "--batch-rows", "5000", "--", "receiver", "-o", "out.arrow"];
    programs.send(&arguments)?.code(3)?.says("oops")?.says("before the end of the table")?;
    assert!(!programs.path("out.arrow").exists());
    Ok(())
}

fn signal_while_waiting(programs: &Programs) -> Result<(), Failed> {
    for (number, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (sender, _said) = programs.listen(&["demo"])?;
        signal(sender.id(), number)?;
        finish(sender)?.code(code)?;
        assert!(!programs.path("bowstring/default.sock").exists());
    }
    Ok(())
}

fn signal_while_sending(programs: &Programs) -> Result<(), Failed> {
    let (sender, said) = programs.listen(&["demo:1000000000", "--socket", "s", "--batch-rows", "1000"])?;
    let receiver = programs.receiver(&["--socket", "s", "-o", "out.arrow"]).spawn()?;
    programs.until_sending("./s")?;
    signal(sender.id(), Signal::INT)?;
    finish(sender)?.code(130)?;
    assert!(said.all().contains("interrupted"));
    // It got a part, and knows it.
    finish(receiver)?.code(5)?;
    assert!(!programs.path("out.arrow").exists());
    Ok(())
}

fn signal_without_end(programs: &Programs) -> Result<(), Failed> {
    let (sender, _said) = programs.listen(&["demo:1000", "--repeat", "0", "--socket", "s"])?;
    let receiver = programs.receiver(&["--socket", "s", "--count"]).spawn()?;
    programs.until_sending("./s")?;
    signal(sender.id(), Signal::TERM)?;
    finish(sender)?.code(143)?;
    // What was broken off never looks whole.
    finish(receiver)?.code(5)?.says("was interrupted")?;
    Ok(())
}

fn late(programs: &Programs) -> Result<(), Failed> {
    let (sender, _said) = programs.listen(&["demo:1000", "--repeat", "0", "--socket", "s"])?;
    let first = programs.receiver(&["--socket", "s", "--null", "--quiet"]).spawn()?;
    programs.until_sending("./s")?;
    let receive = |arguments: &[&str]| -> Result<_, Failed> {
        finish(programs.receiver(&[&["--socket", "s", "--quiet"], arguments].concat()).spawn()?)
    };
    receive(&["-o", "late.parquet"])?.code(9)?.says("were sent before this receiver came")?;
    assert!(!programs.path("late.parquet").exists());
    for name in ["late.parquet", "late.arrow"] {
        receive(&["-o", name, "--from-now", "--limit", "10"])?.code(0)?;
        let kept = metadata(&programs.path(name))?;
        let before = kept.get("bowstring.missing.rows_before").and_then(|rows| rows.parse::<u64>().ok());
        assert!(before.is_some_and(|rows| rows >= 1000 && rows.is_multiple_of(1000)), "{name}: {kept:?}");
        assert!(!kept.contains_key("bowstring.missing.batches"), "{name}: {kept:?}");
    }
    // Elsewhere it is said, even by a quiet program.
    receive(&["--count", "--limit", "10"])?.code(0)?.says("the beginning is missing")?;
    signal(sender.id(), Signal::TERM)?;
    finish(sender)?.code(143)?;
    finish(first)?.code(5)?;
    Ok(())
}

fn several(programs: &Programs) -> Result<(), Failed> {
    let place = format!("@bowstring-test-{}", std::process::id());
    let (sender, said) = programs.listen(&["demo:5000", "--socket", &place, "--receivers", "3"])?;
    let start = |delivery| {
        programs.receiver(&["--socket", &place, "--delivery", delivery, "--json", "--quiet"]).spawn()
    };
    let receivers = [start("pooled")?, start("copied")?, start("sealed")?];
    let mut outputs = Vec::new();
    for receiver in receivers {
        outputs.push(finish(receiver)?.ok()?);
    }
    finish(sender)?.code(0)?;
    assert!(said.all().contains("to 3 receivers"));
    assert_eq!(outputs[0].lines().count(), 5000);
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    Ok(())
}

fn slow(programs: &Programs) -> Result<(), Failed> {
    // The receiver stops before it takes anything, so that all of the pool's half is in its hands at some time.
    for (on_slow, code) in [("skip", 0), ("cut", 5)] {
        let arguments =
            ["demo:200000", "--batch-rows", "1000", "--pool", "1MiB", "--on-slow", on_slow, "--socket", "s"];
        let (sender, said) = programs.listen(&arguments)?;
        let receiver = programs.receiver(&["--socket", "s", "--json", "--quiet"]).spawn()?;
        // Nobody reads what it writes, so it comes to a stop at a full pipe.
        finish(sender)?.code(code)?;
        let said = said.all();
        match on_slow {
            "skip" => assert!(said.contains("skipped"), "{said}"),
            _ => assert!(said.contains("cut off"), "{said}"),
        }
        // Quiet hides no loss.
        let (code, words) =
            if on_slow == "skip" { (9, "skipped this receiver") } else { (5, "cut this receiver off") };
        let rows = finish(receiver)?.code(code)?.says(words)?.out.lines().count();
        assert!(rows > 0 && rows < 200_000 && rows.is_multiple_of(1000), "{rows}");
    }
    Ok(())
}

fn skipped_at_the_end(programs: &Programs) -> Result<(), Failed> {
    for delivery in ["pooled", "copied", "sealed"] {
        let arguments =
            ["demo:200000", "--batch-rows", "1000", "--pool", "1MiB", "--on-slow", "skip", "--socket", "s"];
        let (sender, _said) = programs.listen(&arguments)?;
        let receiver =
            programs.receiver(&["--socket", "s", "--json", "--quiet", "--delivery", delivery]).spawn()?;
        // It is stuck at a full pipe, so nothing comes after what it misses.
        finish(sender)?.code(0)?;
        let ended = finish(receiver)?.code(9)?.says("skipped this receiver")?;
        let words = ended.err.split_whitespace().collect::<Vec<_>>();
        let missed = words.windows(2).find_map(|pair| match pair {
            [count, "batches"] => count.replace(',', "").parse::<usize>().ok(),
            _ => None,
        });
        let rows = ended.out.lines().count();
        assert_eq!(Some((200_000 - rows) / 1000), missed, "{delivery}: {rows} rows and {}", ended.err);
    }
    Ok(())
}

/// Returns the pairs of a file's metadata.
fn metadata(path: &Path) -> Result<HashMap<String, String>, Failed> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "arrow") {
        return Ok(arrow_ipc::reader::FileReader::try_new(file, None)?.custom_metadata().clone());
    }
    let file = SerializedFileReader::new(file)?;
    let pairs = file.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    Ok(pairs.into_iter().map(|pair| (pair.key, pair.value.unwrap_or_default())).collect())
}

fn gaps_in_files(programs: &Programs) -> Result<(), Failed> {
    for (name, allowed) in [("x.parquet", false), ("x.arrow", true)] {
        let arguments = ["demo:200000", "--batch-rows", "1000", "--rate", "400000", "--pool", "1MiB"];
        let (sender, _said) =
            programs.listen(&[&arguments[..], &["--on-slow", "skip", "--socket", "s"]].concat())?;
        let options = ["--socket", "s", "-o", name, "--report-to", "r.json"];
        let allow: &[&str] = if allowed { &["--allow-gaps"] } else { &[] };
        let receiver = programs.receiver(&[&options[..], allow].concat()).spawn()?;
        programs.until_sending("./s")?;
        // It takes nothing until the sender is done.
        signal(receiver.id(), Signal::STOP)?;
        finish(sender)?.code(0)?;
        signal(receiver.id(), Signal::CONT)?;
        finish(receiver)?.code(if allowed { 0 } else { 9 })?;
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(programs.path("r.json"))?)?;
        assert!(report["missed"].as_u64().is_some_and(|missed| missed > 0), "{report}");
        assert_eq!(report["ending"], "partial");
        let kept = metadata(&programs.path(name))?;
        assert_eq!(
            kept.get("bowstring.missing.batches"),
            Some(&report["missed"].to_string()),
            "{name}: {kept:?}"
        );
        assert!(!kept.contains_key("bowstring.missing.rows_before"), "{name}: {kept:?}");
    }
    // A table that is whole says nothing of it.
    programs.send(&["demo:10", "--", "receiver", "-o", "whole.parquet"])?.code(0)?;
    assert!(
        !metadata(&programs.path("whole.parquet"))?.keys().any(|key| key.starts_with("bowstring.missing"))
    );
    Ok(())
}
