//! Coming together with receivers: waiting for them, or starting one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use bowstring::names::Address;
use bowstring::transport::HandshakeError;
use bowstring::{BreakOff, Hints, Interrupt, SetUpError, TableSender};
use bowstring_cli::args::DEFAULT_NAME;
use bowstring_cli::output_options;
use bowstring_cli::signals::Signals;
use bowstring_source::options::Input;
use bowstring_source::{OnMisfit, Source};

use crate::failure::{self, Exit, Failure};
use crate::plan::{Endpoint, Plan};
use crate::spawn::{self, Started};

/// A table that receivers are there for.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) sender: TableSender,
    child: Started,
}

impl Met {
    /// Closes the table, or breaks it off and tells the receivers why; a receiver that was started is left to be waited
    /// for.
    pub(crate) fn close(self, broken: Option<(BreakOff, &str)>) -> Started {
        match broken {
            None => drop(self.sender),
            Some((how, why)) => self.sender.abandon_with(how, why),
        }
        self.child
    }
}

/// A reason that nobody is there.
#[derive(Debug)]
pub(crate) enum NotMet {
    /// Something went wrong.
    Failed(Failure),
    /// The receiver that was started ended by itself.
    Ended { name: String, code: u8 },
}

impl From<Failure> for NotMet {
    fn from(failure: Failure) -> NotMet {
        NotMet::Failed(failure)
    }
}

/// Makes the pool and the place to meet, and waits for as many receivers as the plan says.
pub(crate) fn meet(plan: &Plan, source: &Source, signals: &Signals) -> Result<Met, NotMet> {
    let sender = listen(plan, source, signals)?;
    match &plan.endpoint {
        Endpoint::At(_) => wait(plan, sender),
        Endpoint::Child => start(plan, sender),
    }
}

/// Makes the pool and the place to meet.
pub(crate) fn listen(plan: &Plan, source: &Source, signals: &Signals) -> Result<TableSender, Failure> {
    let failed = |error: SetUpError| failure::set_up(&plan.endpoint, &error);
    let mut sender = TableSender::new(source.schema(), plan.config).map_err(failed)?;
    let wake = signals.wake().try_clone_to_owned();
    let wake = wake.map_err(|error| Failure::host("cannot keep a descriptor for signals", &error))?;
    sender.interrupt_by(Interrupt::from(signals.flag()).waking(wake));
    sender.set_on_slow(plan.on_slow);
    sender.set_keep(plan.keep);
    sender.set_hints(&Hints {
        rows: rows(plan, source),
        name: Some(table_name(&plan.inputs)),
        ..Hints::default()
    });
    let Endpoint::At(address) = &plan.endpoint else { return Ok(sender) };
    sender.listen(address.listen().map_err(|error| failure::address(&plan.endpoint, &error))?);
    open_to_others(plan, address)?;
    plan.users.iter().for_each(|&uid| sender.allow_user(uid));
    if !plan.output_options.quiet {
        announce(plan);
    }
    Ok(sender)
}

/// Waits for as many receivers as the plan says.
pub(crate) fn wait(plan: &Plan, mut sender: TableSender) -> Result<Met, NotMet> {
    match sender.wait_for_receivers(plan.receivers, plan.wait) {
        Ok(()) => Ok(Met { sender, child: Started::none() }),
        Err(SetUpError::Interrupted) => {
            Err(Failure::new(Exit::Other, "interrupted while waiting for a receiver").into())
        }
        Err(error) => Err(failure::set_up(&plan.endpoint, &error).into()),
    }
}

/// Lets every user connect to a socket that others are let in by: whom the kernel names is then asked, and not the mode.
fn open_to_others(plan: &Plan, address: &Address) -> Result<(), Failure> {
    let Address::Path(path) = address else { return Ok(()) };
    if plan.users.is_empty() {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o666))
        .map_err(|error| Failure::host(&format!("cannot open {address} to other users"), &error))
}

fn start(plan: &Plan, mut sender: TableSender) -> Result<Met, NotMet> {
    let (socket, mut child) = spawn::start(&plan.command)?;
    let error = match sender.accept_socket(socket) {
        Ok(_) => return Ok(Met { sender, child }),
        Err(error) => error,
    };
    if !matches!(error, SetUpError::Meet(HandshakeError::HungUp)) {
        return Err(failure::set_up(&plan.endpoint, &error).into());
    }
    let name = child.name().to_owned();
    match child.ended().map(|status| status.code()) {
        // Why, it has told itself.
        Some(Some(code @ 1..=255)) => Err(NotMet::Ended { name, code: code as u8 }),
        Some(Some(_)) => Err(Failure::new(Exit::Crashed, format!("{name} ended before it took anything"))
            .advise("the command after `--` must be a receiver, which takes its socket from $BOWSTRING_FD")
            .into()),
        _ => Err(failure::set_up(&plan.endpoint, &error).into()),
    }
}

/// Rows that will come in all, if that is known.
pub(crate) fn rows(plan: &Plan, source: &Source) -> Option<u64> {
    match plan.repeat {
        // A table that may end before a row that does not fit has no number of rows before.
        _ if plan.reading.compact.is_some_and(|compact| compact.on_misfit == OnMisfit::Widen) => None,
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
    let command = match &plan.endpoint {
        Endpoint::At(Address::Name(name)) if name == DEFAULT_NAME => "receiver".to_owned(),
        Endpoint::At(Address::Name(name)) => format!("receiver {name}"),
        endpoint => format!("receiver --socket {endpoint}"),
    };
    output_options::say(&format!("sender: waiting for {who}: {command}"));
}
