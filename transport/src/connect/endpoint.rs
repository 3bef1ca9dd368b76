//! The ends of a connection: an endpoint to connect to, and the place to accept from.

use core::time::Duration;

use rustix::fd::OwnedFd;

use crate::connect::session::{HandshakeError, Listener, listen};

/// The default time that the other side may take for the handshake.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The place to connect to: a path, a name in the abstract namespace, or a socket that is connected already. Bytes
/// convert to a path, and a descriptor to a socket.
///
/// ```no_run
/// use bowstring_transport::{Connector, Deliveries, Endpoint};
/// let receiving = Connector::new(Deliveries::ANY);
/// receiving.connect(b"/run/user/1000/ticks.sock")?;
/// receiving.connect(Endpoint::Abstract(b"ticks"))?;
/// # Ok::<(), bowstring_transport::HandshakeError>(())
/// ```
#[derive(Debug)]
pub enum Endpoint<'a> {
    /// The path of a socket.
    Path(&'a [u8]),
    /// A name in the abstract namespace, without a zero in front.
    Abstract(&'a [u8]),
    /// A connected socket, such as one end of a pair whose other end a child has. The process at the other end must
    /// accept over it.
    Socket(OwnedFd),
}

impl Endpoint<'_> {
    /// Connects a socket, without a handshake; waits up to `patience` while the listener's queue is full.
    ///
    /// # Errors
    /// [`HandshakeError::WrongSocket`] if a socket is given that is not connected, or not of sequenced packets.
    pub fn open(self, patience: Duration) -> Result<OwnedFd, HandshakeError> {
        match self {
            Endpoint::Path(path) => listen::connect(path, nanos(patience)),
            Endpoint::Abstract(name) => listen::connect_abstract(name, nanos(patience)),
            Endpoint::Socket(socket) => listen::connected(socket),
        }
    }
}

impl<'a> From<&'a [u8]> for Endpoint<'a> {
    fn from(path: &'a [u8]) -> Endpoint<'a> {
        Endpoint::Path(path)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Endpoint<'a> {
    fn from(path: &'a [u8; N]) -> Endpoint<'a> {
        Endpoint::Path(path)
    }
}

#[cfg(feature = "std")]
impl<'a> From<&'a std::path::Path> for Endpoint<'a> {
    fn from(path: &'a std::path::Path) -> Endpoint<'a> {
        Endpoint::Path(path.as_os_str().as_encoded_bytes())
    }
}

impl From<OwnedFd> for Endpoint<'_> {
    fn from(socket: OwnedFd) -> Self {
        Endpoint::Socket(socket)
    }
}

/// The place to accept a connection from: a listener, or a socket that is connected already. Both convert to it.
#[derive(Debug)]
pub enum AcceptFrom<'a> {
    /// A listener: the next connection there.
    Listener(&'a Listener),
    /// A connected socket, such as one end of a pair whose other end a child has. The process at the other end must
    /// connect over it.
    Socket(OwnedFd),
}

impl<'a> From<&'a Listener> for AcceptFrom<'a> {
    fn from(listener: &'a Listener) -> AcceptFrom<'a> {
        AcceptFrom::Listener(listener)
    }
}

impl From<OwnedFd> for AcceptFrom<'_> {
    fn from(socket: OwnedFd) -> Self {
        AcceptFrom::Socket(socket)
    }
}

/// Returns a time in nanoseconds; what is longer than these can say has no end.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
