//! Counts heap allocations, if the program's allocator does.

// claim: table-heap-free

/// Returns the allocations made on this thread; always 0 without the feature `count-allocations`.
pub(crate) fn allocations() -> u64 {
    #[cfg(feature = "count-allocations")]
    return crate::allocations::on_this_thread();
    #[cfg(not(feature = "count-allocations"))]
    0
}
