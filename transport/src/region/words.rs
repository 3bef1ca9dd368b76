//! A region seen as words whose addresses are computed once, so that reading them for every message costs no
//! arithmetic.
//!
//! # Safety
//!
//! A [`Words`] owns its mapping and never gives it away, so the pointers into it stay valid as long as it lives; they
//! were checked to lie inside when it was made.
#![allow(unsafe_code)]

use core::mem::size_of;
use core::ptr::NonNull;

use super::map::{Mapping, Shared};

/// Something that owns a mapping at a fixed address.
pub(crate) trait Mapped {
    /// Returns the mapping; the same one at every call.
    fn mapping(&self) -> &Mapping;
}

/// A region that consists of an `H` followed by values of `T`.
#[derive(Debug)]
pub(crate) struct Words<M, H, T> {
    owner: M,
    head: NonNull<H>,
    items: NonNull<T>,
    count: usize,
}

// SAFETY: `H` and `T` are atomics (`Shared`), which any thread may use; the owner decides for itself.
unsafe impl<M: Send, H: Shared, T: Shared> Send for Words<M, H, T> {}
// SAFETY: `H` and `T` are atomics (`Shared`), which any thread may use through `&`; the owner decides for itself.
unsafe impl<M: Sync, H: Shared, T: Shared> Sync for Words<M, H, T> {}

impl<M: Mapped, H: Shared, T: Shared> Words<M, H, T> {
    /// Views `owner`'s region as an `H` and `count` values of `T`. The region is large enough: its size was computed
    /// from the same geometry, and a peer's was checked against it.
    pub(crate) fn new(owner: M, count: usize) -> Words<M, H, T> {
        let map = owner.mapping();
        let (head, items) =
            (NonNull::from(&map.view::<H>(0, 1)[0]), NonNull::from(map.view::<T>(size_of::<H>(), count)));
        Words { head, items: items.cast(), count, owner }
    }

    /// Returns the head.
    #[inline(always)]
    pub(crate) fn head(&self) -> &H {
        // SAFETY: inside the owner's mapping, aligned, any bits are an `H`, and it may change under the reference.
        unsafe { self.head.as_ref() }
    }

    /// Returns the items after the head.
    #[inline(always)]
    pub(crate) fn items(&self) -> &[T] {
        let items = NonNull::slice_from_raw_parts(self.items, self.count);
        // SAFETY: inside the owner's mapping for `count` values, aligned, any bits are a `T`, and it may change under
        // the reference.
        unsafe { items.as_ref() }
    }

    /// Returns the region itself.
    pub(crate) fn owner(&self) -> &M {
        &self.owner
    }
}
