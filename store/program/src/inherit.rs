//! The socket that a service manager hands down.
//!
//! # Safety
//!
//! The descriptors that `LISTEN_FDS` counts are used here and nowhere else.
#![allow(unsafe_code)]

use bowstring_transport::session::inherited_listener;
use bowstring_transport::{HandshakeError, Listener};

/// Returns the socket handed down, if there is one. Call it once.
pub(crate) fn listener() -> Option<Result<Listener, HandshakeError>> {
    // SAFETY: 1. nothing else in this program uses these descriptors; 2. `serve` calls this once.
    unsafe { inherited_listener() }
}
