//! The handshake: from a path or an inherited descriptor to a channel that both sides have agreed to.
//!
//! ```text
//! connector                      listener
//!   HELLO    ───────────────────▶          what I send, what I want to receive, my greeting
//!            ◀───────────────────  WELCOME what was chosen, my greeting, my descriptors   (or REFUSE: code, reason)
//!   ATTACH   ───────────────────▶          my descriptors
//!            ◀───────────────────  START
//! ```
//!
//! [`machine`] decides, without I/O; `driver` carries the datagrams over a socket.

mod delivery;
pub(crate) mod driver;
#[cfg(feature = "std")]
mod environment;
mod error;
pub(crate) mod listen;
pub mod machine;
mod refusal;
pub mod wire;

pub use delivery::{Deliveries, Delivery};
pub use driver::{ConnectRequest, Decision};
#[cfg(feature = "std")]
pub use environment::{default_socket, inherited_listener};
pub use error::HandshakeError;
pub use listen::Listener;
pub(crate) use refusal::fit;
pub use refusal::{Refusal, RefusalCode};
pub use wire::WireFault;
