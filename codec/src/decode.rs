//! Decoding: a message's bytes become a checked, borrowed view.
//!
//! Stages, each of which believes only what the one before has checked: `frame` finds the metadata, `metadata` copies
//! and verifies it, `schema` reads a schema out of it, `table` holds a batch's counts and buffers against the layout
//! and the body. [`Decoder`] ties them together for the messages of one schema and keeps the dictionaries.

mod decoder;
pub(crate) mod dictionary;
mod error;
pub(crate) mod frame;
pub(crate) mod metadata;
pub(crate) mod schema;
pub(crate) mod table;

pub use self::decoder::{Decoder, DictionaryReceived, Limits, MessageKind};
pub use self::error::{
    BatchFault, BufferRole, ColumnFault, Compression, DictionaryFault, FileFault, FrameFault, MetadataFault,
    ReadError, SchemaFault,
};
