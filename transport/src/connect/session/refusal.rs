//! Refusals: a code, and a reason in words.

use super::wire::MAX_REASON;

/// The code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum RefusalCode {
    /// It speaks another version of the protocol.
    Version = 1,
    /// It received a malformed datagram.
    Malformed = 2,
    /// It does not talk to this user.
    Denied = 3,
    /// It does not send, and was asked to.
    NoSender = 4,
    /// It does not receive, and was asked to.
    NoReceiver = 5,
    /// No delivery suits both.
    NoDelivery = 6,
    /// The pool is impossible or larger than it would map.
    Geometry = 7,
    /// It has no place for one more.
    Full = 8,
    /// Its application said no; the reason is the application's.
    Application = 9,
    /// A descriptor was not what it must be.
    Descriptor = 10,
    /// It is out of memory or descriptors.
    Resources = 11,
    /// A code that this version does not know.
    Unknown = 0,
}

/// Describes the refusal as a sentence about the side that refused.
impl core::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            RefusalCode::Version => "another version of the protocol",
            RefusalCode::Malformed => "what it heard makes no sense",
            RefusalCode::Denied => "this user is not let in",
            RefusalCode::NoSender => "there is nobody to send",
            RefusalCode::NoReceiver => "there is nobody to receive",
            RefusalCode::NoDelivery => "no delivery suits both sides",
            RefusalCode::Geometry => "the pool is impossible, or too large to map",
            RefusalCode::Full => "there is no place for one more",
            RefusalCode::Application => "the application said no",
            RefusalCode::Descriptor => "a descriptor is not what it must be",
            RefusalCode::Resources => "memory or descriptors have run out",
            RefusalCode::Unknown => "a reason that this version does not know",
        })
    }
}

impl RefusalCode {
    fn from_word(word: u32) -> RefusalCode {
        use RefusalCode::{
            Application, Denied, Descriptor, Full, Geometry, Malformed, NoDelivery, NoReceiver, NoSender,
            Resources, Unknown, Version,
        };
        [
            Version,
            Malformed,
            Denied,
            NoSender,
            NoReceiver,
            NoDelivery,
            Geometry,
            Full,
            Application,
            Descriptor,
            Resources,
        ]
        .into_iter()
        .find(|&code| code as u32 == word)
        .unwrap_or(Unknown)
    }
}

/// A refusal received from the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: RefusalCode,
    len: u8,
    reason: [u8; MAX_REASON],
}

impl Refusal {
    pub(super) fn new(code: u32, reason: &str) -> Refusal {
        let mut refusal = Refusal { code: RefusalCode::from_word(code), len: 0, reason: [0; MAX_REASON] };
        let reason = fit(reason);
        refusal.reason[..reason.len()].copy_from_slice(reason.as_bytes());
        refusal.len = reason.len() as u8;
        refusal
    }

    /// Creates a refusal by this side, in its application's words.
    pub(crate) fn ours(reason: &str) -> Refusal {
        Refusal::new(RefusalCode::Application as u32, reason)
    }

    /// Returns the reason, in the other side's words: escape them before printing to a terminal.
    #[must_use]
    pub fn reason(&self) -> &str {
        core::str::from_utf8(&self.reason[..self.len as usize]).unwrap_or("")
    }
}

impl core::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Refusal").field("code", &self.code).field("reason", &self.reason()).finish()
    }
}

/// Returns as much of `reason` as a refusal can carry, cut between characters.
pub(crate) fn fit(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}
