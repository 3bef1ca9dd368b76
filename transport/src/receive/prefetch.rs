//! Requests a cache line before it is needed. Only a hint: it changes nothing but the time.
//!
//! # Safety
//!
//! Prefetching neither faults nor changes memory, whatever the address.
#![allow(unsafe_code)]

/// Requests the line at `at` for reading.
#[inline(always)]
pub(crate) fn to_read<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that neither faults nor changes memory, whatever the address.
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
