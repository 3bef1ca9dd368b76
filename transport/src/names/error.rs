//! Errors of names and addresses.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::STORE;
use crate::HandshakeError;
use crate::error::OsError;

/// True if a connect error means that there is no socket, or that its listener is gone.
#[must_use]
pub fn nobody_listens(error: OsError) -> bool {
    use rustix::io::Errno;
    error.is(Errno::NOENT) || error.is(Errno::CONNREFUSED)
}

/// A name that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum NameError {
    /// The name is not a letter or digit followed by up to 127 letters, digits, `.`, `_` or `-`.
    Grammar(String),
    /// The name is the store's.
    Reserved,
    /// The socket's path would be longer than the kernel allows.
    TooLong {
        /// That path.
        path: PathBuf,
        /// The bytes it may have.
        most: usize,
    },
    /// Somebody else may have written to the directory.
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// The directory cannot be created or read.
    Directory {
        /// The directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl NameError {
    /// True if there is no directory yet, and therefore no listener on any name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, NameError::Directory { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Grammar(name) => write!(
                f,
                "{name:?} is not a name: a letter or digit, then up to 127 letters, digits, '.', '_' or '-' \
                 (a path has a '/' in it, as ./{name})"
            ),
            NameError::Reserved => write!(f, "the name {STORE:?} is reserved for the store"),
            NameError::TooLong { path, most } => {
                write!(f, "{}: a socket's path has at most {most} bytes", path.display())
            }
            NameError::Unsafe { path, why } => write!(f, "{}: {why}", path.display()),
            NameError::Directory { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl Error for NameError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            NameError::Directory { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// An address that cannot be listened at or connected to.
#[derive(Debug)]
#[non_exhaustive]
pub enum AddressError {
    /// The name or its directory is invalid.
    Name(NameError),
    /// The socket cannot be used.
    Meet(HandshakeError),
}

impl AddressError {
    /// True if nobody listens there: no directory, no socket, or one whose listener is gone.
    #[must_use]
    pub fn nobody_listens(&self) -> bool {
        match self {
            AddressError::Name(error) => error.is_not_found(),
            AddressError::Meet(HandshakeError::Os(error)) => nobody_listens(*error),
            AddressError::Meet(_) => false,
        }
    }
}

impl From<NameError> for AddressError {
    fn from(error: NameError) -> AddressError {
        AddressError::Name(error)
    }
}

impl From<HandshakeError> for AddressError {
    fn from(error: HandshakeError) -> AddressError {
        AddressError::Meet(error)
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Name(error) => error.fmt(f),
            AddressError::Meet(error) => error.fmt(f),
        }
    }
}

impl Error for AddressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AddressError::Name(error) => error.source(),
            AddressError::Meet(error) => Some(error),
        }
    }
}
