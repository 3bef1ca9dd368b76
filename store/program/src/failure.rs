//! Errors that end the program: a message, an exit code, and what to do next.

use std::io;

use bowstring_adbc::AdbcError;
use bowstring_cli::exit::Exit;
use bowstring_cli::text;
use bowstring_receiver::keep::KeepError;
use bowstring_source::{Kind, SourceError};
use bowstring_store::{Code, StoreError};

use crate::config::Config;

/// An error that ends the program.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) what: String,
    pub(crate) advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Failure {
        Failure { exit: exit as u8, what: what.into(), advice: None }
    }

    pub(crate) fn advise(self, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..self }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, what)
    }

    pub(crate) fn output(error: &io::Error) -> Failure {
        Failure::new(Exit::of_io(error, Exit::Output), format!("cannot write standard output: {error}"))
    }

    pub(crate) fn host(what: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::of_io(error, Exit::Other), format!("{what}: {}", text::io_error(error)))
    }

    /// Converts an error of the client; names the socket if there is no store.
    pub(crate) fn store(config: &Config, error: &StoreError) -> Failure {
        let socket = config.socket();
        let exit = match error {
            StoreError::NoStore(error) => Exit::of_io(error, Exit::TimedOut),
            StoreError::TimedOut => Exit::TimedOut,
            StoreError::HungUp => Exit::Crashed,
            StoreError::Foreign { .. } => Exit::Permission,
            StoreError::Refused(refused) => match refused.code {
                Code::NoTable | Code::Name => Exit::Usage,
                Code::Denied => Exit::Permission,
                Code::Segment => Exit::Malformed,
                Code::Host => Exit::Other,
                _ => Exit::Refused,
            },
            StoreError::Protocol(_)
            | StoreError::Region(_)
            | StoreError::Schema(_)
            | StoreError::Rows
            | StoreError::Message { .. } => Exit::Malformed,
            _ => Exit::Other,
        };
        let failure = match error {
            StoreError::NoStore(error) => {
                Failure::new(exit, format!("no store at {}: {error}", socket.display()))
                    .advise("start one with `bowstring serve`, or name its socket with --socket PATH")
            }
            error => Failure::new(exit, error.to_string()),
        };
        let advice = match error {
            StoreError::Refused(refused) => match refused.code {
                Code::NoTable => Some("`bowstring ls` lists the tables"),
                Code::Version => Some("`bowstring ls` tells the version that is there"),
                Code::Limit => Some("start the store with a larger limit"),
                Code::Source => Some("change the file: the store reads it again when it is replaced"),
                Code::Schema => Some("append rows of the same columns, or put the table anew"),
                _ => None,
            },
            _ => None,
        };
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        let exit = match error.kind {
            Kind::Usage => Exit::Usage,
            Kind::Malformed => Exit::Malformed,
            Kind::Permission => Exit::Permission,
            _ => Exit::Other,
        };
        Failure { exit: exit as u8, what: error.what, advice: error.advice }
    }
}

impl From<AdbcError> for Failure {
    fn from(error: AdbcError) -> Failure {
        let exit = match &error {
            AdbcError::NoTable { .. } | AdbcError::NoDriver { .. } => Exit::Usage,
            AdbcError::Locked { .. } => Exit::Refused,
            _ => Exit::Other,
        };
        Failure { exit: exit as u8, what: error.to_string(), advice: error.advice() }
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Failure {
        Failure { exit: error.exit, what: error.what, advice: error.advice }
    }
}
