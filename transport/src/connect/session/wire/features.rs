//! Additions to version 1: each is a bit of the features in HELLO and WELCOME, in force if both sides set it.

/// A sender that closes may give a code and a short text: see [`Bye`](super::Bye).
pub const REASONS: u64 = 1;
/// ATTACH and START say what their side sent before this channel: see [`Past`](super::Past).
pub const PAST: u64 = 2;
/// A BYE says how many messages its receiver missed: see [`Bye`](super::Bye).
pub const MISSED: u64 = 4;
/// All features that this crate knows.
pub const KNOWN: u64 = REASONS | PAST | MISSED;
