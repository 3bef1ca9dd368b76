//! Socket addresses from the environment. The only part of the crate that needs `std`.

#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use super::error::HandshakeError;
use super::listen::Listener;

/// Returns the default socket: `$XDG_RUNTIME_DIR/bowstring.sock`, else the same under `/run/user/UID`. `None` if
/// neither directory exists; then the user has to name a path.
#[must_use]
pub fn default_socket() -> Option<PathBuf> {
    let stated = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let usual = || PathBuf::from(format!("/run/user/{}", crate::sys::own_uid()));
    let directory = stated.into_iter().chain([usual()]).find(|dir| dir.is_dir())?;
    Some(directory.join("bowstring.sock"))
}

/// The first descriptor passed by systemd's socket activation.
const FIRST: RawFd = 3;

/// Returns the socket handed down by a service manager, by the protocol of `sd_listen_fds(3)`: the descriptors from 3
/// on if `LISTEN_PID` is this process. Takes the first that is a listening Unix socket of sequenced packets; `None`
/// if there is none.
///
/// # Safety
/// 1. Nothing else in the program uses the descriptors that `LISTEN_FDS` counts.
/// 2. This is called once.
pub unsafe fn inherited_listener() -> Option<Result<Listener, HandshakeError>> {
    let number = |name| std::env::var(name).ok()?.parse::<i64>().ok();
    if number("LISTEN_PID")? != i64::from(std::process::id()) {
        return None;
    }
    let count = RawFd::try_from(number("LISTEN_FDS")?).ok().filter(|n| (1..=1024).contains(n))?;
    let mut failed = None;
    for fd in FIRST..FIRST + count {
        // SAFETY: used only during the borrow, and -1, which it must not be, is below `FIRST`. A number that is not
        // open fails the call, which does nothing else.
        let seen = unsafe { BorrowedFd::borrow_raw(fd) };
        if !crate::sys::is_open(seen) {
            continue;
        }
        // SAFETY: it is open, and the caller's 1. and 2. make it ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        match Listener::inherited(fd) {
            Ok(listener) => return Some(Ok(listener)),
            Err(e) => failed = Some(Err(e)),
        }
    }
    failed
}
