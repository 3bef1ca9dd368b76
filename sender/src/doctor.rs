//! Checks what this host allows, explains it, and measures its speed.

mod host;
mod measure;

use std::io::{self, Write};
use std::time::Duration;

use bowstring_cli::failure::STDOUT;
use serde_json::{Map, Value, json};

use self::host::{Finding, Verdict};
use self::measure::Measured;
use crate::args::DoctorArgs;
use crate::failure::{Exit, Failure};

/// The time for all measurements together.
const LONG: Duration = Duration::from_secs(10);
const QUICK: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let findings = host::examine();
    if !args.json {
        print(&findings.iter().map(Finding::line).collect::<String>())?;
    }
    let time = if args.quick { QUICK } else { LONG };
    let measured = measure::measure(time)?;
    let out = match args.json {
        true => format!("{}\n", object(&findings, &measured)),
        false => measured.lines(),
    };
    print(&out)?;
    match findings.iter().any(|finding| finding.verdict == Verdict::Missing) {
        true => Err(Failure::new(Exit::Other, "this host lacks what the transport rests on")),
        false => Ok(()),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::output(STDOUT, &error)),
        _ => Ok(()),
    }
}

fn object(findings: &[Finding], measured: &Measured) -> Value {
    let host: Map<_, _> = findings
        .iter()
        .map(|finding| {
            let verdict = format!("{:?}", finding.verdict).to_lowercase();
            (
                finding.what.to_owned(),
                json!({ "verdict": verdict, "found": finding.found, "meaning": finding.meaning }),
            )
        })
        .collect();
    json!({ "host": host, "measured": measured.object() })
}
