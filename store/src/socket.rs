//! One end of a connection: whole datagrams with their descriptors. Never blocks unless documented.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use crate::wire::{LONGEST, MAX_FDS};

/// A received datagram.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
    /// True if bytes or descriptors did not fit.
    pub(crate) truncated: bool,
}

/// The result of receiving.
#[derive(Debug)]
pub(crate) enum Received {
    Datagram(Datagram),
    Nothing,
    HungUp,
}

/// Connects to a path, or with `@` to a name in the abstract namespace.
pub(crate) fn connect(path: &[u8]) -> io::Result<OwnedFd> {
    let address = match path {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        path => SocketAddrUnix::new(path)?,
    };
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // A full backlog is an immediate error instead of an endless wait.
    set_nonblocking(socket.as_fd())?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// The result of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Whole,
    /// The peer has to read first.
    Full,
    /// Too many descriptors of this user are in flight: somebody, possibly another client, has to read first.
    TooManyDescriptors,
}

/// Sends a datagram.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<Sent> {
    loop {
        let sent = if fds.is_empty() {
            rustix::net::send(fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
        } else {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let parts = [IoSlice::new(bytes)];
            rustix::net::sendmsg(fd, &parts, &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
        };
        return match sent {
            Ok(_) => Ok(Sent::Whole),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Sent::Full),
            Err(Errno::TOOMANYREFS) => Ok(Sent::TooManyDescriptors),
            Err(error) => Err(error.into()),
        };
    }
}

/// Receives a datagram into `scratch`, which has room for the longest.
pub(crate) fn receive(fd: BorrowedFd<'_>, scratch: &mut Vec<u8>) -> io::Result<Received> {
    scratch.resize(LONGEST, 0);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    for _ in 0..8 {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(scratch)];
        match rustix::net::recvmsg(fd, &mut parts, &mut control, flags) {
            Ok(message) => {
                let mut fds = Vec::new();
                for part in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(come) = part {
                        fds.extend(come);
                    }
                }
                if message.bytes == 0 {
                    return Ok(Received::HungUp);
                }
                let truncated = message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
                let bytes = scratch.get(..message.bytes).unwrap_or_default().to_vec();
                return Ok(Received::Datagram(Datagram { bytes, fds, truncated }));
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            // The peer closed with our datagrams unread; what it sent is behind this error.
            Err(Errno::CONNRESET) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Received::HungUp)
}

/// Waits until the socket is ready; false once the deadline has passed.
pub(crate) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(timespec);
        let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
