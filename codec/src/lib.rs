//! Arrow IPC messages, written into and read from memory that somebody else owns.
//!
//! - [`layout`]: a schema, flattened into the nodes and buffers of its messages; both halves walk it.
//! - [`error`]: what can be wrong with a schema.

pub mod error;
pub mod layout;

pub use error::{LayoutError, LayoutFault};
pub use layout::Layout;
