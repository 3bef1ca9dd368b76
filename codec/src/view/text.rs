//! Strings as `&str`: what full validation unlocks.
//!
//! # Safety
//! Bytes are treated as UTF-8 without another check. This rests on [`Full`]: such a view exists only for data whose
//! strings were checked one by one (or were vouched for in an unsafe call), in memory that does not change while it
//! is borrowed.
#![allow(unsafe_code)]

use super::{Bytes, Full, Views};

impl<'a> Bytes<'a, Full> {
    /// Returns the string of one row, null or not. `None` past the last row, and for binary.
    #[must_use]
    pub fn str(&self, index: usize) -> Option<&'a str> {
        if !self.is_utf8() {
            return None;
        }
        let bytes = self.get(index)?;
        // SAFETY: the column is of strings and `Full`, so each row's range of bytes is UTF-8 by itself.
        Some(unsafe { std::str::from_utf8_unchecked(bytes) })
    }
}

impl<'a> Views<'a, Full> {
    /// Returns the string of one row, null or not. `None` past the last row, and for binary.
    #[must_use]
    pub fn str(&self, index: usize) -> Option<&'a str> {
        if !self.is_utf8() {
            return None;
        }
        let bytes = self.get(index)?;
        // SAFETY: the column is of strings and `Full`, so the bytes of each row's view are UTF-8 by themselves.
        Some(unsafe { std::str::from_utf8_unchecked(bytes) })
    }
}
