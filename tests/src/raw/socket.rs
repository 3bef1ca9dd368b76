//! A blocking socket of sequenced packets, with descriptors.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bowstring_transport::session::wire;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// One end of a connection.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// A datagram as it came. An empty one without descriptors is the peer's hang-up.
#[derive(Debug, Default)]
pub struct Letter {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its descriptors, in order.
    pub fds: Vec<OwnedFd>,
}

impl Letter {
    /// Returns true if the peer has hung up.
    #[must_use]
    pub fn is_hang_up(&self) -> bool {
        self.bytes.is_empty() && self.fds.is_empty()
    }

    /// Returns the kind, if there are bytes enough for one.
    #[must_use]
    pub fn kind(&self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes.get(10..12)?.try_into().ok()?))
    }
}

impl Socket {
    /// Takes over a connected socket.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Socket {
        Socket(fd)
    }

    /// Returns the end that a parent process passed as standard input.
    #[must_use]
    pub fn from_stdin() -> Socket {
        Socket(std::io::stdin().as_fd().try_clone_to_owned().expect("standard input is open"))
    }

    /// Sends a datagram; a peer that is gone is not an error, because hostile peers may outlive their victims'
    /// patience.
    pub fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        match self.try_send(bytes, fds, SendFlags::NOSIGNAL) {
            Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => {}
            Err(e) => panic!("sendmsg: {e}"),
        }
    }

    /// Sends a datagram without waiting for room.
    pub fn send_now(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        self.try_send(bytes, fds, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }

    fn try_send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>], flags: SendFlags) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(
            fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds)),
            "64 descriptors at most"
        );
        rustix::net::sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, flags).map(drop)
    }

    /// Returns the next datagram; waits for it.
    #[must_use]
    pub fn recv(&self) -> Letter {
        let mut bytes = vec![0; 2 * wire::MAX_DATAGRAM];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut iov = [IoSliceMut::new(&mut bytes)];
        let got = match rustix::net::recvmsg(&self.0, &mut iov, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(got) => got.bytes,
            // The peer closed with something of ours unread; what it sent comes after.
            Err(Errno::CONNRESET) => return self.recv(),
            Err(e) => panic!("recvmsg: {e}"),
        };
        let fds = control
            .drain()
            .filter_map(|part| match part {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            })
            .flatten()
            .collect();
        bytes.truncate(got);
        Letter { bytes, fds }
    }

    /// Waits until the peer has hung up and returns the code of its refusal, if it sent one.
    #[must_use]
    pub fn await_hang_up(&self) -> Option<u32> {
        let mut refused = None;
        loop {
            let letter = self.recv();
            if letter.is_hang_up() {
                return refused;
            }
            if letter.kind() == Some(wire::Kind::Refuse as u16) {
                refused = letter.bytes.get(16..20).and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?)));
            }
        }
    }

    /// Waits until there is something to receive, or the peer is gone.
    pub fn await_word(&self) {
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None).expect("poll");
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
