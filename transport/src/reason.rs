//! The reason that a sender broke a channel off.

use core::sync::atomic::Ordering;

use crate::abi::{Closing, REASON_WORDS};
use crate::connect::session::wire::MAX_REASON;
use crate::ring::Board;

/// A way in which a sender broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakOff {
    /// It cannot send the rest, for example because its input is malformed.
    Failed,
    /// It was interrupted before the end.
    Interrupted,
}

impl BreakOff {
    pub(crate) fn closing(self) -> Closing {
        match self {
            BreakOff::Failed => Closing::Failed,
            BreakOff::Interrupted => Closing::Interrupted,
        }
    }
}

/// Completes a sentence about a sender: "it …".
impl core::fmt::Display for BreakOff {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            BreakOff::Failed => "could not send the rest",
            BreakOff::Interrupted => "was interrupted",
        })
    }
}

/// A closing reason in the sender's own words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    len: u8,
    text: [u8; MAX_REASON],
}

impl Words {
    pub(crate) const NONE: Words = Words { len: 0, text: [0; MAX_REASON] };

    /// Keeps what fits of `text`, cut between characters.
    pub(crate) fn new(text: &str) -> Words {
        let text = crate::connect::session::fit(text);
        let mut words = Words { len: text.len() as u8, ..Words::NONE };
        words.text[..text.len()].copy_from_slice(text.as_bytes());
        words
    }

    /// Copies the reason out of a board. Invalid UTF-8 counts as no reason.
    pub(crate) fn read(board: Board<'_>) -> Words {
        let mut text = [0; REASON_WORDS * 8];
        for (bytes, word) in text.chunks_exact_mut(8).zip(&board.head.reason) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        let len = usize::try_from(board.head.reason_len.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        text.get(..len).and_then(|text| core::str::from_utf8(text).ok()).map_or(Words::NONE, Words::new)
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.text[..self.len as usize]).unwrap_or("")
    }
}

impl core::fmt::Debug for Words {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}
