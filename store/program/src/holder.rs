//! Who listens on a socket.

use std::fmt;
use std::fs;
use std::path::Path;

use bowstring_transport::Credentials;
use rustix::fd::AsFd;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.program)
    }
}

/// Returns who listens on a socket.
pub(crate) fn of_socket(path: &Path) -> Option<Holder> {
    let socket = bowstring_transport::names::Address::from_path(path).connect().ok()?;
    let peer = Credentials::of_peer(socket.as_fd()).ok()?;
    let pid = u32::try_from(peer.pid).ok().filter(|&pid| pid > 0)?;
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder { pid, program: program.trim_end().to_owned() })
}
