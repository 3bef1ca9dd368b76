//! The datagrams on the socket, byte by byte; see `PROTOCOL.md`. Pure: bytes in, values out.
//!
//! Numbers are little-endian. Every datagram begins with the same sixteen bytes: magic, version, kind, length.

mod fault;
pub mod features;
mod message;
mod opening;
mod parameters;
mod refuse;

pub use fault::WireFault;
pub use message::{Announcement, BYE, Bye, COUNTING_BYE, MAX_BYE, MESSAGE, leaving};
pub use opening::{OPENING, Past, opening, read_opening};
pub(crate) use parameters::is_first_ticket;
pub use parameters::{
    INLINE_GREETING, MAX_FIRST_TICKET, MAX_GREETING, PARAMETERS, Parameters, Receives, Sends,
};
pub use refuse::{MAX_REASON, REFUSE, read_refuse, refuse};

/// The first bytes of every datagram.
pub const MAGIC: [u8; 8] = *b"bowstrng";
/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;
/// The length of the common prefix.
pub const PREFIX: usize = 16;
/// The longest datagram.
pub const MAX_DATAGRAM: usize = PARAMETERS + INLINE_GREETING;

/// The kind of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// The connector's parameters.
    Hello = 1,
    /// The listener's parameters.
    Welcome = 2,
    /// The connector's descriptors.
    Attach = 3,
    /// The channel is open.
    Start = 4,
    /// One side will not go on.
    Refuse = 5,
    /// Something has changed in shared memory.
    Wake = 16,
    /// A message that travels as a descriptor.
    Message = 17,
    /// The end of such messages.
    Bye = 18,
}

impl Kind {
    const fn from_word(word: u16) -> Option<Kind> {
        Some(match word {
            1 => Kind::Hello,
            2 => Kind::Welcome,
            3 => Kind::Attach,
            4 => Kind::Start,
            5 => Kind::Refuse,
            16 => Kind::Wake,
            17 => Kind::Message,
            18 => Kind::Bye,
            _ => return None,
        })
    }
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Kind::Hello => "HELLO",
            Kind::Welcome => "WELCOME",
            Kind::Attach => "ATTACH",
            Kind::Start => "START",
            Kind::Refuse => "REFUSE",
            Kind::Wake => "WAKE",
            Kind::Message => "MESSAGE",
            Kind::Bye => "BYE",
        })
    }
}

/// Reads little-endian numbers at fixed places of a datagram whose length has been checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut word = [0; N];
        // An offset beyond the end reads as zero; the length checks prevent that.
        if let Some(bytes) = self.0.get(at..at + N) {
            word.copy_from_slice(bytes);
        }
        word
    }
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }
    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }
}

fn put(into: &mut [u8], at: usize, bytes: &[u8]) {
    into[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Checks the common prefix of a datagram, which is the whole of some kinds, and returns its kind.
pub fn kind(datagram: &[u8]) -> Result<Kind, WireFault> {
    let fields = Fields(datagram);
    // Magic and version come first: a foreign program's short datagram should be called foreign, not short.
    if datagram.len() < 8 || fields.bytes::<8>(0) != MAGIC {
        return Err(if MAGIC.starts_with(datagram) { short(datagram, PREFIX) } else { WireFault::Magic });
    }
    if datagram.len() >= 10 && fields.u16(8) != VERSION {
        return Err(WireFault::Version(fields.u16(8)));
    }
    if datagram.len() < PREFIX {
        return Err(short(datagram, PREFIX));
    }
    let said = fields.u32(12);
    if said as usize != datagram.len() {
        return Err(WireFault::Length { found: datagram.len(), said });
    }
    let kind = Kind::from_word(fields.u16(10)).ok_or(WireFault::Kind(fields.u16(10)))?;
    if kind == Kind::Wake {
        exactly(datagram, PREFIX)?;
    }
    Ok(kind)
}

/// Checks that a datagram has the length of its kind. A later protocol that adds words to a kind announces it by the
/// version or the features, so nothing is read that its writer did not mean.
fn exactly(datagram: &[u8], wanted: usize) -> Result<(), WireFault> {
    match datagram.len() {
        found if found < wanted => Err(WireFault::Short { found, wanted }),
        found if found > wanted => Err(WireFault::Long { found, wanted }),
        _ => Ok(()),
    }
}

fn short(datagram: &[u8], wanted: usize) -> WireFault {
    WireFault::Short { found: datagram.len(), wanted }
}

/// Returns the common prefix of a datagram of `kind` and `length` bytes.
#[must_use]
pub fn prefix(kind: Kind, length: usize) -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 8, &VERSION.to_le_bytes());
    put(&mut bytes, 10, &(kind as u16).to_le_bytes());
    put(&mut bytes, 12, &(length as u32).to_le_bytes());
    bytes
}
