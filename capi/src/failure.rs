//! Failures of the tables layer, and their codes.

use std::fmt;

use bowstring_capi_bytes::error::{self as code, Failure, Reported, end_code, handshake_code};
use bowstring_query::{ConditionError, QueryError};
use bowstring_store::{Code, StoreError};
use bowstring_table::c_data::CDataError;
use bowstring_table::{ReceiveError, SendError, SetUpError};

/// A failure, before it is put into words.
pub enum TableFailure {
    /// As the bytes layer fails.
    Bytes(Failure),
    /// A table was not set up.
    SetUp(SetUpError),
    /// A batch was not sent.
    Send(SendError),
    /// No batch was received.
    Receive(ReceiveError),
    /// A schema of the caller's was refused.
    Schema(CDataError),
    /// A batch of the caller's was refused.
    Data(CDataError),
    /// A stream of the caller's failed, in its own words.
    Stream(String),
    /// A store was not there, refused, or broke the protocol.
    Store(StoreError),
    /// The columns or the condition do not fit the table.
    Choice(ConditionError),
}

impl Reported for TableFailure {
    fn code(&self) -> i32 {
        match self {
            Self::Bytes(failure) => failure.code(),
            Self::SetUp(SetUpError::Layout(_) | SetUpError::Schema(_)) | Self::Schema(_) => {
                code::BOWSTRING_SCHEMA
            }
            Self::SetUp(SetUpError::Meet(e)) => handshake_code(e),
            Self::SetUp(SetUpError::Greeting(_)) => code::BOWSTRING_PROTOCOL,
            Self::SetUp(SetUpError::Host(_)) => code::BOWSTRING_OS,
            Self::SetUp(SetUpError::Interrupted) | Self::Send(SendError::Interrupted) => {
                code::BOWSTRING_INTERRUPTED
            }
            Self::Send(SendError::NoReceiver(_)) => code::BOWSTRING_NO_RECEIVER,
            Self::Send(SendError::TooLarge { .. }) => code::BOWSTRING_TOO_LONG,
            Self::Send(SendError::TimedOut) | Self::Receive(ReceiveError::TimedOut) => {
                code::BOWSTRING_TIMED_OUT
            }
            Self::Send(SendError::Unfinished(_) | SendError::Partly { .. }) => code::BOWSTRING_UNFINISHED,
            Self::Send(SendError::Host(_)) | Self::Receive(ReceiveError::Host(_)) => code::BOWSTRING_OS,
            Self::Receive(ReceiveError::Crashed | ReceiveError::BrokenOff { .. }) => code::BOWSTRING_CRASHED,
            Self::Receive(ReceiveError::CutOff) => code::BOWSTRING_CUT_OFF,
            Self::Receive(_) => code::BOWSTRING_PROTOCOL,
            Self::Store(e) => store_code(e),
            Self::Choice(_) => code::BOWSTRING_CHOICE,
            _ => code::BOWSTRING_DATA,
        }
    }

    fn os_error(&self) -> i32 {
        match self {
            Self::Bytes(failure) => failure.os_error(),
            Self::SetUp(SetUpError::Host(e))
            | Self::Send(SendError::Host(e))
            | Self::Receive(ReceiveError::Host(e)) => e.raw_os_error(),
            Self::Store(StoreError::Io(e) | StoreError::NoStore(e)) => e.raw_os_error().unwrap_or(0),
            _ => 0,
        }
    }

    fn fault(&self) -> u32 {
        match self {
            Self::Bytes(failure) => failure.fault(),
            Self::SetUp(SetUpError::Meet(e)) => Failure::Meet(*e).fault(),
            Self::Send(SendError::Encode(_) | SendError::Build(_)) | Self::Data(_) => {
                code::BOWSTRING_FAULT_OURS
            }
            other => code::fault_of(other.code()),
        }
    }

    fn position(&self) -> u32 {
        match self {
            // A condition has 64 KiB at most.
            Self::Choice(ConditionError { at: Some(at), .. }) => u32::try_from(*at + 1).unwrap_or(0),
            _ => 0,
        }
    }
}

impl fmt::Display for TableFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(failure) => failure.fmt(f),
            Self::SetUp(e) => e.fmt(f),
            Self::Send(e) => e.fmt(f),
            Self::Receive(e) => e.fmt(f),
            Self::Schema(e) => write!(f, "the ArrowSchema cannot be used: {e}"),
            Self::Data(e) => write!(f, "the ArrowArray cannot be used: {e}"),
            Self::Stream(e) => write!(f, "the ArrowArrayStream failed: {e}"),
            Self::Store(e) => e.fmt(f),
            Self::Choice(e) => e.fmt(f),
        }
    }
}

impl From<Failure> for TableFailure {
    fn from(failure: Failure) -> Self {
        Self::Bytes(failure)
    }
}

impl From<SetUpError> for TableFailure {
    fn from(error: SetUpError) -> Self {
        Self::SetUp(error)
    }
}

impl From<SendError> for TableFailure {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<ReceiveError> for TableFailure {
    fn from(error: ReceiveError) -> Self {
        Self::Receive(error)
    }
}

impl From<StoreError> for TableFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The code of what went wrong with a store.
fn store_code(error: &StoreError) -> i32 {
    match error {
        StoreError::NoStore(_) => code::BOWSTRING_NOT_FOUND,
        StoreError::Refused(refused) => match refused.code {
            Code::NoTable => code::BOWSTRING_NOT_FOUND,
            Code::Exists | Code::Version => code::BOWSTRING_CONFLICT,
            Code::Schema => code::BOWSTRING_SCHEMA,
            Code::Segment => code::BOWSTRING_DATA,
            Code::Limit => code::BOWSTRING_TOO_LONG,
            Code::Name => code::BOWSTRING_ADDRESS,
            _ => code::BOWSTRING_REFUSED,
        },
        StoreError::Foreign { .. } => code::BOWSTRING_REFUSED,
        StoreError::HungUp => code::BOWSTRING_HUNG_UP,
        StoreError::TimedOut => code::BOWSTRING_TIMED_OUT,
        StoreError::Make(_) => code::BOWSTRING_DATA,
        StoreError::Spent => code::BOWSTRING_STATE,
        StoreError::Io(_) => code::BOWSTRING_OS,
        _ => code::BOWSTRING_PROTOCOL,
    }
}

/// Returns the code of a receiver's end.
pub(crate) fn ended(end: bowstring_table::transport::End) -> i32 {
    end_code(end)
}

impl From<ConditionError> for TableFailure {
    fn from(error: ConditionError) -> Self {
        Self::Choice(error)
    }
}

impl From<QueryError> for TableFailure {
    fn from(error: QueryError) -> Self {
        Self::Choice(error.into())
    }
}
