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
