//! Set-up over a Unix socket that a std or tokio program already holds.
//!
//! Such a socket is a stream or sends datagrams, and the protocol needs sequenced packets. So one side makes a pair
//! of the right kind and passes one end over the existing socket, with the `sendfd` crate; the two sides then connect
//! over the pair.
//!
//! The crate's own descriptors never travel this way: `sendfd` allocates for each call.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use sendfd::SendWithFd;

use crate::connect::session::listen;
use crate::sys::{self, Received};

/// The byte that the descriptor travels with.
const WORD: u8 = b'B';

/// Passes one end of a new connection over `via` and returns the other end.
///
/// ```
/// use bowstring_transport::{handover, Deliveries, HandshakeConfig, Connector, SenderConfig};
/// let (here, there) = std::os::unix::net::UnixStream::pair()?;
/// let socket = handover::offer(&here)?;
/// let receiver = std::thread::spawn(move || {
///     let socket = handover::accept(&there).unwrap();
///     Connector::new(Deliveries::ANY).connect(socket).unwrap().greeting().to_vec()
/// });
/// SenderConfig::new().build()?.accept(socket, &HandshakeConfig::new(b"hello"))?;
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

/// Receives the end of a connection that [`offer`] passed over `via`, a connected Unix socket.
///
/// This crate's own call receives the descriptor, so it is close-on-exec from the start and belongs to nobody else.
/// Blocks if `via` does.
pub fn accept(via: &impl AsFd) -> io::Result<OwnedFd> {
    let mut word = [0];
    let mut fds = [None, None];
    let mut count = 0;
    let keep = |fd| {
        if let Some(place) = fds.get_mut(count) {
            *place = Some(fd);
        }
        count += 1;
    };
    let bytes = match sys::receive_as_set(via.as_fd(), &mut word, keep)? {
        Received::Nothing => return Err(io::ErrorKind::WouldBlock.into()),
        Received::HungUp => return Err(io::ErrorKind::UnexpectedEof.into()),
        Received::Datagram { bytes, .. } => bytes,
    };
    let [first, surplus] = fds;
    let Some(fd) = first.filter(|_| surplus.is_none() && bytes == 1 && word[0] == WORD) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not the offer of a Bowstring connection"));
    };
    listen::connected(fd).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
