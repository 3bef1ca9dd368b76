//! A process killed at every instruction of a publish/take/release cycle: the other sees whole messages, then a
//! crash.

// checks: kill

use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

/// More points than this are sampled evenly, to bound the time; today there are fewer.
const MOST: usize = 4000;

fn main() {
    let mut arguments = Arguments::from_args();
    // Two at a time would only take turns on a small machine.
    arguments.test_threads = Some(1);
    let cycle = |name: &'static str, title: &'static str| Trial::test(title, move || run(name));
    let trials = vec![
        cycle("sender", "a sender killed at every instruction"),
        cycle("sender-that-wakes", "a sender that wakes its receiver, killed at every instruction"),
        cycle("receiver", "a receiver killed at every instruction"),
        cycle("receiver-that-wakes", "a receiver that wakes its sender, killed at every instruction"),
        cycle("receiver-raced", "a receiver whose sender reuses what it may, at every instruction"),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(cycle: &str) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_single_step")).args([cycle, &MOST.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprint!("{said}");
    if !output.status.success() {
        return Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    // A run in which the survivor saw the same at every point has not stepped through anything.
    let seen = said.rsplit_once('{').map_or(0, |(_, set)| set.split(',').count());
    if seen >= 2 { Ok(()) } else { Err(format!("nothing happened in {said:?}").into()) }
}
