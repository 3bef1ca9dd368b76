//! Measures this project's claims against what it is compared with: `bowstring-bench BENCH [--json] [--only PART]
//! [--instructions]`.

mod allocations;
mod c;
mod codec;
mod handoff;
mod instructions;
mod python;
mod report;
mod stats;
mod store;
mod stream;

use std::process::ExitCode;

/// The form in which to print results.
#[derive(Debug, Clone, Copy)]
struct Options {
    /// One JSON object a line, instead of tables.
    json: bool,
    /// This process runs under callgrind: count instructions, and measure nothing.
    count: bool,
    /// Only cases with this in their name.
    only: Option<&'static str>,
}

impl Options {
    /// Returns true if a case is to be run.
    fn wants(&self, case: &str) -> bool {
        self.only.is_none_or(|only| case.contains(only))
    }
}

/// A bench: its name, its description, and its function.
type Bench = (&'static str, &'static str, fn(Options));

const BENCHES: &[Bench] = &[
    ("codec", "Arrow IPC messages against arrow-ipc and memcpy", codec::run),
    ("handoff", "one message from process to process against the bare machine and its peers", handoff::run),
    ("stream", "batches streamed from process to process, against the bare loops and its peers", stream::run),
    ("c", "the C interface against the Rust one that it is made of", c::run),
    ("store", "tables opened by name, put and followed, against files in /dev/shm", store::run),
    ("python", "batches, shared tables and the import in Python, against its own means", python::run),
    (
        "report",
        "all of these, kept in bench/record with charts; `--only charts` draws what is kept",
        report::run,
    ),
];

fn main() -> ExitCode {
    let mut options = Options { json: false, count: false, only: None };
    let mut instructions = false;
    let mut chosen = None;
    let mut arguments = std::env::args().skip(1).peekable();
    // A process that a bench starts.
    if arguments.next_if(|first| first == "store-open").is_some() {
        store::child(arguments);
        return ExitCode::SUCCESS;
    }
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => match arguments.next() {
                Some(part) => options.only = Some(part.leak()),
                None => return usage(),
            },
            "--json" => options.json = true,
            "--instructions" => instructions = true,
            "--count" => options.count = true,
            name => match BENCHES.iter().find(|(known, ..)| *known == name) {
                Some(bench) => chosen = Some(bench),
                None => {
                    eprintln!("no bench is called `{name}`");
                    return usage();
                }
            },
        }
    }
    let Some((name, _, run)) = chosen else { return usage() };
    if instructions {
        return instructions::report(name, options);
    }
    run(options);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: bowstring-bench BENCH [--json] [--only PART] [--instructions]");
    for (name, what, _) in BENCHES {
        eprintln!("  {name:10} {what}");
    }
    ExitCode::from(2)
}
