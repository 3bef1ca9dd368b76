//! The protocol by hand, using only its constants, so that every rule can be broken.

pub mod datagram;
pub mod memory;
pub mod play;
mod socket;

pub use datagram::Parameters;
pub use memory::{Make, Region};
pub use socket::{Letter, Socket};
