//! Failures, and their codes.

use core::fmt;

use bowstring_transport::{
    CommitFault, End, Fault, GeometryError, HandshakeError, LoanError, OsError, RecvError, SendError,
};

use super::codes::*;

/// A failure, before it is put into words.
pub enum Failure {
    /// A code and its words.
    Plain(i32, &'static str),
    /// The handshake failed.
    Meet(HandshakeError),
    /// There was no room.
    Loan(LoanError),
    /// A message was not sent.
    Commit(CommitFault),
    /// Nothing was received.
    Receive(RecvError),
    /// A system call failed.
    Os(OsError),
    /// Something of the standard library's failed with this error number.
    Errno(i32),
}

/// A failure that can be told to C.
pub trait Reported: fmt::Display {
    /// Its code.
    fn code(&self) -> i32;
    /// The value of `errno`, or 0.
    fn os_error(&self) -> i32;
    /// Whose fault it was.
    fn fault(&self) -> u32 {
        fault_of(self.code())
    }
    /// The byte of a condition that it is about, counted from 1, or 0.
    fn position(&self) -> u32 {
        0
    }
}

impl Failure {
    /// An argument that cannot be used.
    #[must_use]
    pub const fn argument(why: &'static str) -> Failure {
        Failure::Plain(BOWSTRING_ARGUMENT, why)
    }

    /// A call that comes out of order.
    #[must_use]
    pub const fn state(why: &'static str) -> Failure {
        Failure::Plain(BOWSTRING_STATE, why)
    }
}

impl Reported for Failure {
    fn code(&self) -> i32 {
        match self {
            Failure::Plain(code, _) => *code,
            Failure::Meet(e) => handshake_code(e),
            Failure::Loan(e) => loan_code(e),
            Failure::Commit(e) => commit_code(e),
            Failure::Receive(e) => receive_code(e),
            Failure::Errno(ENOENT | ECONNREFUSED) => BOWSTRING_NOT_FOUND,
            Failure::Os(_) | Failure::Errno(_) => BOWSTRING_OS,
        }
    }

    fn os_error(&self) -> i32 {
        match self {
            Failure::Os(e)
            | Failure::Meet(HandshakeError::Os(e))
            | Failure::Loan(LoanError::Os(e))
            | Failure::Commit(CommitFault::Os(e))
            | Failure::Receive(RecvError::Os(e)) => e.raw_os_error(),
            Failure::Errno(number) => *number,
            _ => 0,
        }
    }

    fn fault(&self) -> u32 {
        match self {
            Failure::Meet(e) => match e.fault() {
                Fault::Ours => BOWSTRING_FAULT_OURS,
                Fault::Peer => BOWSTRING_FAULT_PEER,
                Fault::Host => BOWSTRING_FAULT_HOST,
            },
            other => fault_of(other.code()),
        }
    }
}

const ENOENT: i32 = 2;
const ECONNREFUSED: i32 = 111;

/// The code of a failed handshake.
#[must_use]
pub fn handshake_code(e: &HandshakeError) -> i32 {
    match e {
        HandshakeError::Os(e) if matches!(e.raw_os_error(), ENOENT | ECONNREFUSED) => BOWSTRING_NOT_FOUND,
        HandshakeError::Os(_) => BOWSTRING_OS,
        HandshakeError::Wire(_) | HandshakeError::Region(..) => BOWSTRING_PROTOCOL,
        HandshakeError::HungUp => BOWSTRING_HUNG_UP,
        HandshakeError::TimedOut(_) => BOWSTRING_TIMED_OUT,
        HandshakeError::InUse => BOWSTRING_IN_USE,
        HandshakeError::NotASocket | HandshakeError::WrongSocket => BOWSTRING_ADDRESS,
        HandshakeError::GreetingTooLong(_) | HandshakeError::Geometry(_) => BOWSTRING_ARGUMENT,
        _ => BOWSTRING_REFUSED,
    }
}

fn loan_code(e: &LoanError) -> i32 {
    match e {
        LoanError::NoReceiver(_) => BOWSTRING_NO_RECEIVER,
        LoanError::TooLong { .. } => BOWSTRING_TOO_LONG,
        LoanError::Full => BOWSTRING_AGAIN,
        LoanError::Os(_) => BOWSTRING_OS,
        _ => BOWSTRING_TIMED_OUT,
    }
}

fn commit_code(e: &CommitFault) -> i32 {
    match e {
        CommitFault::TooLong { .. } => BOWSTRING_TOO_LONG,
        CommitFault::Os(_) => BOWSTRING_OS,
        CommitFault::Unfinished(_) => BOWSTRING_UNFINISHED,
        _ => BOWSTRING_TIMED_OUT,
    }
}

fn receive_code(e: &RecvError) -> i32 {
    match e {
        RecvError::Closed => BOWSTRING_CLOSED,
        RecvError::CutOff => BOWSTRING_CUT_OFF,
        RecvError::TimedOut => BOWSTRING_TIMED_OUT,
        RecvError::Fault(_) => BOWSTRING_PROTOCOL,
        RecvError::Os(_) => BOWSTRING_OS,
        _ => BOWSTRING_CRASHED,
    }
}

/// Returns the code of a receiver's end, as that receiver itself would see it.
#[must_use]
pub fn end_code(end: End) -> i32 {
    match end {
        End::Closed => BOWSTRING_CLOSED,
        End::Crashed => BOWSTRING_CRASHED,
        End::CutOff => BOWSTRING_CUT_OFF,
        _ => BOWSTRING_PROTOCOL,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Plain(_, why) => f.write_str(why),
            Failure::Meet(e) => e.fmt(f),
            Failure::Loan(e) => e.fmt(f),
            Failure::Commit(e) => e.fmt(f),
            Failure::Receive(e) => e.fmt(f),
            Failure::Os(e) => e.fmt(f),
            Failure::Errno(number) => write!(f, "the user's directory of channels: errno {number}"),
        }
    }
}

impl From<HandshakeError> for Failure {
    fn from(e: HandshakeError) -> Failure {
        Failure::Meet(e)
    }
}

impl From<GeometryError> for Failure {
    fn from(e: GeometryError) -> Failure {
        Failure::Meet(HandshakeError::Geometry(e))
    }
}

impl From<LoanError> for Failure {
    fn from(e: LoanError) -> Failure {
        Failure::Loan(e)
    }
}

impl From<CommitFault> for Failure {
    fn from(e: CommitFault) -> Failure {
        Failure::Commit(e)
    }
}

impl From<SendError> for Failure {
    fn from(e: SendError) -> Failure {
        match e {
            SendError::Loan(e) => Failure::Loan(e),
            SendError::Commit(e) => Failure::Commit(e),
        }
    }
}

impl From<RecvError> for Failure {
    fn from(e: RecvError) -> Failure {
        Failure::Receive(e)
    }
}

impl From<OsError> for Failure {
    fn from(e: OsError) -> Failure {
        Failure::Os(e)
    }
}

/// An error of the standard library's, of which the number is known.
#[cfg(feature = "std")]
#[must_use]
pub fn os_failure(error: &std::io::Error) -> Failure {
    Failure::Errno(error.raw_os_error().unwrap_or(0))
}
