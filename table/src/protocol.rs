//! The messages of a table. `PROTOCOL.md` describes the same for other languages, under "Tables".
//!
//! - The sender's greeting is one encapsulated Arrow schema message, optionally followed by [`hints`](crate::hints).
//! - Each message of the transport is one encapsulated Arrow message, framed, with its buffers at multiples of 64
//!   bytes from its start. The transport's tag is its kind: [`DICTIONARY`] or [`BATCH`].
//! - A dictionary is sent before the first batch that needs it; a receiver that joins late is sent those in force,
//!   alone.
//! - The table ends when the transport closes.

use bowstring_codec::Plan;
use bowstring_transport::{Label, OnSlow, To};

use crate::Hints;

/// The greeting's key that announces whether this receiver may be skipped: [`SKIP`], or another value.
const ON_SLOW: &str = "on-slow";
const SKIP: &str = "skip";

/// Returns a sender's greeting: the schema, the hints, and its policy for slow receivers.
pub(crate) fn greeting(plan: &Plan, hints: &Hints, on_slow: OnSlow) -> Box<[u8]> {
    let policy = match on_slow {
        OnSlow::Block => "block",
        OnSlow::Skip { .. } => SKIP,
        OnSlow::CutOff { .. } => "disconnect",
    };
    let lines = format!("{}{ON_SLOW}={policy}\n", hints.lines());
    [plan.schema_message(), lines.as_bytes()].concat().into()
}

/// True if the hints announce that the receiver may be skipped.
pub(crate) fn may_skip(lines: &[u8]) -> bool {
    crate::hints::pairs(lines).any(|(key, value)| key == ON_SLOW && value == SKIP)
}

/// Returns the label of a batch.
pub(crate) fn batch() -> Label {
    Label { tag: BATCH, ..Label::default() }
}

/// Returns the label of a dictionary. Nobody is skipped for one: later batches could not be read.
pub(crate) fn dictionary(to: To) -> Label {
    Label { tag: DICTIONARY, to, required: true, ..Label::default() }
}

/// The tag of a message that is a dictionary batch.
pub const DICTIONARY: u32 = 1;

/// The tag of a message that is a record batch.
pub const BATCH: u32 = 2;
