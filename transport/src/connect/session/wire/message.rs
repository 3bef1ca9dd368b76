//! MESSAGE and BYE: what a channel of sealed messages says.

use super::{Fields, Kind, WireFault, exactly, prefix, put};

/// The bytes of a MESSAGE datagram.
pub const MESSAGE: usize = 48;

/// A message that travels as a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// The sender's number of this message; a gap means messages that this receiver was not given.
    pub number: u64,
    /// Its bytes, from the start of the file.
    pub len: u64,
    /// The number of the request that it answers, or 0.
    pub reply_to: u64,
    /// A word that belongs to the application.
    pub tag: u32,
    /// Messages that this receiver was not given before because it was slow, counted modulo 2³².
    pub skipped: u32,
}

impl Announcement {
    /// Writes the datagram.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE] {
        let mut out = [0; MESSAGE];
        put(&mut out, 0, &prefix(Kind::Message, MESSAGE));
        put(&mut out, 16, &self.number.to_le_bytes());
        put(&mut out, 24, &self.len.to_le_bytes());
        put(&mut out, 32, &self.reply_to.to_le_bytes());
        put(&mut out, 40, &self.tag.to_le_bytes());
        put(&mut out, 44, &self.skipped.to_le_bytes());
        out
    }

    /// Reads a datagram whose kind is Message.
    pub fn decode(datagram: &[u8]) -> Result<Announcement, WireFault> {
        exactly(datagram, MESSAGE)?;
        let fields = Fields(datagram);
        Ok(Announcement {
            number: fields.u64(16),
            len: fields.u64(24),
            reply_to: fields.u64(32),
            tag: fields.u32(40),
            skipped: fields.u32(44),
        })
    }
}

/// The bytes of a BYE datagram.
pub const BYE: usize = 24;

/// Writes a BYE; `cut_off` if the receiver was too slow for its sender's policy.
#[must_use]
pub fn bye(cut_off: bool) -> [u8; BYE] {
    let mut out = [0; BYE];
    put(&mut out, 0, &prefix(Kind::Bye, BYE));
    put(&mut out, 16, &u32::from(cut_off).to_le_bytes());
    out
}

/// Reads a datagram whose kind is Bye: whether this receiver was cut off.
pub fn read_bye(datagram: &[u8]) -> Result<bool, WireFault> {
    exactly(datagram, BYE)?;
    match Fields(datagram).u32(16) {
        0 => Ok(false),
        1 => Ok(true),
        bits => Err(WireFault::Flags(bits)),
    }
}
