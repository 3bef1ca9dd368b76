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

// SAFETY: a mapping belongs to the process, not to a thread; the views guard what is reached through it.
unsafe impl Send for Mapping {}
// SAFETY: a mapping belongs to the process, not to a thread; `&Mapping` gives out views of atomics and raw pointers,
// nothing else.
unsafe impl Sync for Mapping {}

/// Types for memory that another process changes: atomics in and out.
///
/// # Safety
/// 1. Every bit pattern is a valid value.
/// 2. Each byte belongs to an atomic.
/// 3. The alignment is at most a page's.
pub(crate) unsafe trait Shared {}
// SAFETY: made of atomics only, see `abi`; aligned to 128 or less.
unsafe impl Shared for BoardHead {}
// SAFETY: made of atomics only, see `abi`; aligned to a cache line.
unsafe impl Shared for Entry {}
// SAFETY: made of atomics only, see `abi`; aligned to 128 or less.
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

    /// Maps the first `len` bytes of a file that nobody can change any more. Children inherit the mapping, so what
    /// they still refer to stays there unchanged.
    pub(super) fn frozen(fd: BorrowedFd<'_>, len: usize) -> Result<Mapping, OsError> {
        // SAFETY: 1. the range goes into a `Mapping`, whose drop is the only unmapping; 2. nobody writes to the file.
        let at = unsafe { sys::map(fd, len, false) }?;
        Ok(Mapping::owning(at, len))
    }

    /// Maps private, zeroed memory. Children inherit a copy, as of any heap.
    pub(crate) fn private(len: usize) -> Result<Mapping, OsError> {
        // SAFETY: the range goes into a `Mapping`, whose drop is the only unmapping.
        let at = unsafe { sys::map_private(len) }?;
        Ok(Mapping::owning(at, len))
    }

    fn owning(at: *mut u8, len: usize) -> Mapping {
        // The kernel never places a mapping at address 0 unless the caller insists.
        Mapping { at: NonNull::new(at).unwrap_or(NonNull::dangling()), len }
    }

    /// Returns the start of the mapping.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.at
    }

    /// Creates a mapping from the parts of one that was given up.
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

    /// Makes the pages of `from..to` present and writable. Both are rounded outward to pages, as the kernel requires
    /// a page-aligned start.
    pub(crate) fn populate(&self, from: usize, to: usize) -> Result<(), OsError> {
        debug_assert!(from <= to && to <= self.len && from.is_multiple_of(4096));
        // SAFETY: `from <= to <= len` keeps the range within ours.
        unsafe { sys::advise(self.at.as_ptr().wrapping_add(from), to - from, Hint::PopulateWrite) }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the address of byte `offset`, which may be the end. The caller has checked the offset of what it reads
    /// or writes.
    #[inline(always)]
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.len, "an offset beyond its mapping");
        self.at.as_ptr().wrapping_add(offset)
    }

    /// Returns `count` values of `T` from byte `offset` on.
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
