//! Decoding: a message's bytes become a checked, borrowed view.
//!
//! In stages, each of which believes only what the one before has checked: `frame` finds the metadata, `metadata`
//! copies it, `flat` (or, for schemas, the generated verifier) reads it, `schema` makes a schema of it, and `table`
//! holds a batch's counts and buffers against the layout and the body. [`Decoder`] ties them together for the messages
//! of one schema and keeps the dictionaries.

// claim: codec-hostile, codec-oracle

mod decoder;
pub(crate) mod dictionary;
mod error;
mod fault;
pub(crate) mod flat;
pub(crate) mod frame;
mod limits;
pub(crate) mod metadata;
pub(crate) mod schema;
mod shape;
pub(crate) mod table;
mod words;

pub use self::decoder::{Decoder, DictionaryReceived, MessageKind};
pub use self::error::ReadError;
pub use self::fault::{
    BatchFault, BufferRole, ColumnFault, Compression, CorruptFault, DictionaryFault, FileFault, FrameFault,
    MetadataFault, SchemaFault,
};
pub use self::limits::Limits;
