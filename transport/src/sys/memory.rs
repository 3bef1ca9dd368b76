//! Memory: memory files, their seals, and mappings.
//!
//! # Safety
//!
//! The mapping calls stay `unsafe fn`s with numbered duties; `region::map` owns them.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_void};

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::Resource;

use super::{Sys, once, retrying};
use crate::error::Call;

// ---- files ----

pub(crate) fn memfd_create(name: &CStr, flags: MemfdFlags) -> Sys<OwnedFd> {
    once(Call::MemfdCreate, || rustix::fs::memfd_create(name, flags))
}

pub(crate) fn add_seals(fd: BorrowedFd<'_>, seals: SealFlags) -> Sys<()> {
    once(Call::AddSeals, || rustix::fs::fcntl_add_seals(fd, seals))
}

pub(crate) fn seals(fd: BorrowedFd<'_>) -> Sys<SealFlags> {
    once(Call::GetSeals, || rustix::fs::fcntl_get_seals(fd))
}

pub(crate) fn truncate(fd: BorrowedFd<'_>, len: u64) -> Sys<()> {
    retrying(Call::Truncate, || rustix::fs::ftruncate(fd, len))
}

pub(crate) fn allocate(fd: BorrowedFd<'_>, len: u64) -> Sys<()> {
    retrying(Call::Allocate, || rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, len))
}

/// Returns the largest file that this process may make, or `None` without a limit.
pub(crate) fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(Resource::Fsize).current
}

/// Returns the total bytes of memory and swap of this machine.
pub(crate) fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    let units = (info.totalram as u64).saturating_add(info.totalswap as u64);
    units.saturating_mul(info.mem_unit.into())
}

// ---- mappings ----

/// Maps `len` bytes of `fd`, shared.
///
/// # Safety
/// 1. The caller owns the returned range and is the only one to unmap it.
/// 2. No reference into the range is made for memory that somebody may change meanwhile.
pub(crate) unsafe fn map(fd: BorrowedFd<'_>, len: usize, writable: bool) -> Sys<*mut u8> {
    let prot = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
    once(Call::Map, || {
        // SAFETY: a null hint lets the kernel choose free addresses, so no mapping of ours is replaced; the use of
        // the range is the caller's promise.
        unsafe { rustix::mm::mmap(core::ptr::null_mut(), len, prot, MapFlags::SHARED, fd, 0) }
    })
    .map(<*mut c_void>::cast)
}

/// Maps `len` bytes of private, zeroed memory.
///
/// # Safety
/// The caller owns the returned range and is the only one to unmap it.
pub(crate) unsafe fn map_private(len: usize) -> Sys<*mut u8> {
    once(Call::Map, || {
        // SAFETY: a null hint lets the kernel choose free addresses; the memory is anonymous and private, so nobody
        // else can see it; its use is the caller's promise.
        unsafe {
            rustix::mm::mmap_anonymous(
                core::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }
    })
    .map(<*mut c_void>::cast)
}

/// Unmaps a range.
///
/// # Safety
/// The range is one that `map` or `map_private` returned, whole, and nothing refers to it any more.
pub(crate) unsafe fn unmap(at: *mut u8, len: usize) {
    // SAFETY: passed on from the caller. The call can only fail for a range that is not a mapping of ours.
    let outcome = unsafe { rustix::mm::munmap(at.cast(), len) };
    debug_assert!(outcome.is_ok(), "a mapping of ours was not there to unmap");
}

/// Advice that neither changes nor drops the contents of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hint {
    DontFork,
    HugePages,
    PopulateRead,
    PopulateWrite,
}

/// Advises about a range.
///
/// # Safety
/// The range lies within a mapping that the caller owns.
pub(crate) unsafe fn advise(at: *mut u8, len: usize, hint: Hint) -> Sys<()> {
    let (call, advice) = match hint {
        Hint::DontFork => (Call::Advise, Advice::LinuxDontFork),
        Hint::HugePages => (Call::Advise, Advice::LinuxHugepage),
        Hint::PopulateRead => (Call::Populate, Advice::LinuxPopulateRead),
        Hint::PopulateWrite => (Call::Populate, Advice::LinuxPopulateWrite),
    };
    retrying(call, || {
        // SAFETY: passed on; none of these four changes the contents of the range.
        unsafe { rustix::mm::madvise(at.cast(), len, advice) }
    })
}
