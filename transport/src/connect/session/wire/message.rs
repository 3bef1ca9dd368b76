//! MESSAGE and BYE: the datagrams of a channel of sealed messages.

use super::{Fields, Kind, MAX_REASON, WireFault, exactly, features, prefix, put};

/// The bytes of a MESSAGE datagram.
pub const MESSAGE: usize = 48;

/// A message that travels as a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// The sender's number of this message; a gap means messages that this receiver was not given.
    pub number: u64,
    /// Its bytes, from the start of the file.
    pub len: u64,
    /// The number of the request that it replies to, or 0.
    pub reply_to: u64,
    /// A word that belongs to the application.
    pub tag: u32,
    /// Messages that this receiver was not given before because it was slow, counted modulo 2³².
    pub skipped: u32,
}

impl Announcement {
    /// Encodes the datagram.
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

    /// Decodes a datagram of kind Message.
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

/// The length of a BYE before its reason: the short form, which is all that a receiver sends.
pub const BYE: usize = 24;
/// The same if [`features::MISSED`] is in force.
pub const COUNTING_BYE: usize = 32;
/// The longest BYE.
pub const MAX_BYE: usize = COUNTING_BYE + MAX_REASON;

/// The content of a BYE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bye<'a> {
    /// The code: see `Closing`.
    pub code: u32,
    /// Messages that the receiver was not given because it was slow, in all; 0 unless [`features::MISSED`] is in
    /// force.
    pub missed: u64,
    /// The reason in words; empty unless [`features::REASONS`] is in force.
    pub reason: &'a str,
}

impl Bye<'_> {
    /// Encodes the part before the reason, [`BYE`] or [`COUNTING_BYE`] bytes long; returns that length too.
    #[must_use]
    pub fn head(&self, agreed: u64) -> ([u8; COUNTING_BYE], usize) {
        let len = bye_len(agreed);
        let mut out = [0; COUNTING_BYE];
        put(&mut out, 0, &prefix(Kind::Bye, len + self.reason.len()));
        put(&mut out, 16, &self.code.to_le_bytes());
        put(&mut out, 20, &(self.reason.len() as u32).to_le_bytes());
        put(&mut out, 24, &self.missed.to_le_bytes());
        (out, len)
    }

    /// Decodes a datagram of kind Bye; accepts any code. Without [`features::REASONS`] the word for the reason's
    /// length is ignored.
    pub fn decode(datagram: &[u8], agreed: u64) -> Result<Bye<'_>, WireFault> {
        let (len, reasons) = (bye_len(agreed), agreed & features::REASONS != 0);
        if !reasons {
            exactly(datagram, len)?;
        }
        let reason = datagram.get(len..).ok_or(WireFault::Short { found: datagram.len(), wanted: len })?;
        let fields = Fields(datagram);
        if reasons && (fields.u32(20) as usize != reason.len() || reason.len() > MAX_REASON) {
            return Err(WireFault::Reason);
        }
        let reason = core::str::from_utf8(reason).map_err(|_| WireFault::Reason)?;
        let missed = if len == BYE { 0 } else { fields.u64(24) };
        Ok(Bye { code: fields.u32(16), missed, reason })
    }
}

fn bye_len(agreed: u64) -> usize {
    if agreed & features::MISSED == 0 { BYE } else { COUNTING_BYE }
}

/// Encodes the BYE of a receiver that leaves, which is always short.
#[must_use]
pub fn leaving() -> [u8; BYE] {
    let mut out = [0; BYE];
    put(&mut out, 0, &prefix(Kind::Bye, BYE));
    out
}
