//! Decoding: a message's bytes become a checked, borrowed view.
//!
//! [`Decoder`] reads the messages of one schema and keeps their dictionaries. [`ReadError`] names the faulty part of
//! a message, the position and the fault.

mod decoder;

pub use self::decoder::{Decoder, DictionaryReceived, MessageKind};
pub use crate::message::{
    BatchFault, BufferRole, ColumnFault, Compression, CorruptFault, DictionaryFault, FileFault, FrameFault,
    Limits, MetadataFault, ReadError, SchemaFault,
};
