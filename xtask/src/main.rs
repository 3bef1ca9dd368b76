//! One runner for the checks of this repository: `cargo xtask` lists them, `cargo xtask TASK [ARGUMENTS]` runs one.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

/// A task: its name, its description, the folder it runs in, and its command.
struct Task {
    name: &'static str,
    about: &'static str,
    folder: &'static str,
    command: &'static [&'static str],
}

const TASKS: &[Task] = &[
    task("test", "Run all tests", ".", &["cargo", "test"]),
    task("ci", "Run everything that must hold before a change goes in (about an hour)", ".", &[".ci/run"]),
    task(
        "proof",
        "Check the claims of PROOF.md: --quick, --deep, --only ID, --check",
        ".",
        &["cargo", "run", "--release", "--package", "proof", "--"],
    ),
    task("models", "Check the SPIN model of the hand-off", ".", &["proof/models/check"]),
    task("asan", "Run the tests under AddressSanitizer (needs a nightly Rust)", ".", &["proof/asan"]),
    task("tsan", "Run the tests under ThreadSanitizer (needs a nightly Rust)", ".", &["proof/tsan"]),
    task("memcheck", "Run the tests under valgrind", ".", &["proof/memcheck"]),
    task("mutants", "Try small changes to the code; each must be noticed", ".", &["proof/mutants"]),
    task("coverage", "Measure which lines the tests run", ".", &["proof/coverage"]),
    task("fuzz", "Run every fuzz target for SECONDS", ".", &["fuzz/run"]),
    task(
        "panics",
        "Link the hot path against a panic handler that does not exist",
        ".",
        &["transport/bare/panics"],
    ),
    task(
        "bench",
        "Measure against floors and peers: handoff, stream, codec, report",
        "bench",
        &["cargo", "run", "--release", "--"],
    ),
    task(
        "io-bench",
        "Time reading CSV, JSON lines and Parquet against pandas, polars, PyArrow and DuckDB",
        ".",
        &["bench/files", "io-bench"],
    ),
    task("memory-profile", "The same for peak memory", ".", &["bench/files", "memory-profile"]),
    task("test-large-files", "The same over files of 10 GB", ".", &["bench/files", "test-large-files"]),
    task("examples", "Check the peers in other languages", ".", &["examples/check"]),
    task("python", "Build the Python package and run its tests", ".", &["python/check"]),
    task("c", "Build the C and C++ libraries and run their tests", ".", &["capi/check"]),
];

const fn task(
    name: &'static str,
    about: &'static str,
    folder: &'static str,
    command: &'static [&'static str],
) -> Task {
    Task { name, about, folder, command }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(name) = arguments.next() else {
        let lines = TASKS.iter().map(|task| format!("  {:<16} {}\n", task.name, task.about));
        let list = lines.collect::<String>();
        // A closed pipe, as of `| head`, is not an error.
        let _ = write!(std::io::stdout(), "Tasks, each run by `cargo xtask TASK [ARGUMENTS]`:\n\n{list}");
        return ExitCode::SUCCESS;
    };
    let Some(task) = TASKS.iter().find(|task| name == task.name) else {
        eprintln!("xtask: there is no task {}; `cargo xtask` lists them", name.display());
        return ExitCode::from(2);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let [program, rest @ ..] = task.command else { return ExitCode::from(2) };
    // A script of this repository, or a program on the PATH.
    let program = if program.contains('/') { root.join(program) } else { program.into() };
    match Command::new(&program).args(rest).args(arguments).current_dir(root.join(task.folder)).status() {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask: {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for task in TASKS {
            let script = task.command.first().copied().unwrap_or_default();
            assert!(!script.contains('/') || root.join(script).is_file(), "{}: no {script}", task.name);
        }
    }
}
