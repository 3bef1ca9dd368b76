//! Decides which senders are read in place.
//!
//! # Safety
//!
//! Pooled delivery reads memory that the sender could go on writing. Calling that memory `&[u8]` is sound if the sender
//! leaves leased slots alone, and somebody has to promise it: see `Incoming::pooled` of the transport.
//!
//! The policy here: **a sender that runs as the same user is considered honest.** The kernel vouches for its
//! identity. Such a process could trace this one, replace its binary and rewrite its files; it gains nothing by lying
//! here. What any other user sends is copied, or sealed, before it is read.
#![allow(unsafe_code)]

use bowstring_transport::{Access, Incoming};

use super::Receiver;
use crate::error::SetUpError;

/// Opens a channel: read in place if the sender runs as the same user, otherwise copied.
pub(super) fn open(incoming: Incoming) -> Result<Receiver, SetUpError> {
    if !Access::SameUser.permits(incoming.peer().uid) {
        return Receiver::open(incoming);
    }
    // SAFETY: the sender runs as the same user, and such a sender is declared honest: see the module's policy.
    let opened = unsafe { incoming.open() }?;
    Receiver::from_opened(opened)
}
