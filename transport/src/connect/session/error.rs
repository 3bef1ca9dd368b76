//! Errors of the handshake: the fault, and whose it was.

use core::fmt;

use rustix::io::Errno;

use super::machine::Stop;
use super::refusal::{Refusal, RefusalCode};
use super::wire::{self, WireFault};
use crate::error::{Call, Fault, GeometryError, OsError, RegionFault, RegionKind};

/// Reasons why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A system call failed.
    Os(OsError),
    /// The peer's datagram was malformed.
    Wire(WireFault),
    /// A descriptor from the peer was refused.
    Region(RegionKind, RegionFault),
    /// The peer refused.
    Refused(Refusal),
    /// This side refused.
    Declined(RefusalCode),
    /// The peer runs as a user that this side does not talk to.
    Denied {
        /// The user.
        uid: u32,
        /// False if that number may stand for any user that this process's user namespace does not map.
        is_mapped: bool,
    },
    /// The peer hung up during the handshake.
    HungUp,
    /// The peer did not send this datagram in time.
    TimedOut(&'static str),
    /// The listener's queue stayed full for the whole wait.
    QueueFull,
    /// Somebody already listens on that path.
    InUse,
    /// The path names something that is not a socket, and is left alone.
    NotASocket,
    /// The descriptor is not a Unix socket of sequenced packets, or not in the right state.
    WrongSocket,
    /// Our greeting is longer than [`wire::MAX_GREETING`].
    GreetingTooLong(usize),
    /// Our pool cannot have this shape.
    Geometry(GeometryError),
    /// Our first ticket is 0 or above [`wire::MAX_FIRST_TICKET`].
    FirstTicket(u64),
    /// Every place for a receiver is taken.
    Full,
    /// An internal contradiction: a bug in this crate.
    Internal(&'static str),
}

impl HandshakeError {
    /// Returns true if nobody is listening, or nobody was accepted in time, so that it is worth trying again later.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            HandshakeError::Os(e) => {
                e.call() == Call::Connect && (e.is(Errno::NOENT) || e.is(Errno::CONNREFUSED))
            }
            HandshakeError::QueueFull => true,
            _ => false,
        }
    }

    /// Returns whose fault it was.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            HandshakeError::Os(_) => Fault::Host,
            HandshakeError::Wire(_)
            | HandshakeError::Region(..)
            | HandshakeError::Refused(_)
            | HandshakeError::Denied { .. }
            | HandshakeError::HungUp
            | HandshakeError::TimedOut(_)
            | HandshakeError::QueueFull => Fault::Peer,
            HandshakeError::Declined(_)
            | HandshakeError::InUse
            | HandshakeError::NotASocket
            | HandshakeError::WrongSocket
            | HandshakeError::GreetingTooLong(_)
            | HandshakeError::Geometry(_)
            | HandshakeError::FirstTicket(_)
            | HandshakeError::Full
            | HandshakeError::Internal(_) => Fault::Ours,
        }
    }
}

impl From<OsError> for HandshakeError {
    fn from(e: OsError) -> HandshakeError {
        HandshakeError::Os(e)
    }
}

impl From<Stop> for HandshakeError {
    fn from(stop: Stop) -> HandshakeError {
        match stop {
            Stop::Fault(fault) => HandshakeError::Wire(fault),
            Stop::Refused(refusal) => HandshakeError::Refused(refusal),
        }
    }
}

impl From<WireFault> for HandshakeError {
    fn from(e: WireFault) -> HandshakeError {
        HandshakeError::Wire(e)
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Os(e) => e.fmt(f),
            HandshakeError::Wire(e) => write!(f, "the peer sent {e}"),
            HandshakeError::Region(kind, e) => write!(f, "the peer's {kind} was refused: {e}"),
            HandshakeError::Refused(r) if r.reason().is_empty() => write!(f, "the peer refused: {}", r.code),
            HandshakeError::Refused(r) => write!(f, "the peer refused: {} ({:?})", r.code, r.reason()),
            HandshakeError::Declined(code) => write!(f, "the peer was refused: {code}"),
            HandshakeError::Denied { uid, is_mapped: true } => {
                write!(f, "the peer runs as user {uid}, which is not let in")
            }
            HandshakeError::Denied { uid, is_mapped: false } => write!(
                f,
                "the peer's user is not known: this user namespace does not map it, and shows {uid} for all such users"
            ),
            HandshakeError::HungUp => f.write_str("the peer hung up during the handshake"),
            HandshakeError::TimedOut(what) => write!(f, "the peer did not send {what} in time"),
            HandshakeError::QueueFull => f.write_str("the listener let nobody in: its queue stayed full"),
            HandshakeError::InUse => f.write_str("another process listens on that path"),
            HandshakeError::NotASocket => f.write_str("that path is not a socket; it was left alone"),
            HandshakeError::WrongSocket => {
                f.write_str("the descriptor is not a Unix SOCK_SEQPACKET socket in that state")
            }
            HandshakeError::GreetingTooLong(n) => {
                write!(f, "a greeting of {n} bytes; {} is the most", wire::MAX_GREETING)
            }
            HandshakeError::Geometry(e) => e.fmt(f),
            HandshakeError::FirstTicket(t) => {
                write!(f, "a first ticket of {t}; it must be 1 to {}", wire::MAX_FIRST_TICKET)
            }
            HandshakeError::Full => f.write_str("every place for a receiver is taken"),
            HandshakeError::Internal(what) => write!(f, "a bug of Bowstring, please report it: {what}"),
        }
    }
}

impl core::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            HandshakeError::Os(e) => Some(e),
            HandshakeError::Wire(e) => Some(e),
            HandshakeError::Region(_, e) => Some(e),
            HandshakeError::Geometry(e) => Some(e),
            _ => None,
        }
    }
}
