//! Errors that end the program: a message, an exit code, and what to do next.

use std::fmt;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::time::Duration;

use bowstring::codec::decode::ReadError;
use bowstring::codec::interop::ImportError;
use bowstring::names::{Address, AddressError};
use bowstring::transport::{HandshakeError, RefusalCode};
use bowstring::{ReceiveError, SetUpError};
use bowstring_cli::args::Format;
use bowstring_cli::exit::Exit;
pub(crate) use bowstring_cli::failure::STDOUT;
use bowstring_cli::signals::Signal;
use bowstring_cli::text;

use crate::output::PART;
use crate::plan::Endpoint;

/// An error that ends the program.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Invalid command line.
    Usage { what: String, advice: &'static str },
    /// The table has no such column.
    NoColumn { name: String, there: Vec<String> },
    /// The format has no place for a type.
    Unsupported { column: String, data_type: String, format: Format, why: &'static str },
    /// There is no sender.
    NoSender { endpoint: Endpoint, error: Box<AddressError>, waited: Option<Duration> },
    /// The name cannot be used, or its directory is not safe.
    Address(AddressError),
    /// There is a sender, but the handshake failed.
    Connector { endpoint: Endpoint, error: Box<HandshakeError> },
    /// The sender's greeting does not describe a table.
    SetUp { endpoint: Endpoint, error: Box<SetUpError> },
    /// The table did not come to its end.
    Receive(Box<ReceiveError>),
    /// The sender had sent rows before this receiver came, and a file was to be written.
    Late { rows: u64, batches: u64 },
    /// The columns could not be taken out of a batch.
    Choice(String),
    /// A signal came before there was a sender.
    Interrupted(Signal),
    /// The output could not be written to.
    Output { name: String, error: io::Error },
    /// A recording that never came to its end is in the way.
    Left { part: PathBuf },
    /// The writer of a format would not take the data.
    Format { name: String, why: String },
    /// A dictionary was replaced, which an Arrow file cannot express.
    ReplacedDictionary,
    /// A row stands for far more bytes than the whole batch has.
    Unfolds { row: usize, most: u64 },
    /// Data was copied and should not have been.
    Copied { columns: Vec<String>, why: &'static str, advice: &'static str },
    /// The host would not do something.
    Host { what: &'static str, error: io::Error },
}

impl Failure {
    /// Returns true if it is only that nobody reads the output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Output { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the exit code.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Failure::Interrupted(signal) => signal.exit(),
            failure => failure.kind() as u8,
        }
    }

    /// Creates the error of a greeting without a table.
    pub(crate) fn greeting(endpoint: &Endpoint, error: ReadError) -> Failure {
        Failure::SetUp { endpoint: endpoint.clone(), error: Box::new(SetUpError::Greeting(error)) }
    }

    fn kind(&self) -> Exit {
        match self {
            Failure::Usage { .. } | Failure::NoColumn { .. } => Exit::Usage,
            Failure::SetUp { error, .. } => of_set_up(error),
            Failure::Receive(error) => of_receiving(error),
            Failure::NoSender { endpoint, .. } if is_no_socket(endpoint) => Exit::Usage,
            Failure::NoSender { error, .. } => match error.as_ref() {
                AddressError::Meet(error) => of_meeting(error),
                _ => Exit::TimedOut,
            },
            Failure::Address(_) => Exit::Permission,
            Failure::Connector { error, .. } => of_meeting(error),
            Failure::Output { error, .. } => Exit::of_io(error, Exit::Output),
            Failure::Unsupported { .. }
            | Failure::Format { .. }
            | Failure::Left { .. }
            | Failure::ReplacedDictionary => Exit::Output,
            Failure::Late { .. } => Exit::Incomplete,
            Failure::Unfolds { .. } => Exit::Malformed,
            Failure::Copied { .. } | Failure::Host { .. } | Failure::Choice(_) | Failure::Interrupted(_) => {
                Exit::Other
            }
        }
    }

    /// Advice on what to do next, if there is some.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Failure::Usage { advice, .. } => Some((*advice).to_owned()),
            Failure::NoColumn { there, .. } => Some(format!("the columns are {}", there.join(", "))),
            Failure::Unsupported { column, format, .. } => {
                let others = match format {
                    Format::Csv => "--json or a .parquet or .arrow file",
                    Format::Jsonl | Format::Parquet | Format::Arrow | Format::Arrows => "an .arrow file",
                };
                let top = column.split('.').next().unwrap_or(column);
                Some(format!("write {others} instead, or leave {top:?} out with --columns"))
            }
            Failure::NoSender { endpoint, .. } if is_no_socket(endpoint) => Some(
                "name the sender's socket with --socket PATH; files are read by `sender FILE`".to_owned(),
            ),
            Failure::NoSender { waited: None, .. } => Some(
                "start a sender, or wait for one with --wait SECONDS; `receiver ls` lists those that run"
                    .to_owned(),
            ),
            Failure::NoSender { .. } => Some("start a sender; `receiver ls` lists those that run".to_owned()),
            Failure::Address(_) => {
                Some("put it right, or use a socket elsewhere with --socket PATH".to_owned())
            }
            Failure::Connector { error, .. } => meeting_advice(error).map(str::to_owned),
            Failure::Output { name, error } => output_advice(name, error).map(str::to_owned),
            Failure::Left { part } => {
                Some(format!("send what it has with `sender --replay {}`, or move it away", part.display()))
            }
            Failure::ReplacedDictionary => Some("write an .arrows stream instead".to_owned()),
            Failure::SetUp { error, .. } => match error.as_ref() {
                SetUpError::Meet(error) => meeting_advice(error).map(str::to_owned),
                SetUpError::Greeting(_) => {
                    Some("is it a bowstring `sender`, and not another program of the transport?".to_owned())
                }
                _ => None,
            },
            Failure::Receive(error) => receiving_advice(error).map(str::to_owned),
            Failure::Late { .. } => Some(
                "start the receiver before the sender sends, or write what comes from now on with --from-now"
                    .to_owned(),
            ),
            Failure::Unfolds { .. } => {
                Some("write an .arrow or .arrows file, which keeps it folded, or use --count".to_owned())
            }
            Failure::Copied { advice, .. } => Some((*advice).to_owned()),
            Failure::Format { .. } | Failure::Host { .. } | Failure::Choice(_) | Failure::Interrupted(_) => {
                None
            }
        }
    }
}

/// Returns true if something lies there that nobody can listen on.
pub(crate) fn is_no_socket(endpoint: &Endpoint) -> bool {
    let Endpoint::At(Address::Path(path)) = endpoint else { return false };
    std::fs::metadata(path).is_ok_and(|there| !there.file_type().is_socket())
}

fn of_set_up(error: &SetUpError) -> Exit {
    match error {
        SetUpError::Meet(error) => of_meeting(error),
        SetUpError::Greeting(_) | SetUpError::Layout(_) => Exit::Malformed,
        _ => Exit::Other,
    }
}

fn of_receiving(error: &ReceiveError) -> Exit {
    match error {
        ReceiveError::Crashed | ReceiveError::BrokenOff { .. } | ReceiveError::CutOff => Exit::Crashed,
        ReceiveError::TimedOut => Exit::TimedOut,
        ReceiveError::Missed { .. } => Exit::Malformed,
        ReceiveError::Import { error: ImportError::Misaligned { .. }, .. } => Exit::Other,
        ReceiveError::Malformed { .. }
        | ReceiveError::Import { .. }
        | ReceiveError::UnknownTag { .. }
        | ReceiveError::Protocol(_) => Exit::Malformed,
        _ => Exit::Other,
    }
}

fn receiving_advice(error: &ReceiveError) -> Option<&'static str> {
    Some(match error {
        ReceiveError::Crashed => "look at what the sender said; what it had sent was delivered",
        ReceiveError::CutOff => "take less time for each batch, or start the sender with --on-slow block",
        ReceiveError::TimedOut => {
            "look whether the sender still works, or give it longer with --idle SECONDS"
        }
        ReceiveError::Import { error: ImportError::Misaligned { .. }, .. } => {
            "leave --require-zero-copy out, or align buffers to 16 bytes and more on the sender's side"
        }
        ReceiveError::Malformed { .. } | ReceiveError::UnknownTag { .. } | ReceiveError::Protocol(_) => {
            "the sender is at fault: report it to its author"
        }
        _ => return None,
    })
}

fn output_advice(name: &str, error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded if name == STDOUT => {
            "free some space, or write elsewhere"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded if name.ends_with(PART) => {
            "free some space, or record elsewhere; what was recorded until then is there"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or write elsewhere; no part of the file was kept"
        }
        io::ErrorKind::NotFound => "create the directory, or write elsewhere",
        _ => return None,
    })
}

fn of_meeting(error: &HandshakeError) -> Exit {
    match error {
        HandshakeError::Os(error) => match io::Error::from(*error).kind() {
            io::ErrorKind::PermissionDenied => Exit::Permission,
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock => {
                Exit::TimedOut
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => Exit::Usage,
            _ => Exit::Other,
        },
        HandshakeError::Refused(refusal) if refusal.code == RefusalCode::Denied => Exit::Permission,
        HandshakeError::Denied { .. } => Exit::Permission,
        HandshakeError::Refused(_) | HandshakeError::Declined(_) => Exit::Refused,
        HandshakeError::Wire(_) | HandshakeError::Region(..) => Exit::Malformed,
        HandshakeError::HungUp => Exit::Crashed,
        HandshakeError::TimedOut(_) => Exit::TimedOut,
        HandshakeError::WrongSocket | HandshakeError::NotASocket => Exit::Usage,
        _ => Exit::Other,
    }
}

fn meeting_advice(error: &HandshakeError) -> Option<&'static str> {
    Some(match error {
        HandshakeError::Os(error) if io::Error::from(*error).kind() == io::ErrorKind::PermissionDenied => {
            "the sender is another user's: it must be started with --allow-user USER, in a directory that you can enter"
        }
        HandshakeError::Denied { is_mapped: false, .. } => {
            "map users into the namespace, as `unshare --map-current-user` does"
        }
        HandshakeError::Denied { .. } => {
            "sender and receiver must run as the same user, unless --allow-user USER names the sender's"
        }
        HandshakeError::Refused(refusal) => match refusal.code {
            RefusalCode::Version => "the two programs are of different versions: update the older one",
            RefusalCode::NoDelivery => "leave --delivery out, or offer that delivery on the sender's side",
            RefusalCode::Full => "the sender serves as many receivers as it can: try again later",
            RefusalCode::Denied => {
                "sender and receiver must run as the same user, unless the sender is started with --allow-user USER"
            }
            RefusalCode::NoSender => "what listens there receives itself: connect the two to the same sender",
            _ => return None,
        },
        HandshakeError::TimedOut(_) => {
            "is it a sender that listens there? It may also be busy, or stopped in a debugger"
        }
        HandshakeError::HungUp => "the sender went away while it was greeted; look at what it said",
        HandshakeError::WrongSocket => "the descriptor must be a connected Unix socket of sequenced packets",
        _ => return None,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage { what, .. } => f.write_str(what),
            Failure::NoColumn { name, .. } => write!(f, "the table has no column {name:?}"),
            Failure::Unsupported { column, data_type, format, why } => {
                write!(
                    f,
                    "column {column:?} is of type {data_type}, which {} cannot hold: {why}",
                    name(*format)
                )
            }
            Failure::NoSender { endpoint, .. } if is_no_socket(endpoint) => {
                write!(f, "{endpoint} is no socket")
            }
            Failure::NoSender { endpoint, waited: None, error } if error.nobody_listens() => {
                write!(f, "nobody sends {endpoint}")
            }
            Failure::NoSender { endpoint, waited: None, error } => {
                write!(f, "no sender at {endpoint}: {error}")
            }
            Failure::Address(error) => error.fmt(f),
            Failure::NoSender { endpoint, waited: Some(waited), .. } => {
                write!(f, "no sender came to {endpoint} within {} s", waited.as_secs_f64())
            }
            Failure::Connector { endpoint, error } => write!(f, "at {endpoint}: {error}"),
            Failure::SetUp { endpoint, error } => write!(f, "at {endpoint}: {error}"),
            Failure::Receive(error) => error.fmt(f),
            Failure::Late { rows, batches } => write!(
                f,
                "the beginning is missing: {} in {} were sent before this receiver came",
                text::count(*rows, "row", "rows"),
                text::count(*batches, "batch", "batches")
            ),
            Failure::Choice(why) => f.write_str(why),
            Failure::Interrupted(_) => f.write_str("interrupted while waiting for a sender"),
            Failure::Output { name, error } => write!(f, "cannot write {name}: {error}"),
            Failure::Left { part } => {
                write!(f, "{} is there: a recorder was killed, or still records", part.display())
            }
            Failure::Format { name, why } => write!(f, "cannot write {name}: {why}"),
            Failure::ReplacedDictionary => {
                f.write_str("a dictionary was replaced midway, which an .arrow file cannot express")
            }
            Failure::Unfolds { row, most } => write!(
                f,
                "row {row} of a batch names the same bytes again and again: unfolded, it has more than {}",
                text::bytes(*most)
            ),
            Failure::Copied { columns, why, .. } => write!(f, "{why}: {}", columns.join(", ")),
            Failure::Host { what, error } => write!(f, "{what}: {}", text::io_error(error)),
        }
    }
}

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Failure {
        Failure::Receive(Box::new(error))
    }
}

/// Returns the format's name, as in a sentence.
fn name(format: Format) -> &'static str {
    match format {
        Format::Arrow => "an Arrow file",
        Format::Arrows => "an Arrow stream",
        Format::Parquet => "Parquet",
        Format::Csv => "CSV",
        Format::Jsonl => "JSON",
    }
}
