//! Finds the process that listens on a socket.

use std::path::Path;

use bowstring_adbc::lock::Holder;
use bowstring_transport::Credentials;
use rustix::fd::AsFd;

/// Returns the process that listens on a socket.
pub(crate) fn of_socket(path: &Path) -> Option<Holder> {
    let socket = bowstring_transport::names::Address::from_path(path).connect().ok()?;
    let peer = Credentials::of_peer(socket.as_fd()).ok()?;
    u32::try_from(peer.pid).ok().filter(|&pid| pid > 0).map(Holder::of)
}
