//! What travels when tables do. `PROTOCOL.md` says the same for other languages, under "Tables".
//!
//! - The sender's greeting is one encapsulated Arrow schema message, and behind it perhaps [`hints`](crate::hints).
//! - Each message of the transport is one encapsulated Arrow message, framed, with its buffers at multiples of 64 bytes
//!   from its start. The transport's tag says which kind: [`DICTIONARY`] or [`BATCH`].
//! - A dictionary is sent before the first batch that needs it; a receiver that joins late is sent, alone, those that
//!   are in force.
//! - The table ends where the transport closes.

/// The tag of a message that is a dictionary batch.
pub const DICTIONARY: u32 = 1;

/// The tag of a message that is a record batch.
pub const BATCH: u32 = 2;
