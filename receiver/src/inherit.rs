//! A socket that this program was started with.
//!
//! # Safety
//!
//! Taking a descriptor by its number is sound if nothing else in the process owns it. Whoever starts the program vouches
//! for that by naming it: the number is none of the three standard streams, the program opens nothing of its own before
//! it takes the descriptor, and it takes one only once.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd};

/// Takes over descriptor `number`; `None` if that is no open socket, or one of the standard streams.
///
/// Called once, by [`meet`](crate::meet), before anything else is opened that could have the number.
pub(crate) fn adopt(number: i32) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    let target = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    if !target.as_os_str().as_encoded_bytes().starts_with(b"socket:") {
        return None;
    }
    // SAFETY: it is open, as was just seen, and nobody else's: the program got the number from the process that opened it
    // for this purpose, and has opened no socket itself.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    // It came without the flag, or it would not have come. Nothing is started from here that it could leak into.
    let _ = rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC);
    Some(socket)
}
