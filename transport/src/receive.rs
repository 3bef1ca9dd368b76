//! The receiving side: channels through slots with their leases, and sealed messages.

pub(crate) mod channel;
pub(crate) mod copy;
pub(crate) mod lease;
pub(crate) mod prefetch;
pub(crate) mod receiver;
pub(crate) mod sealed;
