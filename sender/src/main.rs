//! `sender`: hands tables of many kinds to other processes on this host.
//!
//! Arguments become a [`plan`]; the plan opens a [`source`] and [`meet`]s receivers; [`pump`] takes the source's batches
//! to them; a [`report`] says what happened. [`doctor`] looks at the host, and [`top`] at senders that run.

mod args;
mod doctor;
mod failure;
mod meet;
mod pace;
mod place;
mod plan;
mod progress;
mod pump;
mod report;
mod signals;
mod source;
mod spawn;
mod text;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;

use bowstring::allocations::Counting;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Send};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::signals::Signals;

/// Counts, so that the report can say what the hot path asked of the heap.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let Cli { command, send: args } = Cli::parse();
    let outcome = match command {
        None => send(args),
        Some(Command::Doctor(args)) => doctor::run(&args).map(|()| 0),
        Some(Command::Top(args)) => top::run(&args).map(|()| 0),
        Some(Command::Completions { shell }) => print(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "sender", out);
            Ok(())
        }),
        Some(Command::Man) => print(|out| clap_mangen::Man::new(Cli::command()).render(out)),
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| tell(&failure)))
}

/// Sends a table; answers the exit code.
fn send(args: Send) -> Result<u8, Failure> {
    let plan = Plan::resolve(args)?;
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    let mut source = source::open(&plan)?;
    let mut met = match (meet::meet(&plan, &source, &signals), signals.caught()) {
        (Ok(met), _) => met,
        // Asked to end while it waited.
        (Err(_), Some(signal)) => return Ok(signal.exit()),
        (Err(failure), None) => return Err(failure),
    };
    let ended = pump::pump(&mut met, &mut source, &plan, &signals);
    let exit = match &ended.failure {
        Some(failure) => tell(failure),
        None => signals.caught().map_or(0, |signal| signal.exit()),
    };
    // The table closes here, so that receivers come to its end; a receiver that was started is then waited for.
    let waited = met.close().wait();
    let exit = if exit == 0 { waited? } else { exit };
    report::state(&ended, &plan.manners, exit)?;
    Ok(exit)
}

/// Prints something of the program's own.
fn print(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<u8, Failure> {
    let mut text = Vec::new();
    let printed = write(&mut text).and_then(|()| io::stdout().write_all(&text));
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::output("standard output", &error))
        }
        _ => Ok(0),
    }
}

/// Says what went wrong and what to do next; answers the exit code.
fn tell(failure: &Failure) -> u8 {
    // If nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "sender: {}", text::escaped(&failure.what));
    if let Some(advice) = &failure.advice {
        let _ = writeln!(io::stderr(), "  {}", text::escaped(advice));
    }
    failure.exit as u8
}
