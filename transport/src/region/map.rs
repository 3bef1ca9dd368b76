//! Mappings and the typed views into them.
//!
//! # Safety
//!
//! A [`Mapping`] owns its range from `mmap` to `munmap`, so a view borrowed from it cannot outlive the memory. Views of
//! words are made only for types that are nothing but atomics ([`Shared`]), which every bit pattern is valid for and
//! which may change at any time. Views of bytes as `&[u8]` are made only by the modules that can argue that nobody
//! writes there.

// claim: sessions-leave-nothing, sessions-deep
#![allow(unsafe_code)]

use core::mem::{align_of, size_of};
use core::ptr::NonNull;

use rustix::fd::BorrowedFd;

use crate::abi::{BoardHead, Entry, LedgerHead, Released};
use crate::error::OsError;
use crate::sys::{self, Hint};

/// A range of mapped memory that is ours to unmap.
#[derive(Debug)]
pub(crate) struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; what is reached through it is guarded by the views.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives out views of atomics and raw pointers, nothing else.
unsafe impl Sync for Mapping {}

/// Types that may lie in memory which another process changes: atomics in and out.
///
/// # Safety
/// 1. Every bit pattern is a valid value.
/// 2. Each byte belongs to an atomic.
/// 3. The alignment is at most a page's.
pub(crate) unsafe trait Shared {}
// SAFETY: made of atomics only, see `abi`; aligned to 128 or less.
unsafe impl Shared for BoardHead {}
// SAFETY: as above.
unsafe impl Shared for Entry {}
// SAFETY: as above.
unsafe impl Shared for LedgerHead {}
// SAFETY: an atomic.
unsafe impl Shared for Released {}

impl Mapping {
    /// Maps the first `len` bytes of `fd`, which is at least as long. Children do not inherit the mapping.
    pub(crate) fn of(fd: BorrowedFd<'_>, len: usize, writable: bool) -> Result<Mapping, OsError> {
        // SAFETY: 1. the range goes into a `Mapping`, whose drop is the only unmapping; 2. see the module's page.
        let at = unsafe { sys::map(fd, len, writable) }?;
        let mapping = Mapping::owning(at, len);
        mapping.advise(Hint::DontFork)?;
        Ok(mapping)
    }

    /// Maps the first `len` bytes of a file that nobody can change any more. Children inherit the mapping: what they
    /// still refer to is there, and as it was.
    pub(super) fn frozen(fd: BorrowedFd<'_>, len: usize) -> Result<Mapping, OsError> {
        // SAFETY: 1. the range goes into a `Mapping`, whose drop is the only unmapping; 2. nobody writes to the file.
        let at = unsafe { sys::map(fd, len, false) }?;
        Ok(Mapping::owning(at, len))
    }

    /// Maps private, zeroed memory. Children inherit a copy of it, as of any heap.
    pub(crate) fn private(len: usize) -> Result<Mapping, OsError> {
        // SAFETY: the range goes into a `Mapping`, whose drop is the only unmapping.
        let at = unsafe { sys::map_private(len) }?;
        Ok(Mapping::owning(at, len))
    }

    fn owning(at: *mut u8, len: usize) -> Mapping {
        // The kernel never places a mapping at address 0 for a caller that did not insist on it.
        Mapping { at: NonNull::new(at).unwrap_or(NonNull::dangling()), len }
    }

    /// Where the mapping begins.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.at
    }

    /// A mapping that was given up in parts.
    ///
    /// # Safety
    /// The range is that of a mapping that was never dropped, and this becomes its only owner.
    pub(super) unsafe fn from_parts(at: NonNull<u8>, len: usize) -> Mapping {
        Mapping { at, len }
    }

    pub(crate) fn advise(&self, hint: Hint) -> Result<(), OsError> {
        // SAFETY: the whole range is ours.
        unsafe { sys::advise(self.at.as_ptr(), self.len, hint) }
    }

    /// Asks that the pages of `from..to` be there and writable; both are rounded outward to pages by the kernel's rule
    /// that the start be page-aligned.
    pub(crate) fn populate(&self, from: usize, to: usize) -> Result<(), OsError> {
        debug_assert!(from <= to && to <= self.len && from.is_multiple_of(4096));
        // SAFETY: `from <= to <= len` keeps the range within ours.
        unsafe { sys::advise(self.at.as_ptr().wrapping_add(from), to - from, Hint::PopulateWrite) }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Where byte `offset` lies; `offset` may be the end. Whoever reads or writes there has checked the offset.
    #[inline(always)]
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.len, "an offset beyond its mapping");
        self.at.as_ptr().wrapping_add(offset)
    }

    /// `count` values of `T` from byte `offset` on.
    pub(crate) fn view<T: Shared>(&self, offset: usize, count: usize) -> &[T] {
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(offset));
        assert!(
            end.is_some_and(|end| end <= self.len) && offset.is_multiple_of(align_of::<T>()),
            "a view beyond its mapping"
        );
        #[allow(
            clippy::cast_ptr_alignment,
            reason = "a mapping starts at a page, and the offset is checked above"
        )]
        let start = self.at(offset).cast::<T>();
        // SAFETY: the bytes are mapped for as long as `self` lives, `start` is aligned, every bit pattern is a `T`, and
        // a `T` may change under a shared reference (`Shared`, 1. and 2.).
        unsafe { core::slice::from_raw_parts(start, count) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is whole as `map` returned it, and no view outlives `self`.
        unsafe { sys::unmap(self.at.as_ptr(), self.len) };
    }
}
