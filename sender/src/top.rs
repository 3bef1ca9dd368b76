//! Senders that run, watched without disturbing them: what both programs show, in this one's words where it fails.

use std::io::{self, IsTerminal};

use bowstring_cli::signals::Signals;
use bowstring_top::{Top, TopError};

use crate::failure::Failure;
use crate::plan::Endpoint;

pub(crate) fn run(top: &Top) -> Result<(), Failure> {
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    match bowstring_top::run(top, &mut out, terminal, || signals.caught().is_some()) {
        Ok(()) => Ok(()),
        Err(TopError::Sender { address, error }) => Err(Failure::address(&Endpoint::At(address), &error)),
        Err(TopError::Directory(what)) => Err(Failure::usage(what)),
        Err(TopError::Output(error)) => Err(Failure::output("standard output", &error)),
    }
}
