//! The room of a batch that is built in place.

use bowstring_codec::build::{Variable, VariableOf};

/// The room of a batch that is built in place. A message always takes all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Room {
    rows: usize,
    text: usize,
    items: usize,
}

impl Room {
    /// Returns room for this many rows, of 16 bytes for each text or binary, and 4 items for each list.
    pub const fn rows(rows: usize) -> Room {
        Room { rows, text: 16, items: 4 }
    }

    /// Sets the bytes for each text or binary, on average.
    pub const fn text(mut self, bytes: usize) -> Room {
        self.text = bytes;
        self
    }

    /// Sets the items for each list, on average.
    pub const fn items(mut self, items: usize) -> Room {
        self.items = items;
        self
    }

    pub(super) fn all_rows(&self) -> usize {
        self.rows
    }

    pub(super) fn of(&self, variable: Variable<'_>) -> usize {
        let each = match variable.of {
            VariableOf::Bytes => self.text,
            _ => self.items,
        };
        variable.rows.saturating_mul(each)
    }
}
