//! Coming together with receivers: waiting for them, or starting one.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use bowstring::transport::{Listener, MeetError};
use bowstring::{Hints, SetUpError, TableSender};

use crate::failure::{Exit, Failure};
use crate::place::Place;
use crate::plan::{Input, Plan};
use crate::signals::Signals;
use crate::source::Source;
use crate::spawn::{self, Started};

/// A table that receivers are there for.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) sender: TableSender,
    child: Started,
    /// Whether all was sent that was to be.
    pub(crate) whole: bool,
}

impl Met {
    /// Closes the table, or breaks it off if not all of it was sent; a receiver that was started is left to be waited for.
    pub(crate) fn close(self) -> Started {
        match self.whole {
            true => drop(self.sender),
            false => self.sender.abandon(),
        }
        self.child
    }
}

/// Makes the pool and the place to meet, and waits for as many receivers as the plan says.
pub(crate) fn meet(plan: &Plan, source: &Source, signals: &Signals) -> Result<Met, Failure> {
    let failed = |error: SetUpError| Failure::set_up(&plan.place, &error);
    let mut sender = TableSender::new(source.schema(), plan.config).map_err(failed)?;
    sender.interrupt_by(signals.interrupt());
    sender.set_on_slow(plan.on_slow);
    sender.set_hints(&Hints { rows: rows(plan, source), name: Some(table_name(&plan.inputs)) });
    if plan.place == Place::Child {
        return start(plan, sender);
    }
    let listener = match &plan.place {
        Place::Abstract(name) => Listener::bind_abstract(name),
        Place::Path(path) => Listener::bind(path.as_os_str().as_bytes()),
        Place::Child => Err(MeetError::WrongSocket),
    };
    sender.listen(listener.map_err(|error| failed(error.into()))?);
    if !plan.manners.quiet {
        announce(plan);
    }
    match sender.await_receivers(plan.receivers, plan.wait) {
        Ok(()) => Ok(Met { sender, child: Started::none(), whole: false }),
        Err(SetUpError::Interrupted) => {
            Err(Failure::new(Exit::Other, "interrupted while waiting for a receiver"))
        }
        Err(error) => Err(failed(error)),
    }
}

fn start(plan: &Plan, mut sender: TableSender) -> Result<Met, Failure> {
    let (socket, mut child) = spawn::start(&plan.command)?;
    match sender.meet(socket) {
        Ok(_) => Ok(Met { sender, child, whole: false }),
        // The receiver has told why already, if it is one.
        Err(error) => {
            let failure = Failure::set_up(&plan.place, &error);
            match child.ended() {
                Some(what) => Err(Failure::new(Exit::Crashed, what).advise(
                    "the command after `--` must be a receiver, which takes its socket from $BOWSTRING_FD",
                )),
                None => Err(failure),
            }
        }
    }
}

/// Rows that will come in all, if that is known.
fn rows(plan: &Plan, source: &Source) -> Option<u64> {
    match plan.repeat {
        0 => None,
        times => source.rows()?.checked_mul(times),
    }
}

fn table_name(inputs: &[Input]) -> String {
    match inputs {
        [Input::File(path)] => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        [Input::File(path), rest @ ..] => {
            format!("{} and {} more", path.file_name().unwrap_or_default().to_string_lossy(), rest.len())
        }
        [other, ..] => other.name(),
        [] => String::new(),
    }
}

fn announce(plan: &Plan) {
    let who = match plan.receivers {
        1 => "a receiver".to_owned(),
        n => format!("{n} receivers"),
    };
    // If nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "sender: waiting for {who} at {}", plan.place);
}
