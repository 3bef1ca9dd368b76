//! The parts of `sender`, which sends tables of many formats to other processes on this host.
//!
//! Arguments become a `plan`; the plan opens a source (`bowstring-source`) and `meet`s receivers; `pump` takes the source's batches
//! to them; a `report` says what happened. `doctor` looks at the host, and `top` at senders that run.

mod args;
mod channels;
mod compact;
mod doctor;
mod failure;
mod meet;
mod pace;
mod plan;
mod pump;
mod report;
mod spawn;
mod top;

use std::io;
use std::process::ExitCode;

use bowstring_cli::failure::STDOUT;
use bowstring_cli::signals::Signals;
use bowstring_cli::{output_options, self_docs};
use bowstring_source::Source;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Send};
use crate::failure::Failure;
use crate::meet::NotMet;
use crate::plan::Plan;
use crate::pump::{Ended, Ending};

/// The program: follows its arguments and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command, send: args } = Cli::parse();
    let outcome = match command {
        None => send(args),
        Some(Command::Doctor(args)) => doctor::run(&args).map(|()| 0),
        Some(Command::Top(args)) => top::run(&args).map(|()| 0),
        Some(Command::Completions { shell }) => printed(self_docs::completions(shell, Cli::command())),
        Some(Command::Man) => printed(self_docs::manual(Cli::command())),
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| failure.tell("sender")))
}

/// Sends a table; returns the exit code.
fn send(args: Send) -> Result<u8, Failure> {
    let mut plan = Plan::resolve(args)?;
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    plan.reading.interrupt = Some(signals.flag());
    let names = channels::all(&mut plan)?;
    if !names.is_empty() {
        return channels::send(&plan, &names, &signals);
    }
    let source = bowstring_source::open(&plan.inputs, &plan.reading, plan.choice);
    let mut source = match (source, signals.caught()) {
        (Err(_), Some(signal)) => return Ok(signal.exit()),
        (source, _) => source?,
    };
    let (exit, whole) = table(&plan, &mut source, &signals)?;
    if !whole {
        return Ok(exit);
    }
    match source.widen()? {
        None => Ok(exit),
        Some(misfit) => {
            let rest = compact::rest(&plan, &misfit)?;
            table(&rest, &mut source, &signals).map(|(exit, _)| exit)
        }
    }
}

/// Sends a table; returns the exit code, and true if all of it was sent.
fn table(plan: &Plan, source: &mut Source, signals: &Signals) -> Result<(u8, bool), Failure> {
    let mut met = match (meet::meet(plan, source, signals), signals.caught()) {
        (Ok(met), _) => met,
        // Asked to end while it waited.
        (Err(_), Some(signal)) => return Ok((signal.exit(), false)),
        (Err(NotMet::Failed(failure)), None) => return Err(failure),
        (Err(NotMet::Ended { name, code }), None) => {
            output_options::say(&format!("sender: {name} ended with {code} before it took anything"));
            return Ok((code, false));
        }
    };
    let ended = pump::pump(&mut met, source, plan, signals);
    compact::say(source, plan.output_options.quiet);
    let exit = exit(&ended, source, signals);
    // The table closes here, so that receivers come to its end; a receiver that was started is then waited for.
    let waited = met.close(ended.broken()).wait();
    let exit = if exit == 0 { waited? } else { exit };
    report::state(&ended, &plan.output_options, exit)?;
    Ok((exit, exit == 0 && ended.ending == Ending::Whole))
}

/// Tells what went wrong; returns the exit code.
fn exit(ended: &Ended, source: &Source, signals: &Signals) -> u8 {
    match (&ended.failure, source.cut()) {
        (Some(failure), _) => failure.tell("sender"),
        // Receivers have all that there is, and this is its end.
        (None, Some(cut)) => Failure::from(cut.clone()).tell("sender"),
        (None, None) => signals.caught().map_or(0, |signal| signal.exit()),
    }
}

fn printed(printed: io::Result<()>) -> Result<u8, Failure> {
    printed.map(|()| 0).map_err(|error| Failure::output(STDOUT, &error))
}
