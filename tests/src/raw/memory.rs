//! Memory files with any set of seals and any size, and the words in them.
//!
//! # Safety
//!
//! A [`Region`] owns its mapping for as long as it lives and hands out nothing but atomics, at offsets that it checks.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

/// The seals of a region that its owner goes on writing.
pub const PUBLISHED: SealFlags =
    SealFlags::FUTURE_WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);
/// The seals of a region that nobody writes any more.
pub const FROZEN: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// Makes a memory file, right or wrong.
#[derive(Clone, Copy, Debug)]
pub struct Make {
    len: usize,
    seals: SealFlags,
    /// The first allocated byte; what comes before is a hole.
    allocated_from: usize,
    huge: bool,
}

impl Make {
    /// Returns a good published region.
    #[must_use]
    pub fn published(len: usize) -> Make {
        Make { len, seals: PUBLISHED, allocated_from: 0, huge: false }
    }

    /// Returns a good frozen region.
    #[must_use]
    pub fn frozen(len: usize) -> Make {
        Make { seals: FROZEN, ..Make::published(len) }
    }

    /// Omits a seal.
    #[must_use]
    pub fn without(self, seal: SealFlags) -> Make {
        Make { seals: self.seals.difference(seal), ..self }
    }

    /// Replaces the seals.
    #[must_use]
    pub fn sealed_by(self, seals: SealFlags) -> Make {
        Make { seals, ..self }
    }

    /// Leaves everything before `start` unallocated.
    #[must_use]
    pub fn hole_up_to(self, start: usize) -> Make {
        Make { allocated_from: start, ..self }
    }

    /// Takes pages from the host's reserve, whose number is not touched.
    #[must_use]
    pub fn huge(self) -> Make {
        Make { huge: true, allocated_from: usize::MAX, ..self }
    }

    /// Makes the file. It is mapped before it is sealed, as its owner does.
    pub fn region(self) -> Result<Region, Errno> {
        let fd = self.file()?;
        let map = Map::new(fd.as_fd(), self.len, true)?;
        rustix::fs::fcntl_add_seals(&fd, self.seals)?;
        Ok(Region { fd, map })
    }

    /// Makes the file without mapping it.
    pub fn descriptor(self) -> Result<OwnedFd, Errno> {
        let fd = self.file()?;
        rustix::fs::fcntl_add_seals(&fd, self.seals)?;
        Ok(fd)
    }

    fn file(self) -> Result<OwnedFd, Errno> {
        let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        if self.huge {
            flags |= MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        }
        let fd = rustix::fs::memfd_create(c"hostile", flags)?;
        rustix::fs::ftruncate(&fd, self.len as u64)?;
        if let Some(len) = self.len.checked_sub(self.allocated_from).filter(|&n| n > 0) {
            rustix::fs::fallocate(&fd, FallocateFlags::empty(), self.allocated_from as u64, len as u64)?;
        }
        Ok(fd)
    }
}

#[derive(Debug)]
struct Map {
    at: *mut u8,
    len: usize,
}

// SAFETY: a mapping belongs to the process, and what it hands out is atomic.
unsafe impl Send for Map {}
// SAFETY: `&Map` hands out atomics only, which any thread may use.
unsafe impl Sync for Map {}

impl Map {
    fn new(fd: BorrowedFd<'_>, len: usize, writable: bool) -> Result<Map, Errno> {
        let prot = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: with a null hint the kernel replaces no mapping; the range is unmapped by the drop alone.
        let at =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), len.max(1), prot, MapFlags::SHARED, fd, 0) }?;
        Ok(Map { at: at.cast(), len })
    }

    fn at(&self, range: Range<usize>, align: usize) -> *mut u8 {
        assert!(range.end <= self.len && range.start.is_multiple_of(align), "{range:?} of {}", self.len);
        self.at.wrapping_add(range.start)
    }

    fn u32_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: in bounds and aligned, as just checked, and mapped for as long as `self`; everyone here is atomic.
        unsafe { AtomicU32::from_ptr(self.at(offset..offset + 4, 4).cast()) }
    }

    fn u64_at(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: in bounds and aligned, as just checked, and mapped for as long as `self`; everyone here is atomic.
        unsafe { AtomicU64::from_ptr(self.at(offset..offset + 8, 8).cast()) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range is whole as `mmap` returned it, and nothing outlives `self`.
        let _ = unsafe { rustix::mm::munmap(self.at.cast(), self.len.max(1)) };
    }
}

/// A memory file of our own, mapped to write.
#[derive(Debug)]
pub struct Region {
    fd: OwnedFd,
    map: Map,
}

impl Region {
    /// Returns the 32-bit word at `offset`.
    #[must_use]
    pub fn u32_at(&self, offset: usize) -> &AtomicU32 {
        self.map.u32_at(offset)
    }

    /// Returns the 64-bit word at `offset`.
    #[must_use]
    pub fn u64_at(&self, offset: usize) -> &AtomicU64 {
        self.map.u64_at(offset)
    }

    /// Returns the length of the region in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len
    }

    /// Returns true if the region is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.len == 0
    }
}

impl AsFd for Region {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Another process's memory file, mapped read-only.
#[derive(Debug)]
pub struct View(Map);

impl View {
    /// Maps `len` bytes of `fd`.
    pub fn of(fd: BorrowedFd<'_>, len: usize) -> Result<View, Errno> {
        Ok(View(Map::new(fd, len, false)?))
    }

    /// Returns the 32-bit word at `offset`, to be loaded only.
    #[must_use]
    pub fn u32_at(&self, offset: usize) -> &AtomicU32 {
        self.0.u32_at(offset)
    }

    /// Returns the 64-bit word at `offset`, to be loaded only.
    #[must_use]
    pub fn u64_at(&self, offset: usize) -> &AtomicU64 {
        self.0.u64_at(offset)
    }

    /// Tries to make the mapping writable.
    pub fn upgrade(&self) -> Result<(), Errno> {
        let both = rustix::mm::MprotectFlags::READ | rustix::mm::MprotectFlags::WRITE;
        // SAFETY: the range is ours; more rights over it change nothing that is read through it.
        unsafe { rustix::mm::mprotect(self.0.at.cast(), self.0.len, both) }
    }

    /// Tries to punch the memory out of the file, for everyone.
    pub fn remove(&self) -> Result<(), Errno> {
        // SAFETY: the range is ours and only ever read as atomics, which may become zero.
        unsafe { rustix::mm::madvise(self.0.at.cast(), self.0.len, rustix::mm::Advice::LinuxRemove) }
    }

    /// Tries to make the kernel read a file into the memory.
    pub fn read_from(&self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        // SAFETY: the range is ours, and whoever looks at it does so by atomics.
        match unsafe { libc::read(file.as_raw_fd(), self.0.at.cast(), 8) } {
            8 => Ok(()),
            _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
        }
    }

    /// Tries to write the memory as a debugger does, which can ignore page protection.
    pub fn poke(&self) -> Result<(), Errno> {
        let address = self.0.at.addr() as u64;
        let memory = File::options().write(true).open("/proc/self/mem");
        let poked = memory.and_then(|memory| memory.write_all_at(b"scribble", address));
        poked.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
    }
}

/// Tries to map `fd` shared and writable.
pub fn map_writable(fd: BorrowedFd<'_>, len: usize) -> Result<(), Errno> {
    Map::new(fd, len, true).map(drop)
}
