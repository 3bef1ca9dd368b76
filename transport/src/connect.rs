//! Connecting: the handshake of two sides, and the channel that results.

pub(crate) mod appearance;
pub(crate) mod connector;
pub(crate) mod endpoint;
#[cfg(feature = "sendfd")]
pub mod handover;
pub(crate) mod incoming;
pub(crate) mod join;
pub(crate) mod observer;
pub(crate) mod pending;
pub mod session;
