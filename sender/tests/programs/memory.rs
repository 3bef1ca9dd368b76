//! A long table through a small pool takes no more memory than a short one. `BOWSTRING_STREAM_BYTES` says how long.

// checks: streaming, streaming-deep, sources-memory, sources-memory-deep

use std::fs;
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::Needs::Receiver;
use crate::Test;
use crate::run::{Programs, finish_within};

/// A test's name, with the bytes that this build sends by default.
macro_rules! named {
    ($what:literal) => {
        if cfg!(debug_assertions) {
            concat!($what, " in constant memory (200 MB, or BOWSTRING_STREAM_BYTES)")
        } else {
            concat!($what, " in constant memory (2 GB, or BOWSTRING_STREAM_BYTES)")
        }
    };
}

pub(crate) const TESTS: &[Test] = &[
    (named!("a demonstration"), Receiver, demo),
    (named!("a file, again and again,"), Receiver, file),
    ("a long file of CSV in fixed memory (BOWSTRING_SOURCE_BYTES)", Receiver, |p| source(p, "x.csv", 60)),
    ("a long file of JSON in fixed memory (BOWSTRING_SOURCE_BYTES)", Receiver, |p| source(p, "x.jsonl", 120)),
    ("a long file of Parquet in fixed memory (BOWSTRING_SOURCE_BYTES)", Receiver, |p| {
        source(p, "x.parquet", 20)
    }),
    ("a long Arrow stream in fixed memory (BOWSTRING_SOURCE_BYTES)", Receiver, |p| source(p, "x.arrows", 50)),
    ("a long Arrow file in fixed memory (BOWSTRING_SOURCE_BYTES)", Receiver, |p| source(p, "x.arrow", 50)),
];

/// Bytes of a file that is read once. Well beyond [`READING`], so that a file held in memory is noticed.
fn source_bytes() -> Result<u64, Failed> {
    match std::env::var("BOWSTRING_SOURCE_BYTES") {
        Ok(bytes) => Ok(bytes.parse()?),
        Err(_) => Ok(if cfg!(debug_assertions) { 80_000_000 } else { 500_000_000 }),
    }
}

/// Memory that the sender may use while it reads a file: batches and blocks of text that are on their way, for each
/// of two cores, and the program.
const READING: u64 = 48 << 20;

/// Bytes that are sent: 2 GB, or a tenth of that where the program is built without optimisation.
fn bytes() -> Result<u64, Failed> {
    match std::env::var("BOWSTRING_STREAM_BYTES") {
        Ok(bytes) => Ok(bytes.parse()?),
        Err(_) => Ok(if cfg!(debug_assertions) { 200_000_000 } else { 2_000_000_000 }),
    }
}

/// The memory that a process may have, without the pool.
const OWN: u64 = 48 << 20;
const POOL: u64 = 64 << 20;

/// Returns the most of a process's memory that was resident, its own and what it shares, as long as it runs.
fn watch(id: u32) -> thread::JoinHandle<(u64, u64)> {
    thread::spawn(move || {
        let (mut own, mut shared) = (0, 0);
        while let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) {
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
            };
            // A process that has ended has no memory, and stays in the table until it is waited for.
            let (Some(anonymous), Some(shmem)) = (field("RssAnon:"), field("RssShmem:")) else { break };
            (own, shared) = (own.max(anonymous << 10), shared.max(shmem << 10));
            // What grows with the table is still there then.
            thread::sleep(Duration::from_millis(2));
        }
        (own, shared)
    })
}

fn constant(programs: &Programs, arguments: &[&str]) -> Result<(), Failed> {
    let arguments = [arguments, &["--pool", "64MiB", "--socket", "s", "--report", "json"]].concat();
    let (sender, said) = programs.listen(&arguments)?;
    let receiver = programs.receiver(&["--socket", "s", "--null", "--validate", "structure"]).spawn()?;
    let watched = [watch(sender.id()), watch(receiver.id())];
    let patience = Duration::from_secs(120 + bytes()? / 2_000_000);
    finish_within(patience, sender)?.code(0)?;
    finish_within(patience, receiver)?.code(0)?;
    let stats: serde_json::Value = serde_json::from_str(said.all().lines().last().unwrap_or_default())?;
    let sent = stats["bytes"].as_u64().unwrap_or(0);
    assert!(sent >= bytes()?, "{stats}");
    let (mut most_own, mut most_shared) = (0, 0);
    for watched in watched {
        let (own, shared) = watched.join().map_err(|_| "the watch broke off")?;
        (most_own, most_shared) = (most_own.max(own), most_shared.max(shared));
        assert!(own > 0 && own < OWN, "{own} bytes of its own");
        // The pool, and some pages for the board and its like.
        assert!(shared < POOL + (8 << 20), "{shared} bytes shared");
    }
    let (own, shared) = (most_own >> 20, most_shared >> 20);
    println!(
        "{} MB streamed, at most {own} MiB of a process's own and {shared} MiB shared",
        sent / 1_000_000
    );
    Ok(())
}

fn demo(programs: &Programs) -> Result<(), Failed> {
    // A row takes some sixty bytes.
    let rows = format!("demo:{}", bytes()? / 50);
    constant(programs, &[&rows])
}

fn file(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo:200000", "--quiet", "--", "receiver", "-o", "x.arrow", "--quiet"])?.code(0)?;
    let times = (bytes()? / 10_000_000).to_string();
    constant(programs, &["x.arrow", "--repeat", &times])
}

/// Reads a file of the format that its name says, once. A row takes about `row` bytes in it.
fn source(programs: &Programs, name: &str, row: u64) -> Result<(), Failed> {
    let bytes = source_bytes()?;
    let rows = format!("demo:{}", bytes / row);
    let patience = Duration::from_secs(300 + bytes / 100_000);
    let made = programs.sender(&[&rows, "--quiet", "--", "receiver", "-o", name, "--quiet"]).spawn()?;
    finish_within(patience, made)?.code(0)?;
    let size = fs::metadata(programs.path(name))?.len();
    assert!(size > READING, "{name}: {size} bytes would fit into what the sender may have");
    let arguments = [
        name,
        "--threads",
        "2",
        "--pool",
        "64MiB",
        "--socket",
        "s",
        "--infer-rows",
        "1000",
        "--report",
        "json",
    ];
    let (sender, _said) = programs.listen(&arguments)?;
    let receiver = programs.receiver(&["--socket", "s", "--null", "--validate", "structure"]).spawn()?;
    let watched = watch(sender.id());
    finish_within(patience, sender)?.code(0)?;
    finish_within(patience, receiver)?.code(0)?;
    let (own, shared) = watched.join().map_err(|_| "the watch broke off")?;
    assert!(own > 0 && own < READING, "{name}: {own} bytes of its own for {size}");
    assert!(shared < POOL + (8 << 20), "{name}: {shared} bytes shared");
    println!("{name}: at most {} MiB of its own; {} MB read", own >> 20, size / 1_000_000);
    Ok(())
}
