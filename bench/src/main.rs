//! Measures what this project claims, next to what it is compared with: `bowstring-bench BENCH [--json]`.

mod allocations;
mod codec;
mod stats;

use std::process::ExitCode;

/// How results are to be printed.
#[derive(Debug, Clone, Copy)]
struct Options {
    /// One JSON object a line, instead of tables.
    json: bool,
}

/// A bench: its name, what it measures, and what runs it.
type Bench = (&'static str, &'static str, fn(Options));

const BENCHES: &[Bench] = &[("codec", "Arrow IPC messages against arrow-ipc and memcpy", codec::run)];

fn main() -> ExitCode {
    let mut options = Options { json: false };
    let mut chosen = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => options.json = true,
            name => match BENCHES.iter().find(|(known, ..)| *known == name) {
                Some(bench) => chosen = Some(bench),
                None => {
                    eprintln!("no bench is called `{name}`");
                    return usage();
                }
            },
        }
    }
    let Some((_, _, run)) = chosen else { return usage() };
    run(options);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: bowstring-bench BENCH [--json]");
    for (name, what, _) in BENCHES {
        eprintln!("  {name:10} {what}");
    }
    ExitCode::from(2)
}
