//! A client killed at every system call of a put, an append and a get: the table is what it was or what it was to
//! become, whole, and the store holds nothing of the dead one's, in memory or on disk.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// checks: store-kill

mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bowstring_store::{Client, Config, Mode, Put, SegmentWriter};
use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::trace::{Go, Stop, Tracee, ask_and_stop};
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Room, Store, numbers, read};

const OLD: std::ops::Range<i64> = 0..40;
const NEW: std::ops::Range<i64> = 40..60;
/// Only tells a store that lets go of the dead from one that does not.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, child, role, socket] = words.as_slice()
        && child == "child"
    {
        ask_and_stop();
        act(role, Path::new(socket));
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // A child is stepped by the thread that it is a child of, and descriptors are counted.
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for durable in [false, true] {
        for role in ["put", "append", "get"] {
            let where_ = if durable { "on disk" } else { "in memory" };
            let title = format!("{role}, {where_}, killed at every system call");
            trials.push(Trial::test(title, move || every_system_call(role, durable)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The work of the child.
fn act(role: &str, socket: &Path) {
    let mut client = Client::connect(socket).unwrap();
    if role == "get" {
        assert_eq!(read(&client.get("t").unwrap()), OLD.collect::<Vec<_>>());
        return;
    }
    let mode = if role == "append" { Mode::Append } else { Mode::Put };
    // Two segments, so that a part of them can be on its way.
    let mut both = segment(NEW.start..50);
    both.list.extend(segment(50..NEW.end).list);
    client.put_segments("t", &both, &Put { mode, ..Put::default() }).unwrap();
}

fn segment(rows: std::ops::Range<i64>) -> bowstring_store::Segments {
    let mut writer = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    writer.write(&numbers(rows)).unwrap();
    writer.finish().unwrap()
}

fn every_system_call(role: &str, durable: bool) -> Result<(), Failed> {
    until_no_workers()?;
    let disk = Room::new();
    let state = disk.path().join("state");
    let config = || Config { state: durable.then(|| state.clone()), keep: 0, ..Config::default() };
    let store = Store::new(config());
    let (old, new): (Vec<i64>, Vec<i64>) = match role {
        "put" => (OLD.collect(), NEW.collect()),
        "append" => (OLD.collect(), (OLD.start..NEW.end).collect()),
        _ => (OLD.collect(), OLD.collect()),
    };
    let (mut before, mut changed) = (None, 0);
    for at in 0.. {
        let mut client = store.client();
        client.put("t", &[numbers(OLD)]).map_err(|error| error.to_string())?;
        let over = killed_at(role, &store.socket(), at);
        until_alone(&mut client)?;
        // What it had put may be published a moment after it died, once it is on disk.
        let found = read(&client.get("t").map_err(|error| error.to_string())?);
        if found != old && found != new {
            return Err(format!("killed at {at}: {found:?}").into());
        }
        if over && found != new {
            return Err("it ended well, and the table is not what it put".into());
        }
        changed += u32::from(found == new && found != old);
        // The table as it was to begin with: what is held now is all of the same.
        client.put("t", &[numbers(OLD)]).map_err(|error| error.to_string())?;
        until_alone(&mut client)?;
        drop(client);
        let now = (settled(&store)?, files(&state));
        let (first, on_disk) = before.get_or_insert_with(|| now.clone());
        now.0.same_as(first)?;
        if now.1 != *on_disk {
            return Err(format!("killed at {at}: {} files, not {on_disk}", now.1).into());
        }
        if over {
            eprintln!("{role}: {at} system calls in and out, the table changed in {changed} of them");
            break;
        }
    }
    if (changed > 0) == (role == "get") {
        return Err(format!("the table changed {changed} times").into());
    }
    drop(store);
    if durable {
        let store = Store::new(config());
        assert_eq!(read(&store.client().get("t").unwrap()), OLD.collect::<Vec<_>>());
    }
    Ok(())
}

/// Starts the child, and kills it at one of its system calls, on the way in or out; true if it was over before.
fn killed_at(role: &str, socket: &Path, at: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", role]).arg(socket).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = Tracee::of(command.spawn().unwrap().id());
    assert_eq!(child.await_stop(), Stop::Signal(libc::SIGSTOP));
    for _ in 0..at {
        if let Stop::Over(status) = child.go(Go::SystemCall) {
            assert_eq!(Tracee::code(status), Some(0), "the child failed by itself");
            return true;
        }
    }
    child.kill();
    false
}

/// Waits until the store has let go of everybody else and is done with what they began.
fn until_alone(client: &mut Client) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        let stats = client.stat().map_err(|error| error.to_string())?;
        let figure =
            |name: &str| stats.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        if figure("bowstring_store_clients ") == Some(1)
            && figure("bowstring_store_changes_under_way ") == Some(0)
        {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("somebody is still there:\n{stats}").into());
        }
        std::thread::yield_now();
    }
}

/// Waits until the workers of an earlier store have ended. Until then they hold a descriptor of it.
fn until_no_workers() -> Result<(), Failed> {
    let begun = Instant::now();
    let is_worker = |task: std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("store-"))
    };
    while std::fs::read_dir("/proc/self/task")?.flatten().any(is_worker) {
        if begun.elapsed() > PATIENCE {
            return Err("a worker of an earlier store goes on".into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// Returns the resources of this process, including the store, once all clients are gone.
fn settled(store: &Store) -> Result<BufferStats, Failed> {
    let mut client = store.client();
    until_alone(&mut client)?;
    Ok(BufferStats::take())
}

fn files(state: &Path) -> usize {
    std::fs::read_dir(state).map_or(0, Iterator::count)
}
