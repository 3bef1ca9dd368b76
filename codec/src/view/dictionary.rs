//! Dictionary-encoded columns: keys in the batch, values in earlier messages.

use super::{ColumnView, Fixed, Full, Values};
use crate::message::dictionary::Dictionary;

/// Keys, and the dictionary they refer to.
///
/// A dictionary has one part as it was first sent, and one more for each delta. Its values were fully checked when
/// they arrived.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    keys: Fixed<'a>,
    signed: bool,
    dictionary: Option<&'a Dictionary>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(keys: Fixed<'a>, signed: bool, dictionary: Option<&'a Dictionary>) -> Self {
        Self { keys, signed, dictionary }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the keys as they are in memory.
    #[must_use]
    pub fn keys(&self) -> Fixed<'a> {
        self.keys
    }

    /// Returns true if keys are signed.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Returns the number of values of the dictionary: 0 before it was sent.
    #[must_use]
    pub fn num_values(&self) -> usize {
        self.dictionary.map_or(0, Dictionary::len)
    }

    /// Returns the key of one row. `None` past the last row and if the key is negative. The key of a null row is
    /// arbitrary.
    #[must_use]
    pub fn key(&self, index: usize) -> Option<usize> {
        fn at<T: bytemuck::AnyBitPattern>(keys: &Fixed<'_>, index: usize) -> Option<T> {
            keys.as_slice::<T>()?.get(index).copied()
        }
        let keys = &self.keys;
        match (keys.width(), self.signed) {
            (1, true) => usize::try_from(at::<i8>(keys, index)?).ok(),
            (1, false) => Some(usize::from(at::<u8>(keys, index)?)),
            (2, true) => usize::try_from(at::<i16>(keys, index)?).ok(),
            (2, false) => Some(usize::from(at::<u16>(keys, index)?)),
            (4, true) => usize::try_from(at::<i32>(keys, index)?).ok(),
            (4, false) => usize::try_from(at::<u32>(keys, index)?).ok(),
            (_, true) => usize::try_from(at::<i64>(keys, index)?).ok(),
            (_, false) => usize::try_from(at::<u64>(keys, index)?).ok(),
        }
    }

    /// Returns the part of the dictionary that a key refers to, and its row there. `None` if there is none.
    #[must_use]
    pub fn value(&self, key: usize) -> Option<(ColumnView<'a, Full>, usize)> {
        let dictionary = self.dictionary?;
        let (part, row) = dictionary.find(key)?;
        Some((ColumnView::of_part(dictionary, part), row))
    }

    /// Returns all parts of the dictionary in order.
    pub fn parts(&self) -> impl Iterator<Item = ColumnView<'a, Full>> + use<'a> {
        self.dictionary.into_iter().flat_map(ColumnView::of_parts)
    }

    /// Returns the string of a row, if the dictionary has strings. For a null row, or one that is null in the
    /// dictionary, the string is arbitrary.
    #[must_use]
    pub fn str(&self, index: usize) -> Option<&'a str> {
        let (part, row) = self.value(self.key(index)?)?;
        match part.values() {
            Values::Bytes(bytes) => bytes.str(row),
            Values::Views(views) => views.str(row),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("len", &self.len())
            .field("num_values", &self.num_values())
            .finish_non_exhaustive()
    }
}
