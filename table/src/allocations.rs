//! A counting allocator, for programs that state what their hot path asks of the heap.
//!
//! ```
//! use bowstring::allocations::{self, Counting};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (boxed, count) = allocations::count(|| Box::new(7));
//! assert_eq!((*boxed, count), (7, 1));
//! ```
//!
//! # Safety
//!
//! Every call is passed on to the system's allocator unchanged.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count of calls for each thread, for use as a program's `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

thread_local! {
    // Without a destructor and with a constant value, so that using it never allocates.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Returns the allocations and reallocations made on this thread; 0 if [`Counting`] is not the allocator.
#[must_use]
pub fn on_this_thread() -> u64 {
    COUNT.get()
}

/// Does some work and returns its result with the number of allocations it made on this thread.
pub fn count<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = COUNT.get();
    let result = work();
    (result, COUNT.get() - before)
}

fn note() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every method passes its arguments on to `System`, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the pointer came from `System`, with this layout, and the caller vouches for the size.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
