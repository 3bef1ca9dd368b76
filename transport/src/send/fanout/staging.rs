//! Where a message is written that goes into a file of its own and into no slots.
//!
//! Private memory, used again for every message: its pages are there, and mostly in the cache, when the file is written
//! from it.

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
    /// Makes room for `len` bytes. What they hold is a former message's, or zero.
    pub(super) fn make_ready(&mut self, len: usize) -> Result<(), OsError> {
        if self.len() < len {
            affordable(len)?;
            // Given up first, so that there are never two.
            self.memory = None;
            let roomy = len.checked_next_power_of_two().filter(|&roomy| roomy <= KEPT);
            self.memory = Some(MapSlice::lazy(roomy.unwrap_or(len))?);
        }
        Ok(())
    }

    /// Gives back what only a very long message needed.
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
