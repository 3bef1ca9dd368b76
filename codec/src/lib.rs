//! Arrow IPC messages, written into and read from memory that somebody else owns.
//!
//! Setting up may allocate and takes what it needs from `arrow-ipc`; afterwards a message is written, and read
//! as a view, without a heap.
//!
//! - [`layout`]: a schema, flattened into the nodes and buffers of its messages; both halves walk it.
//! - [`Plan`]: what is worked out once for a schema.
//! - [`Encoder`]: a finished `RecordBatch` into a region, with one copy of its data.
//! - [`Shape`] and [`build`]: a message whose columns are computed straight into the region.
//! - [`mod@write`]: whole streams and files, and which dictionaries must go before a batch.
//! - [`decode`]: a message's bytes become a checked view of them.
//! - [`view`]: what a batch looks like in the memory it came in, and how far it was checked.
//! - [`interop`]: the same as a `RecordBatch`, without copying.
//! - [`read`]: whole streams and files.
//! - [`error`]: what can be wrong with a schema.

#[cfg(target_endian = "big")]
compile_error!("messages are little-endian, and buffers are written as they lie in memory");

pub mod build;
pub mod decode;
pub mod encode;
pub mod error;
pub mod interop;
pub mod layout;
mod native;
mod plan;
pub mod read;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod validate;
pub mod view;
mod wire;
pub mod write;

pub use build::{BuildError, InPlace, Shape};
pub use encode::{EncodeError, Encoder};
pub use error::{LayoutError, LayoutFault};
pub use layout::Layout;
pub use plan::Plan;
pub use wire::{ALIGNMENT, END_OF_STREAM};
pub use write::{Dictionaries, DictionaryUpdate, FileWriter, OnGrowth, StreamWriter, WriteError};
