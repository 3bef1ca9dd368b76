//! Set-up over a Unix socket that a std or tokio program holds already.
//!
//! Such a socket is a stream or sends datagrams, and the protocol wants sequenced packets. So one side makes a pair of
//! sockets of the right kind and passes one of them over the socket that there is, with the `sendfd` crate; the two
//! sides then meet over the pair.
//!
//! The crate's own descriptors never travel this way: `sendfd` allocates for each call and does not set close-on-exec.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use sendfd::{RecvWithFd, SendWithFd};

use crate::connect::session::listen;
use crate::sys;

/// The byte that the descriptor travels with.
const WORD: u8 = b'B';

/// Passes one end of a new connection over `via` and answers the other end, to meet over.
///
/// ```
/// use bowstring_transport::{handover, Deliveries, HandshakeConfig, Connector, SenderConfig};
/// let (here, there) = std::os::unix::net::UnixStream::pair()?;
/// let socket = handover::offer(&here)?;
/// let receiver = std::thread::spawn(move || {
///     let socket = handover::accept(&there).unwrap();
///     Connector::new(Deliveries::ANY).connect_socket(socket).unwrap().greeting().to_vec()
/// });
/// SenderConfig::new().build()?.accept_socket(socket, &HandshakeConfig::new(b"hello"))?;
/// assert_eq!(receiver.join().unwrap(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn offer(via: &impl SendWithFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let (near, far) = sys::socket_pair()?;
    match via.send_with_fd(&[WORD], &[far.as_raw_fd()])? {
        1 => Ok(near),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Takes the end of a connection that [`offer`] passed over `via`.
///
/// Between its arrival and this function's return the descriptor is not close-on-exec: a program that starts others
/// from another thread at that moment leaks it to them.
#[allow(unsafe_code)]
pub fn accept(via: &impl RecvWithFd) -> io::Result<OwnedFd> {
    let mut word = [0];
    let mut fds: [RawFd; 4] = [-1; 4];
    let (bytes, count) = via.recv_with_fd(&mut word, &mut fds)?;
    // Taken over first, so that whatever came is closed on every way out.
    let mut owned = fds.iter().take(count).map(|&fd| {
        // SAFETY: the kernel has just installed the descriptor for this call, and nothing else knows of it.
        unsafe { OwnedFd::from_raw_fd(fd) }
    });
    let (first, surplus) = (owned.next(), owned.next());
    let Some(fd) = first.filter(|_| surplus.is_none() && bytes == 1 && word[0] == WORD) else {
        owned.for_each(drop);
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not the offer of a Bowstring connection"));
    };
    let fd = sys::duplicate(fd.as_fd())?;
    listen::connected(fd).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
