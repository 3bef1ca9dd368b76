//! Connecting: the handshake of two sides, and the channel that results.

pub(crate) mod appearance;
#[cfg(feature = "sendfd")]
pub mod handover;
pub(crate) mod incoming;
pub(crate) mod join;
pub(crate) mod observer;
pub(crate) mod pending;
pub mod session;
