//! The bytes of a message, believed only as far as they are checked.
//!
//! In stages: `frame` finds the metadata, `metadata` copies it, `flat` (or, for schemas, the generated verifier)
//! reads it, `schema` makes a schema of it, and `table` checks a batch's counts and buffers against the layout and
//! the body. `dictionary` keeps the dictionaries received. [`decode`](crate::decode) ties them together.

// claim: codec-hostile, codec-oracle

pub(crate) mod dictionary;
mod error;
mod fault;
pub(crate) mod flat;
pub(crate) mod frame;
mod incoming;
mod limits;
pub(crate) mod metadata;
pub(crate) mod schema;
mod shape;
pub(crate) mod table;
mod words;

pub use self::error::ReadError;
pub use self::fault::{
    BatchFault, BufferRole, ColumnFault, Compression, CorruptFault, DictionaryFault, FileFault, FrameFault,
    MetadataFault, SchemaFault,
};
pub use self::limits::Limits;
