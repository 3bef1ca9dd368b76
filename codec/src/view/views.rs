//! View columns: sixteen bytes per row that hold a short value, or point to a long one.

use std::marker::PhantomData;

use bytemuck::{Pod, Zeroable};

use super::Level;
use super::column::Source;
use crate::message::table::Slot;

/// Values up to this length are stored in the view itself.
pub(crate) const INLINE: usize = 12;

/// One row of a view column, as it is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct View {
    /// The value's length.
    pub len: u32,
    /// The value's first four bytes.
    pub prefix: [u8; 4],
    /// For a long value, the index of its data buffer. For a short one, its bytes from the fifth on.
    pub buffer: u32,
    /// For a long value, its offset in that buffer. For a short one, its bytes from the ninth on.
    pub offset: u32,
}

impl View {
    /// Returns true if the value is stored in the view itself.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.len as usize <= INLINE
    }
}

/// A column of views.
#[derive(Clone, Copy)]
pub struct Views<'a, L: Level> {
    views: &'a [View],
    source: Source<'a>,
    slot: Slot,
    utf8: bool,
    level: PhantomData<L>,
}

impl<'a, L: Level> Views<'a, L> {
    pub(crate) fn new(source: Source<'a>, slot: Slot, utf8: bool) -> Self {
        let bytes = source.buffer(&slot, 1);
        let bytes = slot.len.checked_mul(size_of::<View>()).and_then(|needed| bytes.get(..needed));
        let views = bytes.and_then(|bytes| bytemuck::try_cast_slice(bytes).ok()).unwrap_or_default();
        Self { views, source, slot, utf8, level: PhantomData }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Returns true if the type is a string type.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Returns the views themselves.
    #[must_use]
    pub fn views(&self) -> &'a [View] {
        self.views
    }

    /// Returns the number of data buffers for long values.
    #[must_use]
    pub fn num_buffers(&self) -> usize {
        self.slot.variadic as usize
    }

    /// Returns one of the data buffers.
    #[must_use]
    pub fn buffer(&self, index: usize) -> Option<&'a [u8]> {
        (index < self.num_buffers()).then(|| self.source.buffer(&self.slot, 2 + index))
    }

    /// Returns the bytes of one row, null or not. `None` past the last row, and if the view is out of bounds.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.resolve(self.views.get(index)?)
    }

    /// Returns the bytes of a view.
    #[inline]
    pub(crate) fn resolve(&self, view: &'a View) -> Option<&'a [u8]> {
        let len = view.len as usize;
        if len <= INLINE {
            return bytemuck::bytes_of(view).get(4..4 + len);
        }
        let start = view.offset as usize;
        self.buffer(view.buffer as usize)?.get(start..start.checked_add(len)?)
    }
}

impl<L: Level> std::fmt::Debug for Views<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views").field("len", &self.len()).field("utf8", &self.utf8).finish_non_exhaustive()
    }
}
