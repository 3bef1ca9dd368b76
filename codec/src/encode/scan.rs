//! Finds the part of a child that a slice of its parent refers to.
//!
//! List views, dense unions and views refer to their children by offset, in any order. A slice of them keeps the
//! whole child, most of which it may no longer refer to. The smallest range that covers the references is written.

use core::ops::Range;

use arrow_buffer::ArrowNativeType;

/// The smallest range that covers all ranges added.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cover {
    start: usize,
    end: usize,
}

impl Cover {
    /// Adds `start..start + len`. An empty range adds nothing. `None` if the end overflows.
    #[inline]
    pub(super) fn add(&mut self, start: usize, len: usize) -> Option<()> {
        if len != 0 {
            let end = start.checked_add(len)?;
            self.start = if self.end == 0 { start } else { self.start.min(start) };
            self.end = self.end.max(end);
        }
        Some(())
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Returns the cover of a list view's rows: `None` if it exceeds the `limit` rows of the child, or is negative.
pub(super) fn list_view<O: ArrowNativeType>(
    offsets: &[O],
    sizes: &[O],
    limit: usize,
) -> Option<Range<usize>> {
    let mut cover = Cover::default();
    for (offset, size) in offsets.iter().zip(sizes) {
        cover.add(offset.to_usize()?, size.to_usize()?)?;
    }
    (cover.end <= limit).then(|| cover.range())
}

/// Returns the covers of a dense union's rows, by type id: `None` if a type id or an offset is negative.
pub(super) fn dense_union(ids: &[i8], offsets: &[i32]) -> Option<[Cover; 128]> {
    let mut covers = [Cover::default(); 128];
    for (id, offset) in ids.iter().zip(offsets) {
        covers.get_mut(usize::try_from(*id).ok()?)?.add(usize::try_from(*offset).ok()?, 1)?;
    }
    Some(covers)
}
