//! The trust in the sender.
//!
//! # Safety
//!
//! Pooled delivery reads memory that the sender could go on writing. It is sound to call that memory `&[u8]` if the
//! sender leaves leased slots alone, and somebody has to promise this: see `Incoming::pooled` of the transport.
//!
//! This program's policy: **a sender that runs as the same user is taken for honest, unless `--delivery copied` or
//! `--delivery sealed` says otherwise.** The kernel vouches for who it is. Such a process could trace this one, replace
//! its binary and rewrite its files; it gains nothing by lying here. What a sender of another user sends is copied, or
//! sealed, before it is looked at, and only users that `--allow-user` names are talked to.
#![allow(unsafe_code)]

use bowstring::transport::{Access, Incoming};
use bowstring::{SetUpError, TableReceiver};

/// Returns whom to talk to: this user, or those of a list that names this user too.
pub(crate) fn access(users: &[u32]) -> Access<'_> {
    if users.is_empty() { Access::SameUser } else { Access::Users(users) }
}

/// Opens a channel: as it was agreed if the sender runs as the same user, and else by copying.
pub(crate) fn open(incoming: Incoming) -> Result<TableReceiver, SetUpError> {
    if !Access::SameUser.permits(incoming.peer().uid) {
        return TableReceiver::open(incoming);
    }
    // SAFETY: the sender runs as the same user, as was just looked at, and the user has not asked for a delivery that
    // needs no trust, or pooled would not have been agreed to. Such a sender is declared honest: see above.
    let opened = unsafe { incoming.open() }.map_err(SetUpError::Host)?;
    TableReceiver::from_opened(opened)
}
