//! How far the sender is trusted.
//!
//! # Safety
//!
//! Pooled delivery reads memory that the sender could go on writing. It is sound to call that memory `&[u8]` if the
//! sender leaves leased slots alone, and somebody has to promise this: see `Incoming::pooled` of the transport.
//!
//! This program's policy: **a sender that runs as the same user is taken for honest, unless `--delivery copied` or
//! `--delivery sealed` says otherwise.** The kernel vouches for who it is. Such a process could trace this one, replace
//! its binary and rewrite its files; it gains nothing by lying here. No other user's process is talked to at all.
#![allow(unsafe_code)]

use bowstring::transport::{Access, Incoming, Opened, OsError};

/// Whom this program talks to.
pub(crate) const ACCESS: Access<'static> = Access::SameUser;

/// Opens a channel as it was agreed. `incoming` comes of a meeting with [`ACCESS`].
pub(crate) fn open(incoming: Incoming) -> Result<Opened, OsError> {
    // SAFETY: the sender runs as the same user, since `ACCESS` lets in no other, and the user has not asked for a
    // delivery that needs no trust, or pooled would not have been agreed to. Such a sender is declared honest: see above.
    unsafe { incoming.open() }
}
