//! Asking for a cache line before it is needed. Hints: right or wrong, they change nothing but the time.
//!
//! # Safety
//!
//! Prefetching neither faults nor changes memory, whatever the address.
#![allow(unsafe_code)]

/// Asks for the line at `at`, to read it.
#[inline(always)]
pub(crate) fn to_read<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, see above.
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for the line at `at` as its only holder, to write it.
#[inline(always)]
pub(crate) fn to_write<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, see above; processors that do not know it treat it as nothing.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
