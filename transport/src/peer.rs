//! The other process: its identity, and whether it is still alive.

// claim: kill

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::connect::session::HandshakeError;
use crate::connect::session::wire::WireFault;
use crate::error::OsError;
use crate::sys::{self, Received};

/// The identity of the peer, as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process that made the connection, or that names itself over a socket pair of our own. 0 if it is in a PID
    /// namespace that this process cannot see: it cannot be watched, and only its hang-up shows that it has ended.
    pub pid: i32,
    /// The user that it ran as when it made the connection. If this process's user namespace does not map that user, the
    /// number that the kernel reports for all of those: see [`is_mapped`](Self::is_mapped).
    pub uid: u32,
}

impl Credentials {
    /// Asks the kernel who made the other end of a connected Unix socket.
    pub fn of_peer(socket: BorrowedFd<'_>) -> Result<Credentials, OsError> {
        let (pid, uid) = sys::peer_credentials(socket)?;
        Ok(Credentials { pid, uid })
    }

    /// Returns false if `uid` may stand for any user that this process's user namespace does not map.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        sys::is_mapped(self.uid)
    }
}

/// The users to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access<'a> {
    /// Processes of the same user only.
    #[default]
    SameUser,
    /// Processes of these users.
    Users(&'a [u32]),
}

impl Access<'_> {
    /// Returns true if a process of user `uid` is let in. Never one whose user this process's user namespace does not
    /// map: the kernel reports the same number for all of these, and for this process if it is one of them.
    #[must_use]
    pub fn permits(self, uid: u32) -> bool {
        self.names(uid) && sys::is_mapped(uid)
    }

    fn names(self, uid: u32) -> bool {
        match self {
            Access::SameUser => uid == sys::own_uid(),
            Access::Users(list) => list.contains(&uid),
        }
    }

    /// Lets in a process of user `uid`, or returns the reason why not.
    pub(crate) fn check(self, uid: u32) -> Result<(), HandshakeError> {
        let (is_named, is_mapped) = (self.names(uid), sys::is_mapped(uid));
        if is_named && is_mapped { Ok(()) } else { Err(HandshakeError::Denied { uid, is_mapped }) }
    }
}

/// The state of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vital {
    /// It is alive and holds its end.
    Alive,
    /// It no longer holds its end: it has closed, or died.
    HungUp,
    /// Its process has ended, though a child of it may still hold the socket.
    Dead,
}

/// Another process, without a connection to it.
#[derive(Debug)]
pub(crate) struct Process {
    pidfd: Option<OwnedFd>,
    credentials: Credentials,
}

impl Process {
    /// Opens a descriptor of the process `pid` of user `uid`.
    #[cfg(feature = "std")]
    pub(crate) fn open(pid: i32, uid: u32) -> Result<Process, OsError> {
        Ok(Process { pidfd: pidfd_of(pid)?, credentials: Credentials { pid, uid } })
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials
    }

    /// Returns false once the process has ended. One that cannot be watched never does.
    pub(crate) fn is_alive(&self) -> Result<bool, OsError> {
        let Some(pidfd) = &self.pidfd else { return Ok(true) };
        let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
        sys::poll(&mut fds, 0)?;
        Ok(!fds[0].revents().contains(PollFlags::IN))
    }
}

/// Opens a process's descriptor; `None` on an old kernel, for a foreign PID namespace, or if the process is gone.
fn pidfd_of(pid: i32) -> Result<Option<OwnedFd>, OsError> {
    use rustix::io::Errno;
    match sys::pidfd_open(pid) {
        Ok(fd) => Ok(Some(fd)),
        Err(e) if e.is(Errno::NOSYS) || e.is(Errno::SRCH) || e.is(Errno::INVAL) || e.is(Errno::PERM) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// A connection to another process: the socket, and a descriptor of the process itself.
#[derive(Debug)]
pub(crate) struct Control {
    socket: OwnedFd,
    /// Readable once the process has ended. Without it (before Linux 5.3) death shows as a hang-up.
    pidfd: Option<OwnedFd>,
    credentials: Credentials,
}

impl Control {
    /// Takes over a connected socket. Watches nobody yet. For a socket pair the kernel only knows who made it, so the
    /// peer's process becomes known later: see [`trust_pid`](Self::trust_pid).
    pub(crate) fn new(socket: OwnedFd) -> Result<Control, OsError> {
        let (pid, uid) = sys::peer_credentials(socket.as_fd())?;
        Ok(Control { socket, pidfd: None, credentials: Credentials { pid, uid } })
    }

    /// Watches the process that the kernel reports, unless that is this one.
    pub(crate) fn watch(&mut self) -> Result<(), OsError> {
        match self.credentials.pid {
            pid if pid == sys::own_pid() => Ok(()),
            pid => self.watch_process(pid),
        }
    }

    /// Takes the peer's own word for its process and decides which process to watch. A peer that lies gains nothing
    /// over one that tells the truth and stalls.
    pub(crate) fn trust_pid(&mut self, pid: i32) -> Result<(), OsError> {
        let known = self.credentials.pid;
        if known != sys::own_pid() {
            // The kernel knows who made the socket. If that is not the speaker (a server that forks, a service
            // manager, a parent that hands down a pair, another PID namespace), that process's end says nothing about
            // the connection: rely on the hang-up.
            if known != pid {
                self.pidfd = None;
            }
        } else if pid > 0 && pid != known {
            // We made the socket, so the kernel only knows us; the peer names itself.
            self.credentials.pid = pid;
            self.watch_process(pid)?;
        }
        Ok(())
    }

    /// Opens the process descriptor. The pid can only have been reused if the peer is already dead; then the
    /// handshake's next datagram never comes.
    fn watch_process(&mut self, pid: i32) -> Result<(), OsError> {
        // Without it the socket still shows the end.
        if let Some(pidfd) = pidfd_of(pid)? {
            self.pidfd = Some(pidfd);
        }
        Ok(())
    }

    /// Returns the same peer over another socket, for the second direction of a connection.
    pub(crate) fn beside(&self, socket: OwnedFd) -> Result<Control, OsError> {
        let pidfd = self.pidfd.as_ref().map(sys::duplicate).transpose()?;
        Ok(Control { socket, pidfd, credentials: self.credentials })
    }

    /// Keeps of the peer only what tells whether its process is alive.
    pub(crate) fn into_process(self) -> Process {
        Process { pidfd: self.pidfd, credentials: self.credentials }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Reads one datagram of an open channel; `None` if none is waiting. It must carry no descriptors: any that
    /// arrive are closed and are a protocol violation.
    pub(crate) fn hear<'d>(&self, into: &'d mut [u8]) -> Option<Result<&'d [u8], WireFault>> {
        let mut found = 0;
        let close = |fd| {
            drop::<OwnedFd>(fd);
            found += 1;
        };
        match sys::receive(self.socket(), into, close) {
            Ok(Received::Datagram { truncated: true, .. }) => Some(Err(WireFault::Truncated)),
            Ok(Received::Datagram { .. }) if found > 0 => {
                Some(Err(WireFault::Descriptors { found, wanted: 0 }))
            }
            Ok(Received::Datagram { bytes, .. }) => Some(into.get(..bytes).ok_or(WireFault::Truncated)),
            Ok(Received::Nothing | Received::HungUp) | Err(_) => None,
        }
    }

    /// Checks the peer without waiting.
    pub(crate) fn vital(&self) -> Result<Vital, OsError> {
        self.wait(PollFlags::empty(), 0).map(|(vital, _)| vital)
    }

    /// Waits until the socket is ready for `events`, the peer is gone, or `nanos` have passed; returns which.
    pub(crate) fn wait(&self, events: PollFlags, nanos: u64) -> Result<(Vital, bool), OsError> {
        let mut fds = [
            PollFd::new(&self.socket, events),
            // `poll` ignores an entry without events; the socket stands in for a missing process descriptor.
            match &self.pidfd {
                Some(pidfd) => PollFd::new(pidfd, PollFlags::IN),
                None => PollFd::new(&self.socket, PollFlags::empty()),
            },
        ];
        sys::poll(&mut fds, nanos)?;
        let socket = fds[0].revents();
        let dead = self.pidfd.is_some() && fds[1].revents().contains(PollFlags::IN);
        let vital = if dead {
            Vital::Dead
        } else if socket.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            Vital::HungUp
        } else {
            Vital::Alive
        };
        Ok((vital, socket.intersects(events)))
    }
}
