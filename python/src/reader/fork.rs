//! Arrays that a forked child inherits.
//!
//! # Safety
//!
//! The range is that of a pool's mapping, which a live lease holds. Being inherited changes nothing for this process; the
//! child's copy of the mapping is as read-only as ours, and nothing there is dropped (`in_forked_child`).
#![allow(unsafe_code)]

use std::ops::Range;

/// Has children inherit the mapping at `addresses`, so that arrays over it can be read there. The values are those of the
/// batch for as long as this process keeps it.
pub(super) fn inherit(addresses: &Range<usize>) {
    let start = std::ptr::with_exposed_provenance_mut(addresses.start);
    // SAFETY: see the top of this file. A failure leaves things as they were.
    let _ = unsafe { rustix::mm::madvise(start, addresses.len(), rustix::mm::Advice::LinuxDoFork) };
}
