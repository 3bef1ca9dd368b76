//! Copying out of memory that another process may be changing.
//!
//! # Safety
//!
//! A plain `memcpy` from memory that somebody writes to at the same time is a data race, and the compiler may assume
//! that there is none. So the copy is made by an instruction that the compiler does not look into (x86-64) or by
//! relaxed atomic loads (elsewhere); in both cases each byte of the result is some value that the memory held.
#![allow(unsafe_code)]

/// Copies `len` bytes from `from`, which may change meanwhile, to `to`.
///
/// # Safety
/// 1. `from` is mapped and readable for `len` bytes, and stays so during the call.
/// 2. `to` is writable for `len` bytes and belongs to the caller alone.
#[inline]
pub(crate) unsafe fn copy_changing(from: *const u8, to: *mut u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `rep movsb` reads `len` bytes at `from` (1.) and writes as many at `to` (2.); the direction flag is clear
    // by the calling convention, and the three registers are declared as changed.
    unsafe {
        core::arch::asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the same duties, passed on.
    unsafe {
        copy_by_atomics(from, to, len);
    }
}

/// The portable version, also compiled where it is not used so that its test runs everywhere.
///
/// # Safety
/// As for [`copy_changing`].
#[cfg(any(test, not(target_arch = "x86_64")))]
unsafe fn copy_by_atomics(from: *const u8, to: *mut u8, len: usize) {
    use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
    let head = from.align_offset(8).min(len);
    let words = (len - head) / 8;
    for i in (0..head).chain(head + words * 8..len) {
        // SAFETY: `i < len`, so the place lies within the range that 1. promises; an atomic byte has no alignment.
        let byte = unsafe { AtomicU8::from_ptr(from.wrapping_add(i).cast_mut()) }.load(Ordering::Relaxed);
        // SAFETY: `i < len`, within the range that 2. promises.
        unsafe { to.wrapping_add(i).write(byte) };
    }
    for w in 0..words {
        let at = head + w * 8;
        // SAFETY: `at + 8 <= len`, within the range of 1., and aligned to 8 because `head` is what was missing to that.
        let word =
            unsafe { AtomicU64::from_ptr(from.wrapping_add(at).cast_mut().cast()) }.load(Ordering::Relaxed);
        // SAFETY: within the range of 2.; `to` need not be aligned.
        unsafe { to.wrapping_add(at).cast::<u64>().write_unaligned(word) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_copy_every_length_and_alignment() {
        let source: [u8; 96] = core::array::from_fn(|i| i as u8);
        for start in 0..16 {
            for len in 0..64 {
                for way in [copy_changing, copy_by_atomics] {
                    let mut target = [0xEE_u8; 80];
                    let (from, to) = (source[start..].as_ptr(), target[8..].as_mut_ptr());
                    // SAFETY: `start + len <= 80 <= 96`, and `8 + len <= 80`; both arrays are ours.
                    unsafe { way(from, to, len) };
                    assert_eq!(&target[8..8 + len], &source[start..start + len]);
                    assert!(target[..8].iter().chain(&target[8 + len..]).all(|&b| b == 0xEE));
                }
            }
        }
    }
}
