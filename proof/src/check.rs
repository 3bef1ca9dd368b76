//! Runs a claim's command and judges its output.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::claim::{Claim, Tool};

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The claim holds, with this figure.
    Holds(String),
    /// It does not, or nothing was shown; with the reason.
    Fails(String),
    /// It could not be checked here, with the reason.
    Skipped(String),
}

/// A claim and the result of its check.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) claim: &'static Claim,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
}

/// Runs the command of `claim` in the project's root.
pub(crate) fn check(claim: &'static Claim, root: &Path) -> Outcome {
    let began = Instant::now();
    let verdict = match claim.needs.iter().find_map(|tool| missing(*tool)) {
        Some(reason) => Verdict::Skipped(reason),
        None => run(claim, root),
    };
    Outcome { claim, verdict, took: began.elapsed() }
}

/// Returns why a tool cannot be used, if it cannot.
fn missing(tool: Tool) -> Option<String> {
    let (program, arguments) = tool.probe();
    let found = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    (!found).then(|| format!("there is no {}", tool.name()))
}

/// Returns a command that runs the one in its arguments, and ends when this process does. `timeout` makes its own
/// process group, which a terminal's Ctrl-C does not reach.
fn mortal() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    let probe = Command::new("setpriv").args(["--pdeathsig", "TERM", "true"]).stderr(Stdio::null()).status();
    if probe.is_ok_and(|status| status.success()) { command } else { Command::new("env") }
}

/// The exit status of `timeout` if it had to end the command.
const TIMED_OUT: i32 = 124;

fn run(claim: &Claim, root: &Path) -> Verdict {
    let patience = claim.level.patience().as_secs();
    let output = mortal()
        .args(["timeout", "--kill-after=10", &patience.to_string(), "bash", "-c"])
        .arg(format!("set -o pipefail; {{ {}; }} 2>&1", claim.command))
        .current_dir(root)
        .env("CARGO_TERM_COLOR", "never")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) => return Verdict::Fails(format!("timeout (coreutils) could not be run: {e}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = match output.status.code() {
        Some(TIMED_OUT) => Verdict::Fails(format!("it did not end in {patience} s")),
        _ => judge(claim, output.status.success(), &said),
    };
    if let Verdict::Fails(_) = verdict {
        // The log of a failed run should show why, without another run.
        eprintln!("---- {} said:\n{}----", claim.command, tail(&said, 60));
    }
    verdict
}

/// Judges an output. A figure of zero shows nothing, whatever the status was.
fn judge(claim: &Claim, succeeded: bool, said: &str) -> Verdict {
    if !succeeded {
        return Verdict::Fails("the command failed".into());
    }
    if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("SKIPPED, because ")) {
        return Verdict::Skipped(reason.into());
    }
    let Some(found) = claim.figure.find(said) else {
        return Verdict::Fails("the command printed no figure".into());
    };
    if found.number == 0 && found.ignored > 0 {
        return Verdict::Skipped("every test of it is ignored here".into());
    }
    if claim.bound.allows(found.number) {
        Verdict::Holds(found.shown)
    } else {
        Verdict::Fails(format!("{}, and there should be {}", found.shown, claim.bound))
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Bound, Level, Strength};
    use crate::figure::Figure;

    const CLAIM: Claim = Claim {
        id: "x",
        statement: "",
        strength: Strength::Sampled,
        rests_on: "",
        command: "true",
        figure: Figure::Tests,
        bound: Bound::AtLeast(3),
        scope: "",
        needs: &[],
        level: Level::Quick,
    };

    #[test]
    fn what_shows_nothing_fails() {
        let fails = |succeeded, said| matches!(judge(&CLAIM, succeeded, said), Verdict::Fails(_));
        assert!(fails(true, ""), "no figure");
        assert!(fails(true, "ok. 0 passed; 0 ignored"), "nothing run");
        assert!(fails(true, "ok. 2 passed; 0 ignored"), "too little");
        assert!(fails(false, "ok. 3 passed; 0 ignored"), "a failed command");
        assert_eq!(judge(&CLAIM, true, "ok. 3 passed; 0 ignored"), Verdict::Holds("3 tests".into()));
        assert!(matches!(judge(&CLAIM, true, "ok. 0 passed; 4 ignored"), Verdict::Skipped(_)));
        assert_eq!(judge(&CLAIM, true, "SKIPPED, because rain"), Verdict::Skipped("rain".into()));
    }

    #[test]
    fn a_ceiling_is_one() {
        let claim = Claim { bound: Bound::AtMost(2), ..CLAIM };
        assert!(matches!(judge(&claim, true, "3 passed"), Verdict::Fails(_)));
        assert!(matches!(judge(&claim, true, "0 passed"), Verdict::Holds(_)));
    }
}
