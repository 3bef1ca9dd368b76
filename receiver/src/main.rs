//! `receiver`: takes an Arrow table from another process on this host, and shows, stores or measures it.
//!
//! Arguments become a [`plan`]; the plan [`meet`]s a sender; [`drain`] takes the table's batches to a [`sink`], which
//! writes to an [`output`]; a [`report`] says what happened.

mod args;
mod choice;
mod drain;
mod failure;
mod inherit;
mod meet;
mod meter;
mod output;
mod place;
mod plan;
mod progress;
mod report;
mod screen;
mod signals;
mod sink;
mod text;
mod trust;
mod zero_copy;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use bowstring::allocations::Counting;
use bowstring_top::{Top, TopError};
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Receive};
use crate::drain::Ending;
use crate::failure::Failure;
use crate::meter::Meter;
use crate::place::Place;
use crate::plan::Plan;
use crate::report::{Before, Report};
use crate::signals::Signals;

/// Counts, so that the report can say what the hot path asked of the heap.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let Cli { command, receive: args } = Cli::parse();
    let outcome = match command {
        None => receive(args),
        Some(Command::Top(top)) => watch(&top),
        Some(Command::Completions { shell }) => print(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "receiver", out);
            Ok(())
        }),
        Some(Command::Man) => print(|out| clap_mangen::Man::new(Cli::command()).render(out)),
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| tell(&failure)))
}

/// Receives a table; answers the exit code.
fn receive(args: Receive) -> Result<u8, Failure> {
    let plan = Plan::resolve(args)?;
    let catch = Signals::catch();
    let signals = catch.map_err(|error| Failure::Host { what: "cannot catch signals", error })?;
    let mut receiver = meet::meet(&plan, &signals)?;
    let before = Before::look(&receiver);
    let mut meter = Meter::new();
    let ending = drain::drain(&mut receiver, &plan, &signals, &mut meter)?;
    let exit = match &ending {
        Ending::Whole | Ending::Enough | Ending::NobodyReads => 0,
        Ending::Interrupted(signal) => signal.exit(),
        Ending::Failed(failure) => tell(failure),
    };
    if let Ending::Interrupted(_) = ending
        && !plan.manners.quiet
    {
        let kept = if plan.writes_file() { "; no part of the file was kept" } else { "" };
        let _ = writeln!(io::stderr(), "receiver: interrupted{kept}");
    }
    Report::new(&receiver, before, &meter, &ending).state(&plan.manners, exit)?;
    Ok(exit)
}

/// Shows the running channels; answers the exit code.
fn watch(top: &Top) -> Result<u8, Failure> {
    let catch = Signals::catch();
    let signals = catch.map_err(|error| Failure::Host { what: "cannot catch signals", error })?;
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    match bowstring_top::run(top, &mut out, terminal, || signals.caught().is_some()) {
        // Being interrupted is how it ends.
        Ok(()) => Ok(0),
        Err(TopError::Sender { socket, error }) => {
            Err(Failure::NoSender { place: Place::named(socket), error, waited: None })
        }
        Err(TopError::Output(error)) => Err(Failure::Output { name: "standard output".to_owned(), error }),
    }
}

/// Prints something of the program's own.
fn print(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<u8, Failure> {
    let mut text = Vec::new();
    let printed = write(&mut text).and_then(|()| io::stdout().write_all(&text));
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output { name: "standard output".to_owned(), error })
        }
        _ => Ok(0),
    }
}

/// Says what went wrong and what to do next; answers the exit code.
fn tell(failure: &Failure) -> u8 {
    // If nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "receiver: {}", text::escaped(&failure.to_string()));
    if let Some(advice) = failure.advice() {
        let _ = writeln!(io::stderr(), "  {}", text::escaped(&advice));
    }
    failure.exit()
}
