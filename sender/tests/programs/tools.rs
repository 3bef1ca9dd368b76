//! Other commands: the doctor, watching, completions, the manual; stats and pace.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Lines, Programs, finish, until};

pub(crate) const TESTS: &[Test] = &[
    ("the doctor looks and measures", Nothing, doctor),
    ("top finds senders and their receivers", Receiver, top),
    ("top finds a sender that started its receiver", Receiver, top_without_name),
    ("completions and the manual", Nothing, manuals),
    ("stats are as counted", Receiver, stats),
    ("closing lines are for people", Receiver, closing_lines),
    ("nothing but data on standard output", Receiver, quiet),
    ("a rate is kept", Receiver, rate),
    ("tables have names", Receiver, names),
];

fn doctor(programs: &Programs) -> Result<(), Failed> {
    let text = programs.send(&["doctor", "--quick"])?.ok()?;
    for what in ["kernel", "sealed memory", "huge pages", "cores", "hand-off", "tables"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let report: Value = serde_json::from_str(&programs.send(&["doctor", "--quick", "--json"])?.ok()?)?;
    assert_eq!(report["host"]["sealed memory"]["verdict"], "good");
    assert!(report["measured"]["message_nanoseconds"].as_f64().is_some_and(|figure| figure > 0.0));
    Ok(())
}

impl Programs {
    /// Returns the looks that `top` takes at one sender among all of this user's: other tests have theirs.
    fn looks_at(&self, pid: u32, count: u32) -> Result<Vec<Value>, Failed> {
        let arguments = ["top", "--count", &count.to_string(), "--interval", "0.05", "--json"];
        let looks = self.send(&arguments)?.ok()?;
        let looks: Vec<Value> = looks.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(looks.into_iter().filter(|look| look["pid"] == pid).collect())
    }

    /// Waits until the sender at `socket` has this many receivers.
    pub(crate) fn until_there(&self, socket: &str, receivers: usize) -> Result<(), Failed> {
        let arguments = ["top", "--json", "--count", "1", "--interval", "0.01", socket];
        until("a sender with receivers", || {
            let Ok(ended) = self.send(&arguments) else { return false };
            let Ok(look) = serde_json::from_str::<Value>(ended.out.trim()) else { return false };
            look["receivers"].as_array().is_some_and(|there| there.len() == receivers)
        })
    }

    /// Waits until the sender at `socket` has a receiver and has sent something.
    pub(crate) fn until_sending(&self, socket: &str) -> Result<(), Failed> {
        self.until_sending_messages(socket, 4)
    }

    /// The same, for a number of messages.
    pub(crate) fn until_sending_messages(&self, socket: &str, least: u64) -> Result<(), Failed> {
        let arguments = ["top", "--json", "--count", "1", "--interval", "0.01", socket];
        until("a sender that sends", || {
            let Ok(ended) = self.send(&arguments) else { return false };
            let Ok(look) = serde_json::from_str::<Value>(ended.out.trim()) else { return false };
            look["messages"].as_u64().is_some_and(|messages| messages >= least)
                && look["receivers"].as_array().is_some_and(|receivers| !receivers.is_empty())
        })
    }
}

fn top(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["top", "--count", "1", "--interval", "0.01"])?.code(0)?;
    programs.send(&["top", "nobody"])?.code(2)?;
    programs.send(&["top", "no body"])?.code(2)?;
    let (sender, _said) = programs.listen(&["demo:1000", "--repeat", "0"])?;
    let receiver = programs.receiver(&["--null"]).spawn()?;
    programs.until_sending("default")?;
    // Found without being named, and once, although its process would be found to hold the stats too.
    let looks = programs.looks_at(sender.id(), 2)?;
    assert_eq!(looks.len(), 2, "{looks:?}");
    for look in &looks {
        assert_eq!(look["socket"], "default");
        assert_eq!(look["receivers"][0]["pid"], receiver.id());
        assert!(look["messages_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{look}");
    }
    let text = programs.send(&["top", "--count", "1", "--interval", "0.01"])?.ok()?;
    assert!(text.contains(&sender.id().to_string()) && text.contains("default"), "{text}");
    kill_process(Pid::from_raw(sender.id() as i32).ok_or("no process")?, Signal::TERM)?;
    finish(sender)?;
    finish(receiver)?.code(5)?;
    Ok(())
}

/// Over a socket pair nobody can connect to it.
fn top_without_name(programs: &Programs) -> Result<(), Failed> {
    let mut command = programs.sender(&["demo:1000", "--repeat", "0", "--quiet", "--", "receiver", "--null"]);
    let sender = command.arg("--quiet").spawn()?;
    let mut looks = Vec::new();
    until("the sender without a name", || {
        looks = programs.looks_at(sender.id(), 2).unwrap_or_default();
        matches!(&*looks, [.., last] if last["receivers"].as_array().is_some_and(|there| there.len() == 1))
    })?;
    let [.., last] = &*looks else { return Err("no look".into()) };
    assert!(last["socket"].is_null() && last["program"] == "sender", "{last}");
    assert!(last["messages_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{last}");
    let text = programs.send(&["top", "--count", "1", "--interval", "0.01"])?.ok()?;
    let line = text.lines().find(|line| line.contains(&sender.id().to_string()));
    assert!(line.is_some_and(|line| line.ends_with("sender (no name)")), "{text}");
    // Who asks for a name is shown that name alone.
    programs.send(&["top", "--count", "1", "nobody"])?.code(2)?;
    kill_process(Pid::from_raw(sender.id() as i32).ok_or("no process")?, Signal::TERM)?;
    finish(sender)?;
    Ok(())
}

fn manuals(programs: &Programs) -> Result<(), Failed> {
    for shell in ["bash", "zsh", "fish"] {
        assert!(programs.send(&["completions", shell])?.ok()?.contains("on-slow"));
    }
    let manual = programs.send(&["man"])?.ok()?;
    assert!(manual.starts_with(".ie") && manual.contains("Exit codes"), "{manual:.200}");
    assert!(programs.send(&["--help"])?.ok()?.contains("demo:1000 -- receiver --json"));
    Ok(())
}

fn stats(programs: &Programs) -> Result<(), Failed> {
    let arguments =
        ["demo:10000", "--batch-rows", "1000", "--report", "json", "--report-to", "r.json", "--", "receiver"];
    let ended = programs.send(&[&arguments[..], &["--null", "--quiet"]].concat())?.code(0)?;
    let stats: Value = serde_json::from_str(ended.err.trim())?;
    assert_eq!(stats, serde_json::from_str::<Value>(&fs::read_to_string(programs.path("r.json"))?)?);
    assert_eq!((&stats["rows"], &stats["batches"]), (&10_000.into(), &10.into()));
    assert_eq!(stats["dictionaries"], 1);
    assert_eq!(stats["allocations"]["hot_path"], 0, "built in place without a heap");
    assert_eq!((&stats["ending"], &stats["exit"]), (&"whole".into(), &0.into()));
    // Batches that exist beforehand are encoded without a heap as well.
    programs.send(&["demo:10000", "--batch-rows", "1000", "--", "receiver", "-o", "x.arrow"])?.code(0)?;
    let arguments = ["x.arrow", "--quiet", "--report", "json", "--", "receiver", "--null", "--quiet"];
    let stats: Value = serde_json::from_str(programs.send(&arguments)?.code(0)?.err.trim())?;
    assert_eq!((&stats["batches"], &stats["allocations"]["hot_path"]), (&10.into(), &0.into()));
    Ok(())
}

fn closing_lines(programs: &Programs) -> Result<(), Failed> {
    for more in [&[][..], &["--delivery", "sealed"], &["--limit", "999999"]] {
        let arguments = ["demo:1000000", "--", "receiver", "--null"];
        let said = programs.send(&[&arguments[..], more].concat())?.code(0)?.err;
        assert_eq!(said.lines().count(), 2, "{said}");
        for line in said.lines() {
            assert!(line.chars().count() <= 80 && line.contains("rows") && line.contains("B/s"), "{line}");
            assert!(!["seals", "heap", "system calls"].iter().any(|word| line.contains(word)), "{line}");
        }
    }
    let arguments = ["demo:100000", "-v", "--", "receiver", "--null", "--verbose"];
    let said = programs.send(&arguments)?.code(0)?.err;
    assert!(["seals", "heap", "system calls"].iter().all(|word| said.contains(word)), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    Ok(())
}

fn quiet(programs: &Programs) -> Result<(), Failed> {
    let ended = programs.send(&["demo:5", "--quiet", "--", "receiver", "--json", "--quiet"])?;
    assert_eq!((ended.out.lines().count(), ended.err.as_str()), (5, ""));
    Ok(())
}

fn rate(programs: &Programs) -> Result<(), Failed> {
    // Ten batches at a rate that takes nine tenths of a second; it can take longer, and not less.
    let begun = Instant::now();
    let arguments = ["demo:1000", "--batch-rows", "100", "--rate", "1000", "--", "receiver", "--null"];
    programs.send(&arguments)?.code(0)?;
    assert!(begun.elapsed() >= Duration::from_millis(900));
    Ok(())
}

fn names(programs: &Programs) -> Result<(), Failed> {
    let list = |arguments: &[&str]| finish(programs.receiver(arguments).spawn()?)?.ok();
    assert_eq!(list(&["ls"])?, "no table is being sent\n");
    let (sender, _said) = programs.listen(&["demo:1000", "--name", "trips", "--repeat", "0"])?;
    let receiver = programs.receiver(&["trips", "--null"]).spawn()?;
    programs.until_sending("trips")?;
    let look: Value = serde_json::from_str(&list(&["ls", "--json"])?)?;
    assert_eq!((&look["name"], &look["pid"]), (&"trips".into(), &sender.id().into()));
    assert_eq!(look["receivers"], 1);
    assert_eq!(look["columns"][0], serde_json::json!({ "name": "id", "type": "Int64" }));
    assert!(look["rows_sent"].as_u64().is_some_and(|rows| rows >= 1000), "{look}");
    assert!(look["bytes_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{look}");
    assert!(list(&["ls"])?.lines().any(|line| line.starts_with("trips ") && line.contains("price Float64")));
    // Who comes before the sender waits for it.
    let mut early = programs.receiver(&["later", "--count"]).spawn()?;
    let mut said = Lines::of(early.stderr.take().ok_or("no standard error")?);
    said.await_text("receiver: waiting up to 5 s for a sender: later")?;
    programs.send(&["demo:7", "--name", "later"])?.code(0)?;
    assert_eq!(finish(early)?.ok()?, "7\n");
    // A name is taken once, and nobody is at another.
    programs.send(&["demo:1", "--name", "trips"])?.code(1)?.says("--name")?;
    finish(programs.receiver(&["trip", "--count", "--wait", "0"]).spawn()?)?.code(6)?.says("receiver ls")?;
    programs.send(&["demo:1", "--name", "../trips"])?.code(2)?.says("is not a name")?;
    kill_process(Pid::from_raw(sender.id() as i32).ok_or("no process")?, Signal::TERM)?;
    finish(sender)?;
    finish(receiver)?.code(5)?;
    assert!(!programs.path("bowstring/trips.sock").exists());
    // A directory that others can write to is not used.
    fs::set_permissions(programs.path("bowstring"), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    programs.send(&["demo:1"])?.code(7)?.says("chmod 700")?;
    finish(programs.receiver(&[]).spawn()?)?.code(7)?.says("chmod 700")?;
    Ok(())
}
