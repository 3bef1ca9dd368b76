//! Errors of a client.

use std::fmt;
use std::io;

use bowstring_codec::decode::ReadError;
use bowstring_codec::interop::ImportError;
use bowstring_transport::RegionFault;

use crate::segment::MakeError;
use crate::wire::message::{Code, Metadata};
use crate::wire::{MAX_METADATA, WireFault};

/// A store's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The kind of reason.
    pub code: Code,
    /// The reason, for people.
    pub text: String,
}

impl Refused {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Refused {
        Refused { code, text: text.into() }
    }

    /// Refuses a request that is over one of the store's limits.
    pub(crate) fn limit(what: &str, most: u64) -> Refused {
        Refused::new(Code::Limit, format!("over the limit {what} = {most}"))
    }

    /// Refuses keys and values that are too long together. Clients check this too: a store that is sent more hangs up.
    pub(crate) fn check_metadata(metadata: &Metadata) -> Result<(), Refused> {
        let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_METADATA { Err(Refused::limit("metadata bytes", MAX_METADATA as u64)) } else { Ok(()) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refused {}

/// Errors of connecting to a store and of its requests.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Nobody listens there.
    NoStore(io::Error),
    /// The store refused. Its catalogue is unchanged.
    Refused(Refused),
    /// The store belongs to another user.
    Foreign {
        /// The user.
        uid: u32,
        /// False if that number may stand for any user that this process's user namespace does not map.
        is_mapped: bool,
    },
    /// The store broke the protocol.
    Protocol(WireFault),
    /// A descriptor that the store sent is not a frozen file, or is too short.
    Region(RegionFault),
    /// The store sent a schema that is malformed.
    Schema(ReadError),
    /// A message in a segment is malformed, which is the fault of its producer.
    Message {
        /// The index of the segment.
        segment: usize,
        /// The byte at which the message begins.
        at: usize,
        /// The fault.
        error: ImportError,
    },
    /// A segment has a different number of rows than stated.
    Rows,
    /// The table has no column at a place that was named.
    NoColumn,
    /// The store hung up. A requested change may have been made or not.
    HungUp,
    /// The store did not reply in time. A requested change may have been made or not.
    TimedOut,
    /// Rows could not be converted to a segment.
    Make(MakeError),
    /// The connection is unusable, after an earlier error or because it follows a table.
    Spent,
    /// A system call failed.
    Io(io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStore(error) => write!(f, "no store: {error}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Foreign { uid, is_mapped: true } => write!(f, "the store belongs to user {uid}"),
            Self::Foreign { is_mapped: false, .. } => {
                f.write_str("the store's user is not known: this user namespace does not map it")
            }
            Self::Protocol(fault) => write!(f, "the store sent {fault}"),
            Self::Region(fault) => write!(f, "a segment: {fault}"),
            Self::Schema(error) => write!(f, "the schema: {error}"),
            Self::Message { segment, at, error } => {
                write!(f, "segment {segment}, message at byte {at}: {error}")
            }
            Self::NoColumn => f.write_str("the table has no such column"),
            Self::Rows => f.write_str("a segment has other rows than the store said"),
            Self::HungUp => f.write_str("the store hung up"),
            Self::TimedOut => f.write_str("the store did not answer in time"),
            Self::Make(error) => error.fmt(f),
            Self::Spent => f.write_str("the connection was used up by an earlier error, or follows a table"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<WireFault> for StoreError {
    fn from(fault: WireFault) -> Self {
        Self::Protocol(fault)
    }
}

impl From<MakeError> for StoreError {
    fn from(error: MakeError) -> Self {
        Self::Make(error)
    }
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<RegionFault> for StoreError {
    fn from(fault: RegionFault) -> Self {
        Self::Region(fault)
    }
}
