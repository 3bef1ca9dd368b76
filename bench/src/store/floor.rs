//! The least that opening takes: a file mapped and one value read.
//!
//! # Safety
//!
//! The file is this bench's own, and nobody changes or shortens it while it is mapped.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Returns the value at a byte of a file of that length.
pub(super) fn first(file: &File, len: usize, at: usize) -> i64 {
    assert!(at + 8 <= len);
    // SAFETY: a new mapping of an open file, at an address of the kernel's choice.
    let place = unsafe {
        libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    assert_ne!(place, libc::MAP_FAILED);
    // SAFETY: within the mapping, as just checked; the file is as long as that.
    let place_of_value = unsafe { place.cast::<u8>().add(at) };
    // SAFETY: eight bytes of the mapping; any value is a number.
    let value = unsafe { place_of_value.cast::<i64>().read_unaligned() };
    // SAFETY: the whole mapping, which is not used any more.
    unsafe { libc::munmap(place, len) };
    value
}
