//! Errors of receiving, and the ways in which a sender can break the protocol.

use core::fmt;

use crate::connect::session::WireFault;
use crate::error::{OsError, RegionFault};
use crate::reason::BreakOff;

/// Reasons why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The sender has closed, and everything it sent has been received.
    Closed,
    /// The sender died without closing. Everything it had committed has been received.
    Crashed,
    /// The sender found this receiver too slow and cut it off.
    CutOff,
    /// The sender broke off before the end, with a reason. Everything it had committed has been received; the
    /// receiver's `reason` has its own words.
    BrokenOff(BreakOff),
    /// Nothing came in time.
    TimedOut,
    /// The sender broke the protocol.
    Fault(SenderFault),
    /// A system call failed.
    Os(OsError),
}

/// The ways in which a sender can break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SenderFault {
    /// An entry holds a ticket that does not belong there.
    Ticket {
        /// The ticket awaited.
        awaited: u64,
        /// The ticket found.
        found: u64,
    },
    /// The head refers to a message that is not there.
    Head {
        /// The head word awaited.
        awaited: u32,
        /// The head word found.
        found: u32,
    },
    /// A message is not within the pool.
    Place {
        /// Its first slot.
        slot: u32,
        /// Its length.
        len: u64,
    },
    /// A message's number is not above the previous one.
    Number {
        /// The previous number.
        last: u64,
        /// The number found.
        found: u64,
    },
    /// A sealed message is longer than any memory.
    Length(u64),
    /// It closed with an unknown code.
    Closing(u32),
    /// A datagram on the socket was malformed.
    Datagram(WireFault),
    /// The descriptor of a sealed message was refused.
    Region(RegionFault),
}

impl fmt::Display for SenderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SenderFault::Ticket { awaited, found } => write!(f, "ticket {found} where {awaited} was due"),
            SenderFault::Head { awaited, found } => write!(f, "head {found:#x} where {awaited:#x} was due"),
            SenderFault::Place { slot, len } => {
                write!(f, "a message of {len} bytes from slot {slot} on, which is not in the pool")
            }
            SenderFault::Number { last, found } => write!(f, "message {found} after message {last}"),
            SenderFault::Length(len) => write!(f, "a sealed message of {len} bytes"),
            SenderFault::Closing(code) => write!(f, "it closed with the unknown reason {code}"),
            SenderFault::Datagram(fault) => fault.fmt(f),
            SenderFault::Region(fault) => write!(f, "a sealed message was refused: {fault}"),
        }
    }
}

impl From<OsError> for RecvError {
    fn from(e: OsError) -> RecvError {
        RecvError::Os(e)
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("the sender has closed"),
            RecvError::Crashed => f.write_str("the sender died without closing"),
            RecvError::CutOff => f.write_str("the sender cut this receiver off for being slow"),
            RecvError::BrokenOff(how) => write!(f, "the sender broke off: it {how}"),
            RecvError::TimedOut => f.write_str("nothing came in time"),
            RecvError::Fault(fault) => write!(f, "the sender broke the protocol: {fault}"),
            RecvError::Os(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for SenderFault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            SenderFault::Datagram(fault) => Some(fault),
            SenderFault::Region(fault) => Some(fault),
            _ => None,
        }
    }
}

impl core::error::Error for RecvError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            RecvError::Fault(fault) => Some(fault),
            RecvError::Os(e) => Some(e),
            _ => None,
        }
    }
}
