//! The buffer for messages that go into a file and use no slots.
//!
//! Private memory, reused for every message: when the file is written from it, its pages are present and mostly in
//! the cache.

use core::ops::{Deref, DerefMut};

use crate::error::OsError;
use crate::region::affordable;
use crate::region::private::MapSlice;

/// The largest area that is kept from one message to the next.
const KEPT: usize = 64 << 20;

#[derive(Debug, Default)]
pub(crate) struct Staging {
    memory: Option<MapSlice<u8>>,
}

impl Staging {
    /// Makes room for `len` bytes, which hold an earlier message or zeroes.
    pub(super) fn make_ready(&mut self, len: usize) -> Result<(), OsError> {
        if self.len() < len {
            affordable(len)?;
            // Freed first, so that there are never two.
            self.memory = None;
            let roomy = len.checked_next_power_of_two().filter(|&roomy| roomy <= KEPT);
            self.memory = Some(MapSlice::lazy(roomy.unwrap_or(len))?);
        }
        Ok(())
    }

    /// Frees the part that only a very long message needed.
    pub(super) fn trim(&mut self) {
        if self.len() > KEPT {
            self.memory = None;
        }
    }
}

impl Deref for Staging {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.memory.as_deref().unwrap_or(&[])
    }
}

impl DerefMut for Staging {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.as_deref_mut().unwrap_or(&mut [])
    }
}
