//! The datagrams on the socket, byte for byte; see `PROTOCOL.md`. Pure: bytes in, values out.
//!
//! Numbers are little-endian. Every datagram begins with the same sixteen bytes: magic, version, kind, length.

use crate::abi::{Geometry, GeometryError};

/// What every datagram begins with.
pub const MAGIC: [u8; 8] = *b"bowstrng";
/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;
/// The bytes of the common beginning.
pub const PREFIX: usize = 16;
/// The longest greeting that travels inside of its datagram; a longer one travels as a sealed descriptor.
pub const INLINE_GREETING: usize = 32 << 10;
/// The longest greeting.
pub const MAX_GREETING: usize = 64 << 20;
/// The longest reason in a refusal.
pub const MAX_REASON: usize = 96;
/// The bytes of a HELLO or WELCOME before its greeting.
pub const CARD: usize = 96;
/// The longest datagram.
pub const MAX_DATAGRAM: usize = CARD + INLINE_GREETING;

/// What a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// The connector's card.
    Hello = 1,
    /// The listener's card.
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

/// What is wrong with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// It is shorter than its kind must be.
    Short {
        /// Its bytes.
        found: usize,
        /// The fewest it should have.
        wanted: usize,
    },
    /// It is longer than its kind may be.
    Long {
        /// Its bytes.
        found: usize,
        /// The most it may have.
        wanted: usize,
    },
    /// It does not begin with the magic bytes: the other program speaks something else.
    Magic,
    /// It is of another version.
    Version(u16),
    /// It is of a kind that does not exist.
    Kind(u16),
    /// It is of a kind that has no place here.
    Unexpected(Kind),
    /// It says another length than it has.
    Length {
        /// Its bytes.
        found: usize,
        /// What it says.
        said: u32,
    },
    /// It was longer than any datagram that has a place here, or carried more descriptors.
    Truncated,
    /// It carried another number of descriptors than it should.
    Descriptors {
        /// How many came.
        found: usize,
        /// How many should have.
        wanted: usize,
    },
    /// The second socket of a connection is not a connected Unix socket of sequenced packets.
    Socket,
    /// Bits are set that mean nothing.
    Flags(u32),
    /// A greeting is longer than allowed, or than the datagram.
    Greeting(u64),
    /// The shape of a pool is impossible.
    Geometry(GeometryError),
    /// A first ticket of 0 or too close to the end of the numbers.
    FirstTicket(u64),
    /// The listener chose what was not offered.
    Choice,
    /// The reason of a refusal is not UTF-8 or not as long as it says.
    Reason,
}

impl core::fmt::Display for WireFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            WireFault::Short { found, wanted } => {
                write!(f, "a datagram of {found} bytes where {wanted} are the fewest")
            }
            WireFault::Long { found, wanted } => {
                write!(f, "a datagram of {found} bytes where {wanted} are the most")
            }
            WireFault::Magic => {
                f.write_str("a datagram that does not begin with \"bowstrng\": not a Bowstring program")
            }
            WireFault::Version(v) => write!(f, "protocol version {v}; this program speaks version {VERSION}"),
            WireFault::Kind(k) => write!(f, "a datagram of unknown kind {k}"),
            WireFault::Unexpected(kind) => write!(f, "a datagram {} that has no place here", kind),
            WireFault::Length { found, said } => write!(f, "a datagram of {found} bytes that says {said}"),
            WireFault::Truncated => f.write_str("a datagram longer than any that has a place here"),
            WireFault::Descriptors { found, wanted } => {
                write!(f, "{found} descriptors where {wanted} were due")
            }
            WireFault::Socket => {
                f.write_str("a second socket that is not a connected one of sequenced packets")
            }
            WireFault::Flags(bits) => write!(f, "unknown flags {bits:#x}"),
            WireFault::Greeting(n) => write!(f, "a greeting of {n} bytes"),
            WireFault::Geometry(e) => e.fmt(f),
            WireFault::FirstTicket(t) => write!(f, "an impossible first ticket, {t}"),
            WireFault::Choice => f.write_str("a choice that was not offered"),
            WireFault::Reason => f.write_str("a refusal without a readable reason"),
        }
    }
}

/// Reads little-endian numbers at fixed places of a datagram whose length has been checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut word = [0; N];
        // A place beyond the end reads as zero; the length checks keep that from happening.
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

/// Checks the common beginning of a datagram, which is all there is of some kinds, and answers its kind.
pub fn kind(datagram: &[u8]) -> Result<Kind, WireFault> {
    let fields = Fields(datagram);
    // Magic and version come first: a foreign program's short words should be called foreign, not short.
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
    if matches!(kind, Kind::Attach | Kind::Start | Kind::Wake) {
        exactly(datagram, PREFIX)?;
    }
    Ok(kind)
}

/// Checks that a datagram is as long as its kind is. A later version of the protocol that adds words to a kind says so
/// in the version or in the features of the cards, so that nothing is read that its writer did not mean.
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

/// The common beginning of a datagram of `kind` and `length` bytes.
#[must_use]
pub fn prefix(kind: Kind, length: usize) -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 8, &VERSION.to_le_bytes());
    put(&mut bytes, 10, &(kind as u16).to_le_bytes());
    put(&mut bytes, 12, &(length as u32).to_le_bytes());
    bytes
}

/// How a side introduces itself: HELLO and WELCOME have the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Features offered, or in a WELCOME those agreed to. None is defined yet.
    pub features: u64,
    /// The process, as it knows itself.
    pub pid: u32,
    /// Whether the side only wants to see figures.
    pub observer: bool,
    /// What it sends.
    pub sends: Sends,
    /// What it receives.
    pub receives: Receives,
    /// The bytes of its greeting.
    pub greeting: u32,
    /// Whether the greeting is the first descriptor and not part of the datagram.
    pub greeting_in_descriptor: bool,
}

/// The sending half of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sends {
    /// Bits of the deliveries offered; one bit in a WELCOME; 0 if the side sends nothing.
    pub deliveries: u32,
    /// Slots of the pool, 0 without one.
    pub slots: u32,
    /// Bytes of a slot.
    pub slot_size: u64,
    /// The first ticket of the channel.
    pub first: u64,
    /// Whether the pool is made of reserved huge pages.
    pub huge_tlb: bool,
}

/// The receiving half of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receives {
    /// Bits of the deliveries wanted; one bit in a WELCOME; 0 if the side receives nothing.
    pub deliveries: u32,
    /// The largest pool it would map.
    pub max_pool: u64,
    /// Whether it would map reserved huge pages.
    pub huge_tlb: bool,
}

impl Sends {
    /// The shape of the pool offered, checked, and no larger than `most`.
    pub fn geometry(&self, most: u64) -> Result<Geometry, WireFault> {
        // The last ticket must stay far away from the end of the numbers; no run of any length gets there.
        if self.first == 0 || self.first > u64::MAX / 2 {
            return Err(WireFault::FirstTicket(self.first));
        }
        Geometry::new(self.slots, self.slot_size, most).map_err(WireFault::Geometry)
    }
}

/// The bits of deliveries that exist.
const DELIVERIES: u32 = 0b111;

impl Card {
    /// Writes a HELLO or WELCOME without its greeting.
    #[must_use]
    pub fn encode(&self, kind: Kind) -> [u8; CARD] {
        let inline = if self.greeting_in_descriptor { 0 } else { self.greeting as usize };
        let mut out = [0; CARD];
        put(&mut out, 0, &prefix(kind, CARD + inline));
        put(&mut out, 16, &self.features.to_le_bytes());
        put(&mut out, 24, &self.pid.to_le_bytes());
        put(&mut out, 28, &u32::from(self.observer).to_le_bytes());
        put(&mut out, 32, &self.sends.deliveries.to_le_bytes());
        put(&mut out, 36, &self.sends.slots.to_le_bytes());
        put(&mut out, 40, &self.sends.slot_size.to_le_bytes());
        put(&mut out, 48, &self.sends.first.to_le_bytes());
        put(&mut out, 56, &u32::from(self.sends.huge_tlb).to_le_bytes());
        put(&mut out, 60, &u32::from(self.receives.huge_tlb).to_le_bytes());
        put(&mut out, 64, &self.receives.deliveries.to_le_bytes());
        put(&mut out, 72, &self.receives.max_pool.to_le_bytes());
        put(&mut out, 80, &self.greeting.to_le_bytes());
        put(&mut out, 84, &u32::from(self.greeting_in_descriptor).to_le_bytes());
        out
    }

    /// Reads a datagram whose kind is Hello or Welcome. An inline greeting is `datagram[CARD..]`.
    pub fn decode(datagram: &[u8]) -> Result<Card, WireFault> {
        if datagram.len() < CARD {
            return Err(short(datagram, CARD));
        }
        let fields = Fields(datagram);
        let flag = |at| match fields.u32(at) {
            0 => Ok(false),
            1 => Ok(true),
            bits => Err(WireFault::Flags(bits)),
        };
        let deliveries = |at| match fields.u32(at) {
            bits if bits & !DELIVERIES == 0 => Ok(bits),
            bits => Err(WireFault::Flags(bits)),
        };
        for at in [68, 88, 92] {
            match fields.u32(at) {
                0 => {}
                bits => return Err(WireFault::Flags(bits)),
            }
        }
        let card = Card {
            features: fields.u64(16),
            pid: fields.u32(24),
            observer: flag(28)?,
            sends: Sends {
                deliveries: deliveries(32)?,
                slots: fields.u32(36),
                slot_size: fields.u64(40),
                first: fields.u64(48),
                huge_tlb: flag(56)?,
            },
            receives: Receives { deliveries: deliveries(64)?, max_pool: fields.u64(72), huge_tlb: flag(60)? },
            greeting: fields.u32(80),
            greeting_in_descriptor: flag(84)?,
        };
        let (greeting, inline) = (card.greeting as usize, datagram.len() - CARD);
        let fits = if card.greeting_in_descriptor {
            inline == 0 && greeting > 0 && greeting <= MAX_GREETING
        } else {
            inline == greeting && greeting <= INLINE_GREETING
        };
        if fits { Ok(card) } else { Err(WireFault::Greeting(card.greeting.into())) }
    }
}

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

/// The bytes of a REFUSE before its reason.
pub const REFUSE: usize = 24;

/// Writes a REFUSE without its reason, which is cut to [`MAX_REASON`] bytes.
#[must_use]
pub fn refuse(code: u32, reason: usize) -> [u8; REFUSE] {
    let mut out = [0; REFUSE];
    put(&mut out, 0, &prefix(Kind::Refuse, REFUSE + reason));
    put(&mut out, 16, &code.to_le_bytes());
    put(&mut out, 20, &(reason as u32).to_le_bytes());
    out
}

/// Reads a datagram whose kind is Refuse: the code and the reason.
pub fn read_refuse(datagram: &[u8]) -> Result<(u32, &str), WireFault> {
    if datagram.len() < REFUSE {
        return Err(short(datagram, REFUSE));
    }
    let fields = Fields(datagram);
    let reason = &datagram[REFUSE..];
    if fields.u32(20) as usize != reason.len() || reason.len() > MAX_REASON {
        return Err(WireFault::Reason);
    }
    let reason = core::str::from_utf8(reason).map_err(|_| WireFault::Reason)?;
    Ok((fields.u32(16), reason))
}
