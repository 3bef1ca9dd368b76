//! Names for channels: one directory for each user, in which `NAME.sock` is the channel `NAME`.
//!
//! ```no_run
//! use bowstring_transport::{Deliveries, Connector, names::Address};
//! let listener = Address::parse("ticks")?.listen()?;       // in the sender
//! let socket = Address::parse("ticks")?.connect()?;        // in the receiver
//! let incoming = Connector::new(Deliveries::ANY).connect(socket)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The directory is the first of these that exists, or can be made:
//! 1. `$XDG_RUNTIME_DIR/bowstring`, if that variable names a directory of this user;
//! 2. `/run/user/UID/bowstring`;
//! 3. `/tmp/bowstring-UID`.
//!
//! It must be a directory and not a link, belong to this user, and have mode 0700. So nobody else can put a socket
//! under a name: their directory is refused, and they cannot write into ours. Its parent belongs to this user too or
//! is sticky, so nobody can replace it after the check.
//!
//! `store.sock` is reserved for the store.

mod directory;
mod error;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fd::OwnedFd;

pub use self::directory::{Listed, directory, list, make_directory, names, store_socket};
use self::directory::{file_name, place};
pub use self::error::{AddressError, NameError, nobody_listens};
use crate::connect::endpoint::PATIENCE;
use crate::connect::session::listen::MAX_PATH;
use crate::{Access, Endpoint, Listener, Observer};

/// The longest name.
pub const MAX_NAME: usize = 128;

/// The name whose socket is the store's.
const STORE: &str = "store";

/// The address of a channel: a name, a path, or a name in the abstract namespace.
///
/// ```
/// use bowstring_transport::names::Address;
/// assert_eq!(Address::parse("ticks")?, Address::Name("ticks".into()));
/// assert_eq!(Address::parse("./ticks.sock")?, Address::Path("./ticks.sock".into()));
/// assert_eq!(Address::parse("@ticks")?, Address::Abstract(b"ticks".to_vec()));
/// assert!(Address::parse("two words").is_err());
/// # Ok::<(), bowstring_transport::names::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// A name in the user's [`directory`]. See [`check`] for the grammar.
    Name(String),
    /// The path of a socket.
    Path(PathBuf),
    /// A name in the abstract namespace, without the `@`.
    Abstract(Vec<u8>),
}

impl Address {
    /// Parses `@NAME` as an abstract name, anything with a `/` in it as a path, and the rest as a name.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Address, NameError> {
        let text = text.as_ref();
        match text.as_bytes() {
            [b'@', rest @ ..] if !rest.is_empty() => Ok(Address::Abstract(rest.to_vec())),
            bytes if bytes.contains(&b'/') => Ok(Address::Path(text.into())),
            _ => {
                let name = text.to_str().ok_or_else(|| NameError::Grammar(text.to_string_lossy().into()))?;
                check(name)?;
                Ok(Address::Name(name.to_owned()))
            }
        }
    }

    /// Takes `path` as a path even without a `/` in it, and `@NAME` as an abstract name.
    pub fn from_path(path: impl Into<PathBuf>) -> Address {
        let path = path.into();
        match path.as_os_str().as_bytes() {
            [b'@', rest @ ..] if !rest.is_empty() => Address::Abstract(rest.to_vec()),
            _ => Address::Path(path),
        }
    }

    /// Returns the path of the socket; `None` for an abstract name. Creates nothing and does not check the directory.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Address::Name(name) => Some(place().join(file_name(name))),
            Address::Path(path) => Some(path.clone()),
            Address::Abstract(_) => None,
        }
    }

    /// Listens at this address. For a name, creates the directory if it is missing. See [`Listener::bind`].
    pub fn listen(&self) -> Result<Listener, AddressError> {
        match self {
            Address::Name(name) => Ok(Listener::bind(bytes(&socket(name, make_directory)?))?),
            Address::Path(path) => Ok(Listener::bind(bytes(path))?),
            Address::Abstract(name) => Ok(Listener::bind_abstract(name)?),
        }
    }

    /// Connects to the listener at this address. The socket is an [`Endpoint`] for
    /// [`Connector::connect`](crate::Connector::connect) or [`Sender::connect`](crate::Sender::connect).
    ///
    /// Waits up to two seconds while the listener's queue is full.
    pub fn connect(&self) -> Result<OwnedFd, AddressError> {
        self.connect_within(PATIENCE)
    }

    /// Connects, and waits up to `patience` while the listener's queue is full.
    pub fn connect_within(&self, patience: Duration) -> Result<OwnedFd, AddressError> {
        Ok(match self {
            Address::Name(name) => Endpoint::from(socket(name, directory)?.as_path()).open(patience)?,
            Address::Path(path) => Endpoint::from(path.as_path()).open(patience)?,
            Address::Abstract(name) => Endpoint::Abstract(name).open(patience)?,
        })
    }

    /// Attaches to the sender that listens at this address, to read its stats.
    pub fn observe(&self, access: Access<'_>) -> Result<Observer, AddressError> {
        Ok(Observer::attach(self.connect()?, access)?)
    }
}

/// Formats the address as on a command line.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Name(name) => f.write_str(name),
            Address::Path(path) => write!(f, "{}", path.display()),
            Address::Abstract(name) => write!(f, "@{}", OsStr::from_bytes(name).display()),
        }
    }
}

/// Checks that a channel can have this name: a letter or digit, then up to 127 letters, digits, `.`, `_` or `-`.
pub fn check(name: &str) -> Result<(), NameError> {
    let plain = |b: &u8| b.is_ascii_alphanumeric();
    let fits = matches!(name.as_bytes(), [first, rest @ ..]
        if plain(first) && rest.len() < MAX_NAME && rest.iter().all(|b| plain(b) || b"._-".contains(b)));
    match fits {
        false => Err(NameError::Grammar(name.to_owned())),
        true if name == STORE => Err(NameError::Reserved),
        true => Ok(()),
    }
}

fn socket(name: &str, directory: fn() -> Result<PathBuf, NameError>) -> Result<PathBuf, NameError> {
    // `Address` has a public variant.
    check(name)?;
    let path = directory()?.join(file_name(name));
    match path.as_os_str().len() {
        len if len > MAX_PATH => Err(NameError::TooLong { path, most: MAX_PATH }),
        _ => Ok(path),
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let longest = "a".repeat(MAX_NAME);
        for name in ["a", "7", "trips-2024_v1.csv", longest.as_str()] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", ".a", "-a", "a/b", "a b", "é", "a\0", "a\n", &format!("{longest}a")] {
            assert!(matches!(check(name), Err(NameError::Grammar(_))), "{name:?}");
        }
        assert!(matches!(check("store"), Err(NameError::Reserved)));
    }
}
