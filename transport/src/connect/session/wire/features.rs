//! What version 1 has learnt since: each a bit of a card's features. A feature is in force if both cards have its bit.

/// A sender that closes may say why, in a code and a short text: see [`Bye`](super::Bye).
pub const REASONS: u64 = 1;
/// ATTACH and START say what their side sent before this channel: see [`Past`](super::Past).
pub const PAST: u64 = 2;
/// A BYE says how many messages its receiver missed: see [`Bye`](super::Bye).
pub const MISSED: u64 = 4;
/// All that this crate knows.
pub const KNOWN: u64 = REASONS | PAST | MISSED;
