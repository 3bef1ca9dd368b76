//! Sockets: creating them, their datagrams, and the peer.

use core::mem::MaybeUninit;
use core::time::Duration;

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use super::{Sys, gate, once, peercred, retrying};
use crate::error::{Call, OsError};

pub(crate) fn socket() -> Sys<OwnedFd> {
    once(Call::Socket, || {
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
    })
}

pub(crate) fn socket_pair() -> Sys<(OwnedFd, OwnedFd)> {
    once(Call::SocketPair, || {
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
    })
}

pub(crate) fn bind(fd: BorrowedFd<'_>, to: &SocketAddrUnix) -> Sys<()> {
    once(Call::Bind, || rustix::net::bind(fd, to))
}

pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> Sys<()> {
    once(Call::Listen, || rustix::net::listen(fd, backlog))
}

/// Connects; an interruption is the caller's to handle.
pub(crate) fn connect(fd: BorrowedFd<'_>, to: &SocketAddrUnix) -> Sys<()> {
    once(Call::Connect, || rustix::net::connect(fd, to))
}

/// Limits how long a blocking call that sends, or connects, waits.
pub(crate) fn set_send_timeout(fd: BorrowedFd<'_>, nanos: u64) -> Sys<()> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    let limit = Duration::from_nanos(nanos).max(Duration::from_micros(1));
    once(Call::SetSendTimeout, || set_socket_timeout(fd, Timeout::Send, Some(limit)))
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> Sys<()> {
    let flags = once(Call::SetFlags, || rustix::fs::fcntl_getfl(fd))?;
    once(Call::SetFlags, || rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK))
}

/// Accepts a connection, or returns `None` if none waits.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Sys<Option<OwnedFd>> {
    match retrying(Call::Accept, || rustix::net::accept_with(fd, SocketFlags::CLOEXEC)) {
        Ok(socket) => Ok(Some(socket)),
        // The second error is a connection that went away while it waited.
        Err(e) if e.is(Errno::AGAIN) || e.is(Errno::CONNABORTED) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the kind of a socket: whether it is a Unix socket, has sequenced packets, and listens.
pub(crate) fn socket_kind(fd: BorrowedFd<'_>) -> Sys<(bool, bool, bool)> {
    once(Call::SocketKind, || {
        use rustix::net::sockopt;
        Ok((
            sockopt::socket_domain(fd)? == AddressFamily::UNIX,
            sockopt::socket_type(fd)? == SocketType::SEQPACKET,
            sockopt::socket_acceptconn(fd)?,
        ))
    })
}

/// Returns true if the socket was ever connected. Its peer may have gone since.
pub(crate) fn is_connected(fd: BorrowedFd<'_>) -> Sys<bool> {
    match once(Call::SocketKind, || rustix::net::getpeername(fd)) {
        Ok(_) => Ok(true),
        Err(e) if e.is(Errno::NOTCONN) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Returns the peer's process and user, as the kernel recorded them when the connection was made. The process is 0 if
/// it is in a PID namespace that this process cannot see.
pub(crate) fn peer_credentials(fd: BorrowedFd<'_>) -> Sys<(i32, u32)> {
    once(Call::PeerCredentials, || peercred::read(fd))
}

pub(crate) fn set_send_buffer(fd: BorrowedFd<'_>, bytes: usize) -> Sys<()> {
    once(Call::SetSendBuffer, || rustix::net::sockopt::set_socket_send_buffer_size(fd, bytes))
}

/// The most descriptors of one datagram, ours or a peer's: one more than any message of the protocol has.
pub(crate) const MAX_FDS: usize = 8;

/// Sends one datagram with descriptors; never blocks, never raises `SIGPIPE`.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[&[u8]; 2], fds: &[BorrowedFd<'_>]) -> Sys<()> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let iov = [IoSlice::new(bytes[0]), IoSlice::new(bytes[1])];
    retrying(Call::Send, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Errno::INVAL);
        }
        rustix::net::sendmsg(fd, &iov, &mut control, flags)
    })
    .map(|_| ())
}

/// Makes sending fail at the peer from now on. What it has sent before can still be received.
pub(crate) fn stop_reading(fd: BorrowedFd<'_>) -> Sys<()> {
    once(Call::Shutdown, || rustix::net::shutdown(fd, rustix::net::Shutdown::Read))
}

/// Returns the error that this process gets if it can open nothing more.
fn out_of_numbers(fd: BorrowedFd<'_>) -> Option<Errno> {
    rustix::io::fcntl_dupfd_cloexec(fd, 0).err().filter(|e| matches!(*e, Errno::MFILE | Errno::NFILE))
}

/// The result of `receive`.
#[derive(Debug)]
pub(crate) enum Received {
    /// A datagram.
    Datagram {
        /// Its whole length, even if that exceeds the buffer.
        bytes: usize,
        /// True if bytes or descriptors did not fit.
        truncated: bool,
    },
    /// None is waiting.
    Nothing,
    /// The peer has hung up (or has sent an empty datagram, which the protocol does not know either).
    HungUp,
}

/// Receives one datagram; never blocks. Passes every descriptor that arrives to `keep`, close-on-exec.
pub(crate) fn receive(fd: BorrowedFd<'_>, into: &mut [u8], keep: impl FnMut(OwnedFd)) -> Sys<Received> {
    receive_by(fd, into, keep, RecvFlags::DONTWAIT)
}

/// Receives in the same way, but blocks if the socket is set to.
#[cfg(feature = "sendfd")]
pub(crate) fn receive_as_set(
    fd: BorrowedFd<'_>,
    into: &mut [u8],
    keep: impl FnMut(OwnedFd),
) -> Sys<Received> {
    receive_by(fd, into, keep, RecvFlags::empty())
}

fn receive_by(
    fd: BorrowedFd<'_>,
    into: &mut [u8],
    mut keep: impl FnMut(OwnedFd),
    how: RecvFlags,
) -> Sys<Received> {
    let flags = how | RecvFlags::CMSG_CLOEXEC | RecvFlags::TRUNC;
    let mut resets = 0;
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut iov = [IoSliceMut::new(into)];
        let received =
            gate(Call::Receive).and_then(|()| rustix::net::recvmsg(fd, &mut iov, &mut control, flags));
        match received {
            Ok(message) => {
                // The kernel cuts descriptors short if there is no room for them here, or no number left for them:
                // the second is not the peer's fault. Checked while those that came are still held.
                let starved = match message.flags.contains(ReturnFlags::CTRUNC) {
                    true => out_of_numbers(fd),
                    false => None,
                };
                for part in control.drain() {
                    if let rustix::net::RecvAncillaryMessage::ScmRights(fds) = part {
                        fds.for_each(&mut keep);
                    }
                }
                if let Some(errno) = starved {
                    return Err(OsError::new(Call::Receive, errno));
                }
                let truncated = message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
                return Ok(match message.bytes {
                    0 => Received::HungUp,
                    bytes => Received::Datagram { bytes, truncated },
                });
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            // A peer that closed with our datagrams unread leaves this error in front of what it sent: read past it.
            Err(Errno::CONNRESET) if resets < 2 => resets += 1,
            Err(Errno::CONNRESET) => return Ok(Received::HungUp),
            Err(errno) => return Err(OsError::new(Call::Receive, errno)),
        }
    }
}
