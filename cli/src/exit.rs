//! The exit codes. Both programs list them in their `--help`, in their own words.

use std::io;

/// An exit code. 128 and a signal's number besides these: see [`Signal::exit`](crate::signals::Signal::exit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that is none of the others.
    Other = 1,
    /// Invalid command line.
    Usage = 2,
    /// What came in makes no sense.
    Malformed = 3,
    /// The peer refused, or speaks another version.
    Refused = 4,
    /// The peer crashed, or there was a cutting off.
    Crashed = 5,
    /// Nobody came, or nothing came, in time.
    TimedOut = 6,
    /// No permission.
    Permission = 7,
    /// What was to be written cannot be.
    Output = 8,
    /// Rows are missing that were sent: skipped for being slow, or sent before this receiver came.
    Incomplete = 9,
}

impl Exit {
    /// The code of an I/O error: that of permission, or else the one given.
    #[must_use]
    pub fn of_io(error: &io::Error, otherwise: Exit) -> Exit {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => otherwise,
        }
    }
}
