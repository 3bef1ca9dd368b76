//! Listens on a path, an abstract name or an inherited socket, and connects to one.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::error::HandshakeError;
use crate::error::{Call, OsError};
use crate::sys;

/// The longest path that a Unix socket address can hold.
pub(crate) const MAX_PATH: usize = 107;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;
/// The number of tries for the lock that starting listeners contend for, and the nanoseconds between two.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: u64 = 10_000_000;

/// A socket that others can connect to. Dropping it removes the path, if it is still this socket's.
///
/// ```
/// use bowstring_transport::Listener;
/// let path = std::env::temp_dir().join(format!("bowstring-doc-{}.sock", std::process::id()));
/// let listener = Listener::bind(path.as_os_str().as_encoded_bytes())?;
/// assert!(path.exists());
/// drop(listener);
/// assert!(!path.exists());
/// # Ok::<(), bowstring_transport::HandshakeError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Listener {
    socket: OwnedFd,
    /// The path and its file, to be removed on drop.
    bound: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    path: [u8; MAX_PATH],
    len: usize,
    device: u64,
    inode: u64,
}

impl Bound {
    fn path(&self) -> &[u8] {
        &self.path[..self.len]
    }

    fn is(&self, stat: &Stat) -> bool {
        (self.device, self.inode) == (stat.st_dev, stat.st_ino)
    }
}

impl Listener {
    /// Listens on `path`, readable and writable by this user only.
    ///
    /// A socket whose listener is gone is taken over. One that somebody listens on is [`HandshakeError::InUse`], and
    /// a file that is not a socket is [`HandshakeError::NotASocket`]; both are left as they are. Of several processes
    /// that start at the same moment one gets the path: they take turns by a lock on its directory.
    pub fn bind(path: &[u8]) -> Result<Listener, HandshakeError> {
        let address = address(path)?;
        let _turn = lock_directory(path)?;
        clear_the_way(path, &address)?;
        let socket = sys::socket()?;
        // Set before binding, so that the name never exists with a wider mode.
        sys::set_mode(socket.as_fd(), 0o600)?;
        sys::bind(socket.as_fd(), &address)?;
        let mut bound = Bound { path: [0; MAX_PATH], len: path.len(), device: 0, inode: 0 };
        bound.path[..path.len()].copy_from_slice(path);
        // From here on there is a file that must not be left behind.
        let stat = sys::look_at(path).inspect_err(|_| {
            let _ = sys::unlink(path);
        })?;
        if let Some(stat) = stat {
            (bound.device, bound.inode) = (stat.st_dev, stat.st_ino);
        }
        let listener = Listener { socket, bound: Some(bound) };
        listener.open()?;
        Ok(listener)
    }

    /// Listens on a name in the abstract namespace, which has no mode and belongs to the network namespace: every
    /// user on the host can connect, and only the check of credentials turns them away.
    pub fn bind_abstract(name: &[u8]) -> Result<Listener, HandshakeError> {
        let address = SocketAddrUnix::new_abstract_name(name).map_err(|e| OsError::new(Call::Bind, e))?;
        let socket = sys::socket()?;
        match sys::bind(socket.as_fd(), &address) {
            Err(e) if e.is(Errno::ADDRINUSE) => return Err(HandshakeError::InUse),
            outcome => outcome?,
        }
        let listener = Listener { socket, bound: None };
        listener.open()?;
        Ok(listener)
    }

    /// Takes over a listening socket, such as one handed down by a service manager.
    pub fn inherited(socket: OwnedFd) -> Result<Listener, HandshakeError> {
        if sys::socket_kind(socket.as_fd()) != Ok((true, true, true)) {
            return Err(HandshakeError::WrongSocket);
        }
        sys::set_close_on_exec(socket.as_fd())?;
        sys::set_nonblocking(socket.as_fd())?;
        Ok(Listener { socket, bound: None })
    }

    fn open(&self) -> Result<(), HandshakeError> {
        sys::set_nonblocking(self.socket.as_fd())?;
        Ok(sys::listen(self.socket.as_fd(), BACKLOG)?)
    }

    /// Accepts the next waiting connection, if any, for a protocol other than this crate's: sends nothing, and does
    /// not check the peer. Never blocks.
    pub fn accept_socket(&self) -> Result<Option<OwnedFd>, OsError> {
        self.next()
    }

    /// Returns the next waiting connection, if any.
    pub(crate) fn next(&self) -> Result<Option<OwnedFd>, OsError> {
        sys::accept(self.socket.as_fd())
    }
}

/// Readable when a connection is waiting.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some(bound) = &self.bound else { return };
        // If somebody removed our file, another listener may have taken over the path: then it is not ours to remove.
        if let Ok(Some(stat)) = sys::look_at(bound.path())
            && bound.is(&stat)
        {
            let _ = sys::unlink(bound.path());
        }
    }
}

fn address(path: &[u8]) -> Result<SocketAddrUnix, OsError> {
    if path.len() > MAX_PATH {
        return Err(OsError::new(Call::Bind, Errno::NAMETOOLONG));
    }
    if path.is_empty() || path.contains(&0) {
        return Err(OsError::new(Call::Bind, Errno::INVAL));
    }
    SocketAddrUnix::new(path).map_err(|e| OsError::new(Call::Bind, e))
}

/// Locks the directory of `path` while the returned descriptor is open.
fn lock_directory(path: &[u8]) -> Result<OwnedFd, OsError> {
    let directory = match path.iter().rposition(|&b| b == b'/') {
        None => &b"."[..],
        Some(0) => b"/",
        Some(end) => &path[..end],
    };
    let fd = sys::open_directory(directory)?;
    for _ in 0..LOCK_TRIES {
        if sys::try_lock(fd.as_fd())? {
            return Ok(fd);
        }
        sys::sleep(LOCK_PAUSE);
    }
    Err(OsError::new(Call::Lock, Errno::AGAIN))
}

/// Removes the socket of a listener that is gone; refuses to touch anything else.
fn clear_the_way(path: &[u8], address: &SocketAddrUnix) -> Result<(), HandshakeError> {
    let Some(stat) = sys::look_at(path)? else { return Ok(()) };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(HandshakeError::NotASocket);
    }
    let probe = sys::socket()?;
    sys::set_nonblocking(probe.as_fd())?;
    match sys::connect(probe.as_fd(), address) {
        // The kernel reports that no socket is bound to this file any more.
        Err(e) if e.is(Errno::CONNREFUSED) => Ok(sys::unlink(path)?),
        Err(e) if e.is(Errno::NOENT) => Ok(()),
        Err(e) if e.is(Errno::ACCESS) || e.is(Errno::PERM) => Err(e.into()),
        // Connected, a full backlog, or a socket of another type: it is in use.
        _ => Err(HandshakeError::InUse),
    }
}

/// Connects to a path. Waits up to `patience` nanoseconds for a place in the listener's queue.
pub(crate) fn connect(path: &[u8], patience: u64) -> Result<OwnedFd, HandshakeError> {
    connect_to(&address(path)?, patience)
}

/// Connects to a name in the abstract namespace; waits in the same way.
pub(crate) fn connect_abstract(name: &[u8], patience: u64) -> Result<OwnedFd, HandshakeError> {
    let address = SocketAddrUnix::new_abstract_name(name).map_err(|e| OsError::new(Call::Connect, e))?;
    connect_to(&address, patience)
}

fn connect_to(address: &SocketAddrUnix, patience: u64) -> Result<OwnedFd, HandshakeError> {
    let socket = sys::socket()?;
    let until = sys::now().saturating_add(patience);
    loop {
        // With a send timeout, the kernel waits for room in the queue: a listener that never accepts costs no more.
        let left = until.saturating_sub(sys::now());
        sys::set_send_timeout(socket.as_fd(), left)?;
        match sys::connect(socket.as_fd(), address) {
            Ok(()) => break,
            Err(e) if e.is(Errno::INTR) && left > 0 => {}
            Err(e) if e.is(Errno::AGAIN) => return Err(HandshakeError::QueueFull),
            Err(e) => return Err(e.into()),
        }
    }
    sys::set_nonblocking(socket.as_fd())?;
    Ok(socket)
}

/// Checks that an inherited descriptor is a connected socket of the right kind.
pub(crate) fn connected(socket: OwnedFd) -> Result<OwnedFd, HandshakeError> {
    if sys::socket_kind(socket.as_fd()) != Ok((true, true, false)) || !sys::is_connected(socket.as_fd())? {
        return Err(HandshakeError::WrongSocket);
    }
    // A descriptor left open for this process is not meant for its children.
    sys::set_close_on_exec(socket.as_fd())?;
    Ok(socket)
}
