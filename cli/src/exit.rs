//! The exit codes. Both programs list them in their `--help`, in their own words.

use std::io;

/// An exit code. A signal adds 128 plus its number: see [`Signal::exit`](crate::signals::Signal::exit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that is none of the others.
    Other = 1,
    /// Invalid command line.
    Usage = 2,
    /// Malformed input.
    Malformed = 3,
    /// The peer refused, or speaks another version.
    Refused = 4,
    /// The peer crashed, or one side was disconnected.
    Crashed = 5,
    /// Nobody came, or nothing came, in time.
    TimedOut = 6,
    /// No permission.
    Permission = 7,
    /// The output could not be written.
    Output = 8,
    /// Rows are missing that were sent: skipped for being slow, or sent before this receiver came.
    Incomplete = 9,
}

impl Exit {
    /// Returns the code of an I/O error: that of permission, or else the one given.
    #[must_use]
    pub fn of_io(error: &io::Error, otherwise: Exit) -> Exit {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => otherwise,
        }
    }
}
