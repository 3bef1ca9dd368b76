//! ATTACH and START: the last datagrams before a channel opens.

use super::{Fields, Kind, PREFIX, WireFault, exactly, features, prefix, put};

/// The length of an ATTACH or START if [`features::PAST`] is in force.
pub const OPENING: usize = 32;

/// The messages that a side sent before a channel opened: zeroes if it sends nothing, or does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Messages, as the application counts them: batches, for a table.
    pub messages: u64,
    /// Their content in the application's own unit: rows, for a table.
    pub items: u64,
}

/// Encodes an ATTACH or START, [`PREFIX`] or [`OPENING`] bytes long; returns that length too.
#[must_use]
pub fn opening(kind: Kind, agreed: u64, past: Past) -> ([u8; OPENING], usize) {
    let len = if agreed & features::PAST == 0 { PREFIX } else { OPENING };
    let mut out = [0; OPENING];
    put(&mut out, 0, &prefix(kind, len));
    put(&mut out, 16, &past.messages.to_le_bytes());
    put(&mut out, 24, &past.items.to_le_bytes());
    (out, len)
}

/// Decodes a datagram of kind Attach or Start.
pub fn read_opening(datagram: &[u8], agreed: u64) -> Result<Past, WireFault> {
    if agreed & features::PAST == 0 {
        exactly(datagram, PREFIX)?;
        return Ok(Past::default());
    }
    exactly(datagram, OPENING)?;
    let fields = Fields(datagram);
    Ok(Past { messages: fields.u64(16), items: fields.u64(24) })
}
