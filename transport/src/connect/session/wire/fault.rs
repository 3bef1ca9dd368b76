//! Faults of a datagram.

use core::fmt;

use super::{Kind, VERSION};
use crate::error::GeometryError;

/// Faults of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// It is shorter than its kind must be.
    Short {
        /// Its bytes.
        found: usize,
        /// The fewest it should have.
        wanted: usize,
    },
    /// It is longer than its kind may be.
    Long {
        /// Its bytes.
        found: usize,
        /// The most it may have.
        wanted: usize,
    },
    /// It does not begin with the magic bytes: the other program speaks something else.
    Magic,
    /// It has another version.
    Version(u16),
    /// It has an unknown kind.
    Kind(u16),
    /// Its kind is not allowed here.
    Unexpected(Kind),
    /// Its length differs from what it says.
    Length {
        /// Its bytes.
        found: usize,
        /// The length that it says.
        said: u32,
    },
    /// It was longer than any datagram allowed here, or carried more descriptors.
    Truncated,
    /// It carried the wrong number of descriptors.
    Descriptors {
        /// The number that came.
        found: usize,
        /// The number that should have.
        wanted: usize,
    },
    /// The second socket of a connection is not a connected Unix socket of sequenced packets.
    Socket,
    /// Bits without a meaning are set.
    Flags(u32),
    /// A greeting is longer than allowed, or longer than the datagram.
    Greeting(u64),
    /// The shape of a pool is impossible.
    Geometry(GeometryError),
    /// A first ticket of 0 or too close to the end of the numbers.
    FirstTicket(u64),
    /// The listener chose something that was not offered.
    Choice,
    /// The reason of a refusal is not UTF-8, or its length is wrong.
    Reason,
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            WireFault::Short { found, wanted } => {
                write!(f, "a datagram of {found} bytes where {wanted} are the fewest")
            }
            WireFault::Long { found, wanted } => {
                write!(f, "a datagram of {found} bytes where {wanted} are the most")
            }
            WireFault::Magic => {
                f.write_str("a datagram that does not begin with \"bowstrng\": not a Bowstring program")
            }
            WireFault::Version(v) => write!(f, "protocol version {v}; this program speaks version {VERSION}"),
            WireFault::Kind(k) => write!(f, "a datagram of unknown kind {k}"),
            WireFault::Unexpected(kind) => write!(f, "a datagram {} that has no place here", kind),
            WireFault::Length { found, said } => write!(f, "a datagram of {found} bytes that says {said}"),
            WireFault::Truncated => {
                f.write_str("a datagram longer, or with more descriptors, than any that has a place here")
            }
            WireFault::Descriptors { found, wanted } => {
                write!(f, "{found} descriptors where {wanted} were due")
            }
            WireFault::Socket => {
                f.write_str("a second socket that is not a connected one of sequenced packets")
            }
            WireFault::Flags(bits) => write!(f, "unknown flags {bits:#x}"),
            WireFault::Greeting(n) => write!(f, "a greeting of {n} bytes"),
            WireFault::Geometry(e) => e.fmt(f),
            WireFault::FirstTicket(t) => write!(f, "an impossible first ticket, {t}"),
            WireFault::Choice => f.write_str("a choice that was not offered"),
            WireFault::Reason => f.write_str("a refusal without a readable reason"),
        }
    }
}

impl core::error::Error for WireFault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            WireFault::Geometry(e) => Some(e),
            _ => None,
        }
    }
}
