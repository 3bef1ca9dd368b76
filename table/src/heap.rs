//! What was asked of the heap so far, if the program counts it.

// claim: table-heap-free

/// Allocations made on this thread so far; always 0 without the feature `count-allocations`.
pub(crate) fn allocations() -> u64 {
    #[cfg(feature = "count-allocations")]
    return crate::allocations::on_this_thread();
    #[cfg(not(feature = "count-allocations"))]
    0
}
