//! Runs the checks behind the claims of `PROOF.md`, one after the other, and keeps the figures there.
//!
//! `cargo run --release -p proof -- [--deep] [--json] [--check] [--only ID] [--list]`
//!
//! | module | contents |
//! |---|---|
//! | [`claim`], [`claims`] | the claims, as data |
//! | [`check`] | runs a claim's command and judges its output |
//! | [`figure`] | finds the figure in a command's output |
//! | [`page`], [`host`] | the tables of `PROOF.md`, and the host of their figures |
//! | [`options`] | the command line |
//! | [`report`] | the printed report |

mod check;
mod claim;
mod claims;
mod figure;
mod host;
mod options;
mod page;
mod report;

use std::path::Path;
use std::process::ExitCode;

use check::{Outcome, Verdict};
use options::Options;
use report::Report;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let claims: Vec<_> = claims::ALL.iter().filter(|claim| options.selects(claim)).collect();
    let mut report = Report::new(options.json);
    if options.list {
        claims.iter().for_each(|claim| report.list(claim));
        return ExitCode::SUCCESS;
    }
    let outcomes: Vec<Outcome> = claims
        .iter()
        .map(|claim| {
            let outcome = check::check(claim, &root);
            report.outcome(&outcome);
            outcome
        })
        .collect();
    let page = keep(&root.join("PROOF.md"), &outcomes, options.check);
    if let Err(message) = &page {
        eprintln!("PROOF.md: {message}");
    }
    report.summary(&outcomes);
    let failed = outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Fails(_)));
    // A run in which nothing holds proves nothing.
    let nothing = !outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Holds(_)));
    if failed || nothing || page.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Updates the page's tables; or, with `--check`, reports where they differ from the claims.
fn keep(path: &Path, outcomes: &[Outcome], check: bool) -> Result<(), String> {
    let old = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let new = page::rewrite(&old, outcomes)?;
    if check {
        return page::same_but_for_figures(&old, &new).and_then(|()| page::figures_within_bounds(&old));
    }
    if new == old { Ok(()) } else { std::fs::write(path, host::sign(&new)).map_err(|e| e.to_string()) }
}
