//! Memory that is handed to other processes: memory files, their seals, and mappings of them.
//!
//! The type of a region shows what may still happen to it, and it only moves one way:
//!
//! ```text
//! Writable ──publish──▶ Published   its owner goes on writing; for everyone else it is read-only for good
//!     └─────freeze────▶ Frozen      nobody writes it again; safe to read as `&[u8]` by anyone
//! ```
//!
//! A region from another process is only a claim until `attach` has checked its descriptor.

mod append;
pub(crate) mod attach;
mod map;
mod memfd;
pub(crate) mod private;
mod words;

pub use append::Appender;
pub use attach::Frozen as FrozenView;
pub(crate) use attach::PeerMap;
pub(crate) use map::Shared;
pub(crate) use memfd::affordable;
pub use memfd::{Frozen, Pages, Published, Writable};
pub use private::MapBox;
pub(crate) use words::{Mapped, Words};
