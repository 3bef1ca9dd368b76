//! Creates regions: memory files, allocated whole, and sealed before anyone else can touch them.
//!
//! # Safety
//!
//! `&mut [u8]` over a region is sound while its descriptor has not left this process (`Writable`), or once the seals
//! keep everyone else from writing (`Published`): then the others may read while we write, which is their concern and
//! the reason why they hold no `&[u8]`.

// claim: one-writer, kernel-seals
#![allow(unsafe_code)]

use core::ffi::CStr;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::append::Appender;
use super::map::Mapping;
use super::words::Mapped;
use crate::error::{Call, OsError};
use crate::sys::{self, Hint};

/// The kind of pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pages {
    /// The page size of the machine.
    #[default]
    Normal,
    /// Transparent huge pages, if the host grants them for shared memory; [`Writable::pages`] shows it.
    Huge,
    /// Pages of 2 MiB from the host's reserve (`vm.nr_hugepages`); an error if there are none.
    HugeTlb,
}

/// The page size of the reserve that [`Pages::HugeTlb`] uses.
const HUGE: usize = 2 << 20;

/// Below this, faulting pages in as they are written is no slower than requesting them all first.
pub(super) const POPULATE_FROM: usize = 64 << 10;

/// Below this, every supported machine has the memory, and checking its size is not worth a system call.
const ASK_FROM: usize = 64 << 20;

/// From here on, allocating a region takes longer than a handshake would wait.
const WHOLE_FROM: usize = 256 << 20;

/// A region whose descriptor has not left this process.
#[derive(Debug)]
pub struct Writable {
    fd: OwnedFd,
    map: Mapping,
    /// The length requested; a mapping of huge pages may be longer.
    len: usize,
    pages: Pages,
}

impl Writable {
    /// Creates a region of `len` zero bytes, all of them backed by memory: a shortage is an error here and never a
    /// signal later. `name` is what `/proc/self/maps` shows.
    ///
    /// ```
    /// use bowstring_transport::region::{Pages, Writable};
    /// let mut region = Writable::create(c"numbers", 1 << 20, Pages::Normal)?;
    /// region[..4].copy_from_slice(&7_u32.to_le_bytes());
    /// let frozen = region.freeze()?; // nobody can change it now, and any process that gets the descriptor can read it
    /// assert_eq!(frozen.len(), 1 << 20);
    /// # Ok::<(), bowstring_transport::OsError>(())
    /// ```
    pub fn create(name: &CStr, len: usize, pages: Pages) -> Result<Writable, OsError> {
        let size = match pages {
            Pages::HugeTlb => len.checked_next_multiple_of(HUGE).unwrap_or(usize::MAX),
            // A mapping has at least one byte, even for an empty region.
            Pages::Normal | Pages::Huge => len.max(1),
        };
        affordable(size)?;
        let fd = create_sealable(name, pages)?;
        if pages == Pages::Huge {
            // Huge pages come from faults on an advised mapping, not from fallocate.
            sys::truncate(fd.as_fd(), size as u64)?;
        } else {
            sys::allocate(fd.as_fd(), size as u64)?;
        }
        let map = Mapping::of(fd.as_fd(), size, true)?;
        let granted = granted(pages, &map);
        if size >= POPULATE_FROM {
            populate(&map)?;
        }
        if pages == Pages::Huge {
            sys::allocate(fd.as_fd(), size as u64)?;
        }
        Ok(Writable { fd, map, len, pages: granted })
    }

    /// Creates and publishes a region without memory: [`Published::back`] allocates it before anybody else gets it.
    /// For regions that may never be used; large ones, and those of reserved pages, are allocated at once.
    pub(crate) fn reserve(name: &CStr, len: usize, pages: Pages) -> Result<Published, OsError> {
        if len >= WHOLE_FROM || pages == Pages::HugeTlb {
            return Writable::create(name, len, pages)?.publish();
        }
        if sys::file_size_limit().is_some_and(|most| len as u64 > most) {
            return Err(OsError::new(Call::Allocate, Errno::FBIG));
        }
        let fd = create_sealable(name, pages)?;
        sys::truncate(fd.as_fd(), len as u64)?;
        let map = Mapping::of(fd.as_fd(), len, true)?;
        let pages = granted(pages, &map);
        sys::add_seals(fd.as_fd(), PUBLISHED)?;
        Ok(Published { fd, map, len, pages, backed: AtomicBool::new(false) })
    }

    /// Returns the kind of pages that the host granted.
    #[must_use]
    pub const fn pages(&self) -> Pages {
        self.pages
    }

    /// Seals the region so that nobody but this process ever writes to it, and nobody resizes it.
    pub fn publish(self) -> Result<Published, OsError> {
        // A large region was faulted in when it was created; a published one is used for long, however small.
        if self.map.len() < POPULATE_FROM {
            populate(&self.map)?;
        }
        sys::add_seals(self.fd.as_fd(), PUBLISHED)?;
        let Writable { fd, map, len, pages } = self;
        Ok(Published { fd, map, len, pages, backed: AtomicBool::new(true) })
    }

    /// Seals the region so that nobody ever writes to it again, this process included.
    pub fn freeze(self) -> Result<Frozen, OsError> {
        let Writable { fd, map, len, .. } = self;
        // The kernel refuses the seal while a writable mapping exists.
        drop(map);
        sys::add_seals(fd.as_fd(), FROZEN)?;
        Ok(Frozen { fd, len })
    }
}

impl Deref for Writable {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: mapped, `len` bytes at least, zeroed by the kernel; the descriptor has not left this process, so only
        // this value writes here, and `&self` keeps it from doing so.
        unsafe { core::slice::from_raw_parts(self.map.at(0), self.len) }
    }
}

impl DerefMut for Writable {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: mapped, `len` bytes at least, zeroed by the kernel; the descriptor has not left this process, and
        // `&mut self` makes this the only reference.
        unsafe { core::slice::from_raw_parts_mut(self.map.at(0), self.len) }
    }
}

/// A region that its owner goes on writing and everyone else can only read.
#[derive(Debug)]
pub struct Published {
    fd: OwnedFd,
    map: Mapping,
    len: usize,
    pages: Pages,
    /// True if all of it is allocated.
    backed: AtomicBool,
}

impl Published {
    /// Allocates all of a reserved region now. A shortage is an error here and never a signal later.
    pub(crate) fn back(&self) -> Result<(), OsError> {
        if self.backed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let size = self.map.len() as u64;
        // Huge pages come from faults on an advised mapping, not from fallocate.
        if self.pages != Pages::Huge {
            sys::allocate(self.fd.as_fd(), size)?;
        }
        populate(&self.map)?;
        if self.pages == Pages::Huge {
            sys::allocate(self.fd.as_fd(), size)?;
        }
        self.backed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the length of the region in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the region is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the kind of pages that the host granted.
    #[must_use]
    pub const fn pages(&self) -> Pages {
        self.pages
    }

    /// Returns the `len` bytes from `start` on for writing; `None` if the region is shorter.
    #[inline]
    pub fn bytes_mut(&mut self, start: usize, len: usize) -> Option<&mut [u8]> {
        start.checked_add(len).filter(|&end| end <= self.len)?;
        // SAFETY: mapped, for `start + len <= self.len`; the seals keep every other process from writing; `&mut self`
        // keeps this one from making a second reference. Other processes may read meanwhile, which does not concern this
        // reference.
        Some(unsafe { core::slice::from_raw_parts_mut(self.map.at(start), len) })
    }

    /// Returns the `len` bytes from `start` on for reading back; `None` if the region is shorter.
    #[inline]
    pub(crate) fn bytes(&self, start: usize, len: usize) -> Option<&[u8]> {
        start.checked_add(len).filter(|&end| end <= self.len)?;
        // SAFETY: mapped, for `start + len <= self.len`; the seals keep every other process from writing, and `&self`
        // keeps this one from writing through `bytes_mut`.
        Some(unsafe { core::slice::from_raw_parts(self.map.at(start), len) })
    }
}

impl Mapped for Published {
    fn mapping(&self) -> &Mapping {
        &self.map
    }
}

impl AsFd for Published {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A region that nobody can change any more, as a descriptor to send.
#[derive(Debug)]
pub struct Frozen {
    fd: OwnedFd,
    len: usize,
}

impl Frozen {
    /// `fd` carries the seals of [`FROZEN`] and has `len` bytes.
    pub(super) const fn new(fd: OwnedFd, len: usize) -> Frozen {
        Frozen { fd, len }
    }

    /// Returns the length of the region in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the region is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Creates a frozen region that holds a copy of `bytes`.
    ///
    /// Pages of the usual size are written and not mapped: a mapping would fault and zero each page before it is
    /// filled.
    pub(crate) fn copy_of(name: &CStr, bytes: &[u8], pages: Pages) -> Result<Frozen, OsError> {
        if pages != Pages::Normal {
            let mut region = Writable::create(name, bytes.len(), pages)?;
            region.copy_from_slice(bytes);
            return region.freeze();
        }
        affordable(bytes.len())?;
        let mut region = Appender::create(name)?;
        region.append(bytes)?;
        region.freeze()
    }

    /// Returns the descriptor itself, to be sent by other means.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Frozen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The seals of a published region: its owner's earlier mapping stays writable; there can be no new one.
pub(crate) const PUBLISHED: SealFlags =
    SealFlags::FUTURE_WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// The seals of a frozen region.
pub(crate) const FROZEN: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// Refuses a region whose filling would end with a signal and not with an error.
pub(crate) fn affordable(size: usize) -> Result<(), OsError> {
    // Exceeding RLIMIT_FSIZE would raise a signal, which kills by default.
    if sys::file_size_limit().is_some_and(|most| size as u64 > most) {
        return Err(OsError::new(Call::Allocate, Errno::FBIG));
    }
    // Taking more, page by page, would end with the kernel killing a process.
    if size >= ASK_FROM && size as u64 > sys::machine_memory() {
        return Err(OsError::new(Call::Allocate, Errno::NOMEM));
    }
    Ok(())
}

pub(super) fn create_sealable(name: &CStr, pages: Pages) -> Result<OwnedFd, OsError> {
    let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    if pages == Pages::HugeTlb {
        flags |= MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
    }
    match sys::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag; there a memory file is executable like any other.
        Err(e) if e.is(Errno::INVAL) => sys::memfd_create(name, flags),
        outcome => outcome,
    }
}

/// Returns the kind of pages that the host grants for a mapping.
fn granted(wanted: Pages, map: &Mapping) -> Pages {
    match wanted {
        Pages::Huge if ask_for_huge(map) => Pages::Huge,
        Pages::Huge => Pages::Normal,
        other => other,
    }
}

/// Requests huge pages and returns whether the host grants them for shared memory.
fn ask_for_huge(map: &Mapping) -> bool {
    let mut text = [0; 64];
    let read = sys::read_start(c"/sys/kernel/mm/transparent_hugepage/shmem_enabled", &mut text);
    let text = &text[..read.unwrap_or(0)];
    let refused = text.is_empty() || contains(text, b"[never]") || contains(text, b"[deny]");
    !refused && map.advise(Hint::HugePages).is_ok()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w == part)
}

/// Makes every page present and writable now.
fn populate(map: &Mapping) -> Result<(), OsError> {
    match map.advise(Hint::PopulateWrite) {
        // Before Linux 5.14: the memory is allocated, but the first touch of each page faults.
        Err(e) if e.is(Errno::INVAL) => Ok(()),
        outcome => outcome,
    }
}
