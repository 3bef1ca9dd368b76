//! HELLO and WELCOME: the parameters of a side.

use super::{Fields, Kind, WireFault, prefix, put, short};
use crate::abi::Geometry;

/// The length of a HELLO or WELCOME before its greeting.
pub const PARAMETERS: usize = 96;
/// The longest greeting inside its datagram; a longer one travels as a sealed descriptor.
pub const INLINE_GREETING: usize = 32 << 10;
/// The longest greeting.
pub const MAX_GREETING: usize = 64 << 20;

/// The parameters of a side: HELLO and WELCOME have the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Features offered, or in a WELCOME those agreed to: see [`features`](super::features).
    pub features: u64,
    /// The process id, as the process knows itself.
    pub pid: u32,
    /// True if the side only wants to read stats.
    pub observer: bool,
    /// The parameters of sending.
    pub sends: Sends,
    /// The parameters of receiving.
    pub receives: Receives,
    /// The bytes of its greeting.
    pub greeting: u32,
    /// True if the greeting is the first descriptor and not part of the datagram.
    pub greeting_in_descriptor: bool,
}

/// The sending half of the parameters.
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
    /// True if the pool is made of reserved huge pages.
    pub huge_tlb: bool,
}

/// The receiving half of the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receives {
    /// Bits of the deliveries wanted; one bit in a WELCOME; 0 if the side receives nothing.
    pub deliveries: u32,
    /// The largest pool it would map.
    pub max_pool: u64,
    /// True if it would map reserved huge pages.
    pub huge_tlb: bool,
}

/// The largest first ticket: tickets never come near the end of the numbers, however long the channel runs.
pub const MAX_FIRST_TICKET: u64 = u64::MAX / 2;

/// Returns true if a channel may begin with this ticket.
pub(crate) const fn is_first_ticket(ticket: u64) -> bool {
    0 < ticket && ticket <= MAX_FIRST_TICKET
}

impl Sends {
    /// Checks and returns the shape of the pool offered; it may have at most `most` bytes.
    pub fn geometry(&self, most: u64) -> Result<Geometry, WireFault> {
        if !is_first_ticket(self.first) {
            return Err(WireFault::FirstTicket(self.first));
        }
        Geometry::new(self.slots, self.slot_size, most).map_err(WireFault::Geometry)
    }
}

/// The bits of existing deliveries.
const DELIVERIES: u32 = 0b111;

impl Parameters {
    /// Encodes a HELLO or WELCOME without its greeting.
    #[must_use]
    pub fn encode(&self, kind: Kind) -> [u8; PARAMETERS] {
        let inline = if self.greeting_in_descriptor { 0 } else { self.greeting as usize };
        let mut out = [0; PARAMETERS];
        put(&mut out, 0, &prefix(kind, PARAMETERS + inline));
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

    /// Decodes a datagram of kind Hello or Welcome. An inline greeting is `datagram[PARAMETERS..]`.
    pub fn decode(datagram: &[u8]) -> Result<Parameters, WireFault> {
        if datagram.len() < PARAMETERS {
            return Err(short(datagram, PARAMETERS));
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
        let parameters = Parameters {
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
        let (greeting, inline) = (parameters.greeting as usize, datagram.len() - PARAMETERS);
        let fits = if parameters.greeting_in_descriptor {
            inline == 0 && greeting > 0 && greeting <= MAX_GREETING
        } else {
            inline == greeting && greeting <= INLINE_GREETING
        };
        if fits { Ok(parameters) } else { Err(WireFault::Greeting(parameters.greeting.into())) }
    }
}
