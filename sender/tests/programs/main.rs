//! The programs as people run them: `sender`, and the `receiver` that stands beside it.
//!
//! Cargo builds only this package's program for these tests. Where no `receiver` stands beside it the tests that need one
//! are skipped, and say so: `cargo build -p bowstring-receiver` puts one there.

mod columns;
mod compact;
mod containers;
mod endings;
mod hostile;
mod idle;
mod inputs;
mod keep;
mod looks;
mod memory;
mod pipes;
mod record;
mod run;
mod tools;
mod users;
mod wishes;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::run::Programs;

/// A test: its name, its requirements in addition to the sender, and its function.
pub(crate) type Test = (&'static str, Needs, fn(&Programs) -> Result<(), Failed>);

/// A test's environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Receiver,
    /// The receiver, and the Arrow project's test data.
    ArrowData,
    /// A user whom permissions bind.
    Permissions,
    /// The receiver, and the right to become another user.
    Root,
    /// The receiver, and the right to make namespaces.
    Namespaces,
}

fn tests() -> Vec<Test> {
    let tests = [
        inputs::TESTS,
        columns::TESTS,
        compact::TESTS,
        containers::TESTS,
        record::TESTS,
        hostile::TESTS,
        idle::TESTS,
        endings::TESTS,
        keep::TESTS,
        looks::TESTS,
        pipes::TESTS,
        tools::TESTS,
        users::TESTS,
        wishes::TESTS,
    ];
    [&tests.concat(), memory::TESTS].concat()
}

fn main() {
    let arguments = Arguments::from_args();
    let receiver = run::receiver().is_some();
    let arrow_data = run::arrow_data().is_some();
    let namespaces = containers::are_allowed();
    let bound = !rustix::process::geteuid().is_root();
    let mut trials = Vec::new();
    for (name, needs, test) in tests() {
        let missing = match needs {
            Needs::Nothing => None,
            _ if !receiver => Some("no receiver beside the sender: cargo build -p bowstring-receiver"),
            Needs::ArrowData if !arrow_data => Some("no Arrow test data: set ARROW_TEST_DATA"),
            Needs::Permissions if !bound => Some("permissions do not bind this user"),
            Needs::Namespaces if !namespaces => Some("`unshare` is not there or not allowed"),
            Needs::Root if bound => Some("only root can become another user"),
            _ => None,
        };
        if let Some(missing) = missing {
            eprintln!("{name} is skipped, because {missing}");
        }
        let trial = Trial::test(name, move || test(&Programs::new()?));
        trials.push(trial.with_ignored_flag(missing.is_some()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
