//! Errors that end the program, made of those of the layers below.

use bowstring::names::AddressError;
use bowstring::transport::{End, HandshakeError, OsError, Unfinished};
use bowstring::{SendError, SetUpError};
pub(crate) use bowstring_cli::exit::Exit;
pub(crate) use bowstring_cli::failure::Failure;

use crate::plan::Endpoint;

/// Converts the result of setting up an endpoint.
pub(crate) fn set_up(endpoint: &Endpoint, error: &SetUpError) -> Failure {
    match error {
        SetUpError::Layout(error) => {
            Failure::new(Exit::Malformed, format!("the table cannot be sent: {error}"))
        }
        SetUpError::Meet(error) => meeting(endpoint, error),
        SetUpError::Host(error) => Failure::new(of_os(*error), error.to_string()),
        other => Failure::new(Exit::Other, other.to_string()),
    }
}

/// Returns the failure for an address that cannot be listened at, or whose sender cannot be looked at.
pub(crate) fn address(endpoint: &Endpoint, error: &AddressError) -> Failure {
    match error {
        AddressError::Meet(error) => meeting(endpoint, error),
        error if error.nobody_listens() => Failure::usage(format!("{endpoint}: nobody listens there")),
        error => Failure::new(Exit::Permission, error.to_string())
            .advise("put it right, or choose a socket elsewhere with --socket PATH"),
    }
}

fn meeting(endpoint: &Endpoint, error: &HandshakeError) -> Failure {
    let failure = |exit| Failure::new(exit, format!("{endpoint}: {error}"));
    match error {
        HandshakeError::TimedOut(_) => {
            Failure::new(Exit::TimedOut, format!("no receiver came to {endpoint} in time"))
                .advise("start `receiver`, with the same name or --socket if one was given")
        }
        HandshakeError::InUse => {
            Failure::new(Exit::Other, format!("{endpoint} is taken: another sender waits there"))
                .advise("choose a name with --name NAME, and give it to the receiver too: `receiver NAME`")
        }
        HandshakeError::NotASocket => failure(Exit::Usage).advise("choose another path with --socket PATH"),
        HandshakeError::Os(error) if error.raw_os_error() == 2 => {
            Failure::new(Exit::Usage, format!("{endpoint}: there is no such directory"))
                .advise("create it, or choose another path with --socket PATH")
        }
        HandshakeError::Os(error) => match of_os(*error) {
            Exit::Permission => {
                failure(Exit::Permission).advise("choose a directory of yours with --socket PATH")
            }
            exit => failure(exit),
        },
        HandshakeError::Denied { is_mapped: false, .. } => failure(Exit::Permission)
            .advise("map users into the namespace, as `unshare --map-current-user` does"),
        HandshakeError::Denied { .. } => failure(Exit::Permission),
        HandshakeError::Refused(_)
        | HandshakeError::Declined(_)
        | HandshakeError::Wire(_)
        | HandshakeError::Region(..) => failure(Exit::Refused),
        HandshakeError::HungUp => failure(Exit::Crashed),
        HandshakeError::Geometry(_) => {
            failure(Exit::Usage).advise("--slot must be a multiple of 64 bytes, and --pool of --slot")
        }
        _ => failure(Exit::Other),
    }
}

/// Returns the failure for a table that was not sent to its end, or `None` if receivers want no more.
pub(crate) fn sending(error: &SendError) -> Option<Failure> {
    let failure = |exit| Failure::new(exit, error.to_string());
    Some(match error {
        SendError::Interrupted | SendError::NoReceiver(Some(End::Closed)) => return None,
        SendError::NoReceiver(_) => failure(Exit::Crashed),
        SendError::TooLarge { .. } => failure(Exit::Other).advise("make the pool larger with --pool"),
        SendError::TimedOut => failure(Exit::TimedOut),
        SendError::Unfinished(Unfinished { host, .. }) | SendError::Partly { host, .. } => {
            failure(host.map_or(Exit::TimedOut, of_os))
        }
        SendError::Host(error) => Failure::new(of_os(*error), error.to_string()),
        _ => failure(Exit::Other),
    })
}

fn of_os(error: OsError) -> Exit {
    Exit::of_io(&error.into(), Exit::Other)
}
