//! Decoding: a message's bytes become a checked, borrowed view.
//!
//! [`Decoder`] reads the messages of one schema and keeps their dictionaries. [`ReadError`] says which part of a
//! message is wrong, where, and how.

mod decoder;

pub use self::decoder::{Decoder, DictionaryReceived, MessageKind};
pub use crate::message::{
    BatchFault, BufferRole, ColumnFault, Compression, CorruptFault, DictionaryFault, FileFault, FrameFault,
    Limits, MetadataFault, ReadError, SchemaFault,
};
