//! Senders that run, watched without disturbing them: what both programs show, in this one's words where it fails.

use bowstring_cli::failure::STDOUT;
use bowstring_top::{Top, TopError};

use crate::failure::{self, Failure};
use crate::plan::Endpoint;

pub(crate) fn run(top: &Top) -> Result<(), Failure> {
    bowstring_top::run(top).map_err(|error| match error {
        TopError::Sender { address, error } => failure::address(&Endpoint::At(address), &error),
        TopError::Directory(what) => Failure::usage(what),
        TopError::Output(error) => Failure::output(STDOUT, &error),
        TopError::Signals(error) => Failure::host("cannot catch signals", &error),
    })
}
