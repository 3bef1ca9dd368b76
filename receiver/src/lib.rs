//! `receiver`: takes an Arrow table from another process on this host, and shows, stores or measures it.
//!
//! A library only so that the program `bowstring` writes tables as this one does ([`keep`]), and a fuzzer (`fuzz`).
//!
//! Arguments become a `plan`; `meet` connects to the sender; `drain` takes the table's batches to a `sink`, which writes
//! to an `output`; a `report` says what happened.

mod again;
mod args;
mod channels;
mod choice;
mod drain;
mod every;
mod failure;
pub mod fuzz;
mod gather;
mod inherit;
mod inspect;
pub mod keep;
mod ls;
mod meet;
mod output;
mod plan;
mod report;
mod screen;
mod sink;
mod slices;
mod stopwatch;
mod trust;
mod weight;
mod work;
mod zero_copy;

use std::io;
use std::process::ExitCode;

use bowstring_cli::exit::Exit;
use bowstring_cli::signals::Signals;
use bowstring_cli::{output_options, self_docs, text};
use bowstring_top::{Top, TopError};
use clap::{CommandFactory, Parser};

use crate::again::History;
use crate::args::{Cli, Command, Receive};
use crate::drain::Ending;
use crate::failure::{Failure, STDOUT};
use crate::plan::{Endpoint, Handling, Plan, SinkPlan};
use crate::report::{Before, Report};
use crate::sink::Missing;
use crate::stopwatch::Stopwatch;

/// Runs the program: does what its arguments say, and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command, receive: args } = Cli::parse();
    let outcome = match command {
        None => receive(args),
        Some(Command::Top(top)) => watch(&top),
        Some(Command::Ls(args)) => ls::run(&args).map(|()| 0),
        Some(Command::Completions { shell }) => printed(self_docs::completions(shell, Cli::command())),
        Some(Command::Man) => printed(self_docs::manual(Cli::command())),
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| tell(&failure)))
}

/// Receives a table; returns the exit code.
fn receive(args: Receive) -> Result<u8, Failure> {
    let plan = Plan::resolve(args)?;
    let catch = Signals::catch();
    let signals = catch.map_err(|error| Failure::Host { what: "cannot catch signals", error })?;
    if let Some(inspect) = plan.inspect {
        return inspect::run(&plan, inspect, &signals);
    }
    match (&plan.handling, &plan.channels[..]) {
        (_, []) => {}
        (Handling::Keep(SinkPlan::Record { .. }), _) => return channels::record(&plan, &signals),
        _ => return gather::gather(&plan, &signals),
    }
    let mut receiver = meet::meet(&plan, &signals)?;
    let before = Before::look(&receiver);
    let mut stopwatch = Stopwatch::new();
    let mut history = History::begin(&receiver, &plan)?;
    let ending = drain::drain(&mut receiver, &plan, &signals, &mut stopwatch, &mut history)?;
    let exit = exit(&ending, history.missing(&receiver), &plan);
    say_if_interrupted(&ending, &plan);
    let report = Report::new(&receiver, before, &history, &stopwatch, &ending, exit);
    plan.output_options.state(&report).map_err(|(name, error)| Failure::Output { name, error })?;
    Ok(exit)
}

fn say_if_interrupted(ending: &Ending, plan: &Plan) {
    if let Ending::Interrupted(_) = ending
        && !plan.output_options.quiet
    {
        let kept = if plan.writes_file() { "; no part of the file was kept" } else { "" };
        output_options::say(&format!("receiver: interrupted{kept}"));
    }
}

/// Tells what went wrong or is missing; returns the exit code.
fn exit(ending: &Ending, missing: Missing, plan: &Plan) -> u8 {
    match ending {
        Ending::Whole | Ending::Partial | Ending::Enough | Ending::NobodyReads => incomplete(missing, plan),
        Ending::Interrupted(signal) => signal.exit(),
        Ending::Failed(failure) => tell(failure),
    }
}

/// Says what is missing, even where little is to be said, and returns the exit code for it.
fn incomplete(missing: Missing, plan: &Plan) -> u8 {
    if missing.batches_before > 0 && !plan.from_now {
        let rows = text::count(missing.rows_before, "row", "rows");
        output_options::say(&format!(
            "receiver: the beginning is missing: {rows} were sent before this receiver came"
        ));
    }
    if plan.allow_gaps {
        return 0;
    }
    if missing.interruptions > 0 {
        let times = text::count(missing.interruptions, "interruption", "interruptions");
        output_options::say(&format!(
            "receiver: {times}: rows of one sender and the next may be missing, or come twice"
        ));
    }
    if missing.skipped > 0 {
        let batches = text::count(missing.skipped, "batch", "batches");
        output_options::say(&format!(
            "receiver: {batches} missing: the sender skipped this receiver for being slow"
        ));
    }
    if missing.interruptions + missing.skipped > 0 { Exit::Incomplete as u8 } else { 0 }
}

/// Shows the running channels; returns the exit code.
fn watch(top: &Top) -> Result<u8, Failure> {
    // Being interrupted is how it ends.
    bowstring_top::run(top).map(|()| 0).map_err(|error| match error {
        TopError::Sender { address, error } => {
            Failure::NoSender { endpoint: Endpoint::At(address), error, waited: None }
        }
        TopError::Directory(what) => {
            Failure::Usage { what, advice: "name a channel, or the path of its socket" }
        }
        TopError::Output(error) => Failure::Output { name: STDOUT.to_owned(), error },
        TopError::Signals(error) => Failure::Host { what: "cannot catch signals", error },
    })
}

fn printed(printed: io::Result<()>) -> Result<u8, Failure> {
    printed.map(|()| 0).map_err(|error| Failure::Output { name: STDOUT.to_owned(), error })
}

/// Prints the error and what to do next; returns the exit code.
fn tell(failure: &Failure) -> u8 {
    output_options::tell("receiver", failure, failure.advice().as_deref());
    failure.exit()
}
