//! Errors that end the program, made of those of the layers below.

use bowstring_adbc::AdbcError;
use bowstring_cli::exit::Exit;
pub(crate) use bowstring_cli::failure::{Failure, STDOUT};
use bowstring_store::{Code, StoreError};

use crate::config::Config;

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

/// Converts an error of a database.
pub(crate) fn database(error: &AdbcError) -> Failure {
    let exit = match error {
        AdbcError::NoTable { .. } | AdbcError::NoDriver { .. } => Exit::Usage,
        AdbcError::Locked { .. } => Exit::Refused,
        _ => Exit::Other,
    };
    Failure { advice: error.advice(), ..Failure::new(exit, error.to_string()) }
}
