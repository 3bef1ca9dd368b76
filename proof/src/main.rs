//! Runs the checks behind the claims of `PROOF.md`, one after the other, and keeps the figures there.
//!
//! `cargo run --release -p proof -- [--deep] [--json] [--check] [--only ID] [--list]`
//!
//! | module | what it is |
//! |---|---|
//! | [`claim`], [`claims`] | what is claimed, as data |
//! | [`check`] | running a claim's command and judging what it says |
//! | [`figure`] | finding the figure in a command's output |
//! | [`page`], [`host`] | the tables of `PROOF.md`, and whose figures they show |
//! | [`options`] | the command line |
//! | [`report`] | what is printed |

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
    // Nothing that holds is no proof of anything.
    let nothing = !outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Holds(_)));
    if failed || nothing || page.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Brings the page's tables up to date; or, if it is only to be checked, says where they differ from the claims.
fn keep(path: &Path, outcomes: &[Outcome], check: bool) -> Result<(), String> {
    let old = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let new = page::rewrite(&old, outcomes)?;
    if check {
        return page::same_but_for_figures(&old, &new).and_then(|()| page::figures_within_bounds(&old));
    }
    if new == old { Ok(()) } else { std::fs::write(path, host::sign(&new)).map_err(|e| e.to_string()) }
}
