//! Instruction counts by callgrind, which are the same on every run.
//!
//! The bench runs itself under valgrind, which collects only within [`counted_calls`] and dumps its counts after each
//! return from it. The child prints a line for each such call, in the same order.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Options;

/// Counted calls of each contender, after one that is not counted.
const CALLS: u64 = 20;

/// Callgrind's pattern for the function below, whose symbol ends in a hash.
const COUNTED: &str = concat!(module_path!(), "::counted_calls*");

/// The one function within which instructions are counted.
#[inline(never)]
fn counted_calls(work: &mut dyn FnMut()) {
    for _ in 0..black_box(CALLS) {
        work();
    }
}

/// In the child: runs every contender.
pub(crate) fn count<const N: usize>(contenders: [&mut dyn FnMut(); N]) {
    for work in contenders {
        work();
        counted_calls(work);
    }
}

/// In the parent: runs a bench under callgrind, and prints the instructions per call, ours and the other's.
pub(crate) fn report(bench: &str, options: Options) -> ExitCode {
    let (counts, cases) = match collect(bench, options.only) {
        Ok(collected) => collected,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if !options.json {
        println!("instructions of a call: ours / the other's");
    }
    for (case, counts) in cases.lines().zip(counts.as_chunks::<2>().0) {
        let [ours, other] = *counts;
        let ratio = other as f64 / ours as f64;
        match options.json {
            true => println!(
                "{{\"bench\":\"{bench}\",\"case\":\"{case}\",\"ours_instructions\":{ours},\
                 \"other_instructions\":{other},\"ratio\":{ratio:.2}}}"
            ),
            false => println!("  {case:34} {ours:>11}  {other:>11}  {ratio:>6.2}x"),
        }
    }
    ExitCode::SUCCESS
}

/// Returns the instructions per call, for each contender of each case; and the names of the cases, a line each.
fn collect(bench: &str, only: Option<&str>) -> Result<(Vec<u64>, String), String> {
    let directory = std::env::temp_dir().join(format!("bowstring-instructions-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let result = collect_in(&directory, bench, only);
    // The error has all that is left of a failure; the files are no longer needed.
    let _ = std::fs::remove_dir_all(&directory);
    result
}

fn collect_in(directory: &Path, bench: &str, only: Option<&str>) -> Result<(Vec<u64>, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let counts = directory.join("counts");
    let output = Command::new("valgrind")
        // Two patterns for one function: callgrind forgets the dump if both options have the same.
        .args(["--tool=callgrind", "--toggle-collect=*counted_calls*", &format!("--dump-after={COUNTED}")])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program)
        .args([bench, "--count"])
        .args(only.iter().flat_map(|only| ["--only", only]))
        .output()
        .map_err(|error| format!("skipped, because valgrind did not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let total = |n: usize| {
        let dump = std::fs::read_to_string(directory.join(format!("counts.{n}"))).ok()?;
        let totals = dump.lines().find_map(|line| line.strip_prefix("totals: "))?;
        totals.trim().parse::<u64>().ok()
    };
    let totals = (1..).map_while(total).map(|total| total / CALLS).collect();
    Ok((totals, String::from_utf8_lossy(&output.stdout).into_owned()))
}
