//! MESSAGE and BYE: what a channel of sealed messages says.

use super::{Fields, Kind, MAX_REASON, WireFault, exactly, prefix, put};

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

/// The bytes of a BYE datagram before its reason.
pub const BYE: usize = 24;
/// The longest BYE.
pub const MAX_BYE: usize = BYE + MAX_REASON;

/// What a BYE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye<'a> {
    /// Why: see [`Closing`](crate::abi::Closing).
    pub code: u32,
    /// The reason in words; empty where [`features::REASONS`](super::features::REASONS) is not in force.
    pub reason: &'a str,
}

/// Writes a BYE without its reason, of which it says the length.
#[must_use]
pub fn bye(code: u32, reason: usize) -> [u8; BYE] {
    let mut out = [0; BYE];
    put(&mut out, 0, &prefix(Kind::Bye, BYE + reason));
    put(&mut out, 16, &code.to_le_bytes());
    put(&mut out, 20, &(reason as u32).to_le_bytes());
    out
}

/// Reads a datagram whose kind is Bye. `reasons` says whether one may follow: if not, the word for its length means
/// nothing. The code may be any.
pub fn read_bye(datagram: &[u8], reasons: bool) -> Result<Bye<'_>, WireFault> {
    if !reasons {
        exactly(datagram, BYE)?;
    }
    let reason = datagram.get(BYE..).ok_or(WireFault::Short { found: datagram.len(), wanted: BYE })?;
    let fields = Fields(datagram);
    if reasons && (fields.u32(20) as usize != reason.len() || reason.len() > MAX_REASON) {
        return Err(WireFault::Reason);
    }
    let reason = core::str::from_utf8(reason).map_err(|_| WireFault::Reason)?;
    Ok(Bye { code: fields.u32(16), reason })
}
