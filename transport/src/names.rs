//! Names for channels: one directory for each user, in which `NAME.sock` is the channel `NAME`.
//!
//! ```no_run
//! use bowstring_transport::{Deliveries, Connector, names::Address};
//! let listener = Address::parse("ticks")?.listen()?;       // in the sender
//! let socket = Address::parse("ticks")?.connect()?;        // in the receiver
//! let incoming = Connector::new(Deliveries::ANY).connect_socket(socket)?;
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

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fd::OwnedFd;

use crate::connect::incoming::PATIENCE;
use crate::connect::session::listen::{self, MAX_PATH};
use crate::error::OsError;
use crate::{Access, HandshakeError, Listener, Observer};

/// The longest name.
pub const MAX_NAME: usize = 128;

/// The name whose socket is the store's.
const STORE: &str = "store";

/// Mode bits that let anybody but the owner in.
const OTHERS: u32 = 0o077;

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

    /// Connects to the listener at this address. The socket is for
    /// [`Connector::connect_socket`](crate::Connector::connect_socket) or
    /// [`Sender::connect_socket`](crate::Sender::connect_socket).
    ///
    /// Waits up to two seconds while the listener's queue is full.
    pub fn connect(&self) -> Result<OwnedFd, AddressError> {
        self.connect_within(PATIENCE)
    }

    /// Connects, and waits up to `patience` while the listener's queue is full.
    pub fn connect_within(&self, patience: Duration) -> Result<OwnedFd, AddressError> {
        let nanos = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        match self {
            Address::Name(name) => Ok(listen::connect_within(bytes(&socket(name, directory)?), nanos)?),
            Address::Path(path) => Ok(listen::connect_within(bytes(path), nanos)?),
            Address::Abstract(name) => Ok(listen::connect_abstract_within(name, nanos)?),
        }
    }

    /// Attaches to the sender that listens at this address, to read its stats.
    pub fn observe(&self, access: Access<'_>) -> Result<Observer, AddressError> {
        match self {
            Address::Name(name) => Ok(Observer::attach(bytes(&socket(name, directory)?), access)?),
            Address::Path(path) => Ok(Observer::attach(bytes(path), access)?),
            Address::Abstract(name) => Ok(Observer::attach_abstract(name, access)?),
        }
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

/// Returns the directory of this user's channels after checking it. If it does not exist, the error has the kind
/// [`NotFound`](io::ErrorKind::NotFound).
pub fn directory() -> Result<PathBuf, NameError> {
    let path = place();
    verify(&path)?;
    Ok(path)
}

/// Returns the directory of this user's channels; creates it if it is missing.
pub fn make_directory() -> Result<PathBuf, NameError> {
    let path = place();
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(NameError::Directory { path, error });
        }
        _ => {}
    }
    verify(&path)?;
    Ok(path)
}

/// A channel in the directory that somebody listens on.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its socket.
    pub path: PathBuf,
    /// A view of its sender's stats, or the error of attaching.
    pub observer: Result<Observer, HandshakeError>,
}

/// Lists this user's live channels, sorted by name. Attaches to each as an observer. Skips sockets that nobody
/// listens on, and removes nothing.
pub fn list() -> Result<Vec<Listed>, NameError> {
    let mut listed = Vec::new();
    for (name, path) in names()? {
        match Observer::attach(bytes(&path), Access::SameUser) {
            Err(HandshakeError::Os(error)) if nobody_listens(error) => {}
            observer => listed.push(Listed { name, path, observer }),
        }
    }
    Ok(listed)
}

/// Returns the names in the directory with their sockets, sorted, without checking for listeners.
pub fn names() -> Result<Vec<(String, PathBuf)>, NameError> {
    let directory = match directory() {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        directory => directory?,
    };
    let unreadable = |error| NameError::Directory { path: directory.clone(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".sock"));
        if let Some(name) = name.filter(|name| check(name).is_ok())
            && entry.file_type().is_ok_and(|kind| kind.is_socket())
        {
            names.push((name.to_owned(), entry.path()));
        }
    }
    names.sort();
    Ok(names)
}

/// True if a connect error means that there is no socket, or that its listener is gone.
#[must_use]
pub fn nobody_listens(error: OsError) -> bool {
    use rustix::io::Errno;
    error.is(Errno::NOENT) || error.is(Errno::CONNREFUSED)
}

/// Returns the path of the store's socket. Creates nothing and does not check the directory.
#[must_use]
pub fn store_socket() -> PathBuf {
    place().join(file_name(STORE))
}

/// Returns the directory; it may not exist.
fn place() -> PathBuf {
    choose(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), crate::sys::own_uid(), |path| {
        // `sudo -E` passes on the variable of another user.
        fs::metadata(path).is_ok_and(|at| at.is_dir() && at.uid() == crate::sys::own_uid())
    })
}

fn choose(stated: Option<PathBuf>, uid: u32, is_ours: impl Fn(&Path) -> bool) -> PathBuf {
    let stated = stated.filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    match stated.into_iter().chain([usual]).find(|path| is_ours(path)) {
        Some(runtime) => runtime.join("bowstring"),
        None => PathBuf::from(format!("/tmp/bowstring-{uid}")),
    }
}

/// Checks, as tmux does, that nobody but this user can have put anything into the directory.
fn verify(path: &Path) -> Result<(), NameError> {
    // Does not follow a link.
    let at = fs::symlink_metadata(path);
    let at = at.map_err(|error| NameError::Directory { path: path.to_owned(), error })?;
    let why = match at {
        at if !at.is_dir() => "it is not a directory",
        at if at.uid() != crate::sys::own_uid() => "it belongs to another user",
        at if at.mode() & OTHERS != 0 => "other users can enter it: chmod 700",
        _ => return Ok(()),
    };
    Err(NameError::Unsafe { path: path.to_owned(), why })
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

fn file_name(name: &str) -> String {
    format!("{name}.sock")
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

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

    #[test]
    fn the_directory_is_the_first_that_is_ours() {
        let xdg = || Some(PathBuf::from("/xdg"));
        assert_eq!(choose(xdg(), 7, |_| true), Path::new("/xdg/bowstring"));
        assert_eq!(choose(xdg(), 7, |path| path != "/xdg"), Path::new("/run/user/7/bowstring"));
        assert_eq!(choose(Some("here".into()), 7, |_| true), Path::new("/run/user/7/bowstring"));
        assert_eq!(choose(None, 7, |_| false), Path::new("/tmp/bowstring-7"));
    }

    #[test]
    fn a_directory_that_others_could_have_written_is_refused() {
        let room = std::env::temp_dir().join(format!("bowstring-names-{}", std::process::id()));
        let (ours, link, file) = (room.join("ours"), room.join("link"), room.join("file"));
        fs::create_dir_all(&ours).unwrap();
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&ours, &link).unwrap();
        fs::write(&file, "").unwrap();
        let why = |path: &Path| match verify(path) {
            Err(NameError::Unsafe { why, .. }) => why,
            Err(error) => panic!("{error}"),
            Ok(()) => "",
        };
        assert_eq!(why(&ours), "");
        assert_eq!(why(&link), "it is not a directory");
        assert_eq!(why(&file), "it is not a directory");
        for open in [0o710, 0o701, 0o720, 0o777] {
            fs::set_permissions(&ours, fs::Permissions::from_mode(open)).unwrap();
            assert!(why(&ours).starts_with("other users can enter it"), "{open:o}");
        }
        assert!(verify(&room.join("none")).unwrap_err().is_not_found());
        // Of root, unless root runs this.
        if crate::sys::own_uid() != 0 {
            assert_eq!(why(Path::new("/")), "it belongs to another user");
        }
        fs::remove_dir_all(&room).unwrap();
    }
}
