//! REFUSE: one side will not go on.

use super::{Fields, Kind, WireFault, prefix, put, short};

/// The longest reason in a refusal.
pub const MAX_REASON: usize = 96;
/// The length of a REFUSE before its reason.
pub const REFUSE: usize = 24;

/// Encodes a REFUSE without its reason, which is cut to [`MAX_REASON`] bytes.
#[must_use]
pub fn refuse(code: u32, reason: usize) -> [u8; REFUSE] {
    let mut out = [0; REFUSE];
    put(&mut out, 0, &prefix(Kind::Refuse, REFUSE + reason));
    put(&mut out, 16, &code.to_le_bytes());
    put(&mut out, 20, &(reason as u32).to_le_bytes());
    out
}

/// Decodes a datagram of kind Refuse: the code and the reason.
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
