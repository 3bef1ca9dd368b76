//! Errors of the two ends of a table, and whose fault they are.

use std::ffi::{OsStr, OsString};
use std::fmt;

use bowstring_codec::decode::{ReadError, SchemaFault};
use bowstring_codec::interop::ImportError;
use bowstring_codec::{BuildError, EncodeError, LayoutError};
use bowstring_transport::names::AddressError;
use bowstring_transport::{
    BreakOff, CommitFault, End, HandshakeError, LoanError, OsError, RecvError, SenderFault, Unfinished,
};

use crate::SchemaMismatch;

/// An end of a table that could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetUpError {
    /// The name or path cannot be listened at or connected to.
    Address {
        /// The name or path, as given.
        address: OsString,
        /// The reason.
        error: Box<AddressError>,
    },
    /// No message can be laid out for the schema.
    Layout(LayoutError),
    /// The handshake failed, or the host lacks what a side needs.
    Meet(HandshakeError),
    /// The sender's greeting does not begin with a schema message.
    Greeting(ReadError),
    /// The sender that took the place of another has other columns.
    Schema(SchemaMismatch),
    /// The table lacks a column that was chosen: `name`, while it has those of `there`.
    #[allow(missing_docs, reason = "see above")]
    NoColumn { name: String, there: Vec<String> },
    /// A system call failed.
    Host(OsError),
    /// Waiting was interrupted.
    Interrupted,
    /// The dictionaries in force could not be sent to a newcomer.
    Dictionary(SendError),
}

/// Reasons why a batch was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The batch, or a dictionary of it, does not fit the schema.
    Encode(EncodeError),
    /// The columns built in place do not make a batch.
    Build(BuildError),
    /// There is no receiver; carries how the last one ended, if there was one.
    NoReceiver(Option<End>),
    /// One row, or one dictionary, takes more than a message may.
    TooLarge {
        /// The row of the batch; `None` if it is a dictionary or was built in place.
        row: Option<usize>,
        /// Bytes it takes.
        len: usize,
        /// Bytes a message may have.
        most: usize,
    },
    /// The receivers did not make room in time. Nothing was sent.
    TimedOut,
    /// The batch is sent, and some receiver still lacks it: see [`Sender::resume`](crate::Sender::resume).
    Unfinished(Unfinished),
    /// A batch that takes several messages is sent in part, and the sender keeps the rest: see
    /// [`Sender::resume`](crate::Sender::resume).
    Partly {
        /// Rows that are not sent yet.
        rows: usize,
        /// The error of the host that stopped it; `None` if the receivers made no room in time.
        host: Option<OsError>,
    },
    /// Waiting for room was interrupted.
    Interrupted,
    /// A system call failed.
    Host(OsError),
    /// An impossible state: a bug of this crate, or two crates of different versions.
    Internal(&'static str),
}

/// Reasons why no batch was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The sender died before the table's end, or gave up on it. Everything it had committed has been received.
    Crashed,
    /// The sender broke off before the table's end, and said so. Everything it had committed has been received.
    BrokenOff {
        /// The way in which it broke off.
        how: BreakOff,
        /// The reason in the sender's own words, possibly empty: escape them before printing to a terminal.
        reason: String,
    },
    /// The sender found this receiver too slow and cut it off.
    CutOff,
    /// The sender skipped this receiver without having announced that it may. Later batches can still be received.
    Missed {
        /// Batches that were skipped since the last one.
        batches: u64,
    },
    /// Nothing came in time. Later batches can still be received.
    TimedOut,
    /// A message is malformed: the sender's fault.
    Malformed {
        /// The number of the message.
        message: u64,
        /// The fault and its position.
        error: ReadError,
    },
    /// A message is valid but does not become Arrow arrays.
    Import {
        /// The number of the message.
        message: u64,
        /// The reason.
        error: ImportError,
    },
    /// A message is neither a dictionary nor a batch: the sender's fault.
    UnknownTag {
        /// The number of the message.
        message: u64,
        /// Its tag.
        tag: u32,
    },
    /// The sender violated the transport's protocol.
    Protocol(SenderFault),
    /// The async runtime cannot watch the channel.
    Runtime(std::io::ErrorKind),
    /// A system call failed.
    Host(OsError),
    /// An impossible state: a bug of this crate, or two crates of different versions.
    Internal(&'static str),
}

impl SetUpError {
    pub(crate) fn address(address: &OsStr, error: AddressError) -> SetUpError {
        SetUpError::Address { address: address.to_owned(), error: Box::new(error) }
    }

    /// Returns true if the sender uses the other byte order.
    #[must_use]
    pub fn is_foreign_endianness(&self) -> bool {
        matches!(self, Self::Greeting(ReadError::Schema { fault: SchemaFault::ForeignEndianness, .. }))
    }
}

impl ReceiveError {
    pub(crate) fn malformed(message: u64) -> impl FnOnce(ReadError) -> Self {
        move |error| Self::Malformed { message, error }
    }

    pub(crate) fn import(message: u64) -> impl FnOnce(ImportError) -> Self {
        move |error| match error {
            ImportError::Read(error) => Self::Malformed { message, error },
            error => Self::Import { message, error },
        }
    }
}

impl From<LayoutError> for SetUpError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

impl From<HandshakeError> for SetUpError {
    fn from(error: HandshakeError) -> Self {
        Self::Meet(error)
    }
}

impl From<OsError> for SetUpError {
    fn from(error: OsError) -> Self {
        Self::Host(error)
    }
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<BuildError> for SendError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<LoanError> for SendError {
    fn from(error: LoanError) -> Self {
        match error {
            LoanError::NoReceiver(end) => Self::NoReceiver(end),
            LoanError::TooLong { len, most } => Self::TooLarge { row: None, len, most },
            LoanError::Os(error) => Self::Host(error),
            LoanError::Full | LoanError::TimedOut => Self::TimedOut,
            _ => Self::Internal("an unknown error of the transport while waiting for room"),
        }
    }
}

impl From<CommitFault> for SendError {
    fn from(fault: CommitFault) -> Self {
        match fault {
            CommitFault::TooLong { used, len } => Self::TooLarge { row: None, len: used, most: len },
            CommitFault::Os(error) => Self::Host(error),
            CommitFault::Unfinished(unfinished) => Self::Unfinished(unfinished),
            _ => Self::Internal("an unknown error of the transport while sending"),
        }
    }
}

impl ReceiveError {
    /// Converts an error of the transport; `None` for a clean close, which is the end of the table.
    pub(crate) fn from_transport(error: RecvError, reason: impl FnOnce() -> String) -> Option<Self> {
        Some(match error {
            RecvError::Closed => return None,
            RecvError::CutOff => Self::CutOff,
            RecvError::BrokenOff(how) => Self::BrokenOff { how, reason: reason() },
            RecvError::TimedOut => Self::TimedOut,
            RecvError::Fault(fault) => Self::Protocol(fault),
            RecvError::Os(error) => Self::Host(error),
            RecvError::Crashed => Self::Crashed,
            _ => Self::Internal("an unknown error of the transport while receiving"),
        })
    }
}

impl fmt::Display for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, error } if error.nobody_listens() => {
                write!(
                    f,
                    "nobody sends as {:?}: {error}; start the sender first, or wait for it",
                    address.display()
                )
            }
            Self::Address { address, error } => write!(f, "{:?}: {error}", address.display()),
            Self::Layout(error) => error.fmt(f),
            Self::Meet(error) => error.fmt(f),
            Self::Schema(mismatch) => write!(f, "the new sender's table differs: {mismatch}"),
            Self::NoColumn { name, there } => write!(f, "no column {name:?} among {}", there.join(", ")),
            Self::Greeting(error) => write!(f, "the sender's greeting is not an Arrow schema: {error}"),
            Self::Host(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Dictionary(error) => write!(f, "a newcomer could not be sent the dictionaries: {error}"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::NoReceiver(None) => f.write_str("no receiver has connected yet"),
            Self::NoReceiver(Some(end)) => write!(f, "no receiver is left: the last one {end}"),
            Self::TooLarge { row: Some(row), len, most } => {
                write!(f, "row {row} alone takes {len} bytes, and a message has room for {most}")
            }
            Self::TooLarge { row: None, len, most } => {
                write!(f, "a message of {len} bytes, where there is room for {most}")
            }
            Self::TimedOut => f.write_str("the receivers made no room in time"),
            Self::Unfinished(unfinished) => unfinished.fmt(f),
            Self::Partly { rows, host: None } => {
                write!(f, "the receivers made no room in time for the last {rows} rows of a batch")
            }
            Self::Partly { rows, host: Some(error) } => {
                write!(f, "the last {rows} rows of a batch were not sent: {error}")
            }
            Self::Interrupted => f.write_str("interrupted"),
            Self::Host(error) => error.fmt(f),
            Self::Internal(what) => write!(f, "a defect of Bowstring: {what}"),
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crashed => f.write_str("the sender died, or broke off, before the end of the table"),
            Self::BrokenOff { how, reason } if reason.is_empty() => {
                write!(f, "the sender broke off before the end of the table: it {how}")
            }
            Self::BrokenOff { how, reason } => {
                write!(f, "the sender broke off before the end of the table: it {how} ({reason:?})")
            }
            Self::CutOff => f.write_str("the sender cut this receiver off for being slow"),
            Self::Missed { batches } => {
                write!(f, "the sender left out {batches} batches, which it had not said it might do")
            }
            Self::TimedOut => f.write_str("nothing came in time"),
            Self::Malformed { message, error } => write!(f, "message {message} is malformed: {error}"),
            Self::Import { message, error } => write!(f, "message {message}: {error}"),
            Self::UnknownTag { message, tag } => {
                write!(f, "message {message} has tag {tag}, which is neither a dictionary's nor a batch's")
            }
            Self::Protocol(fault) => write!(f, "the sender broke the protocol: {fault}"),
            Self::Runtime(kind) => write!(f, "the async runtime cannot watch the channel: {kind}"),
            Self::Host(error) => error.fmt(f),
            Self::Internal(what) => write!(f, "a defect of Bowstring: {what}"),
        }
    }
}

impl std::error::Error for SetUpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address { error, .. } => Some(&**error),
            Self::Layout(error) => Some(error),
            Self::Meet(error) => Some(error),
            Self::Greeting(error) => Some(error),
            Self::Schema(mismatch) => Some(mismatch),
            Self::Host(error) => Some(error),
            Self::Dictionary(error) => Some(error),
            Self::NoColumn { .. } | Self::Interrupted => None,
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Build(error) => Some(error),
            Self::Host(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed { error, .. } => Some(error),
            Self::Import { error, .. } => Some(error),
            Self::Protocol(fault) => Some(fault),
            Self::Host(error) => Some(error),
            _ => None,
        }
    }
}
