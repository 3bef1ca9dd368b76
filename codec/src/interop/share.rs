//! A buffer that keeps the owner of its memory.
//!
//! # Safety
//! The buffer refers to the owner's bytes by address, beyond the borrow that returned them. This is sound since the
//! owner is behind an `Arc` of which nothing is ever lent out: it does not move, nothing mutates it, and it is
//! dropped after the last buffer. A shared borrow of it could have been held all that time.
#![allow(unsafe_code)]

use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_buffer::alloc::Allocation;

/// Returns a buffer over the bytes of `owner`, which is dropped with the last slice of the buffer, on any thread.
#[must_use]
pub fn share<O: AsRef<[u8]> + Send + Sync + 'static>(owner: O) -> Buffer {
    // Buffers never touch the owner again except to drop it, so no panic can show it half-changed.
    let owner = Arc::new(AssertUnwindSafe(owner));
    let bytes = owner.0.as_ref();
    let (start, len) = (NonNull::from(bytes).cast::<u8>(), bytes.len());
    let owner: Arc<dyn Allocation> = owner;
    // SAFETY: `start` and `len` are those of a slice that the owner lent out, and which stays as it is for as long
    // as the owner is neither moved, mutated nor dropped: see the top of this file.
    unsafe { Buffer::from_custom_allocation(start, len, owner) }
}
