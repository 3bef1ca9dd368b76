//! Accepting regions from another process: every property is checked on the descriptor before it is mapped.
//!
//! The order matters. `F_GET_SEALS` comes first: it only looks at the open file, and only tmpfs and hugetlbfs support
//! it, while `fstat` on a hostile file system could wait forever.
//!
//! # Safety
//!
//! [`Frozen`] gives out `&[u8]`, which is sound because `F_SEAL_WRITE` was seen on the file: the kernel grants that
//! seal only when no writable mapping is left and never takes it back.

// claim: hostile-peers
#![allow(unsafe_code)]

use core::ops::Deref;

use rustix::fd::BorrowedFd;
use rustix::fs::SealFlags;
use rustix::io::Errno;

use super::map::Mapping;
use super::memfd::POPULATE_FROM;
use super::words::Mapped;
use crate::error::{Call, RegionFault};
use crate::sys::{self, Hint};

/// `TMPFS_MAGIC`: the file system of a memfd of normal pages.
const TMPFS: u64 = 0x0102_1994;
/// `HUGETLBFS_MAGIC`: the file system of a memfd of reserved huge pages.
const HUGETLBFS: u64 = 0x9584_58f6;
/// The block size of tmpfs where pages have 4 KiB and none of them are huge.
const SMALLEST_PAGE: u64 = 4096;
/// Sizes are compared after rounding to this when huge pages are reserved.
const HUGE: u64 = 2 << 20;

/// A published region of another process: readable, and changed by its owner.
#[derive(Debug)]
pub(crate) struct PeerMap {
    map: Mapping,
}

impl PeerMap {
    /// Checks and maps a published region that must have exactly `len` bytes.
    pub(crate) fn attach(fd: BorrowedFd<'_>, len: usize, huge_tlb: bool) -> Result<PeerMap, RegionFault> {
        check(fd, SealFlags::FUTURE_WRITE, huge_tlb, len, |found, wanted| found == wanted)?;
        let map = Mapping::of(fd, len, false)?;
        fault_in(&map)?;
        Ok(PeerMap { map })
    }
}

impl Mapped for PeerMap {
    fn mapping(&self) -> &Mapping {
        &self.map
    }
}

/// A frozen region from any process: immutable, and mapped while this value lives.
#[derive(Debug)]
pub struct Frozen {
    /// `None` for a region of no bytes, which cannot be mapped.
    map: Option<Mapping>,
}

impl Frozen {
    /// Checks that `fd` is immutable and at least `len` bytes long, and maps those bytes.
    ///
    /// ```
    /// use bowstring_transport::region::{FrozenView, Pages, Writable};
    /// use rustix::fd::AsFd;
    /// let mut region = Writable::create(c"greeting", 5, Pages::Normal)?;
    /// region.copy_from_slice(b"hello");
    /// let frozen = region.freeze()?;
    /// let view = FrozenView::attach(frozen.as_fd(), 5).unwrap();
    /// assert_eq!(&*view, b"hello");
    /// # Ok::<(), bowstring_transport::OsError>(())
    /// ```
    pub fn attach(fd: BorrowedFd<'_>, len: usize) -> Result<Frozen, RegionFault> {
        check(fd, SealFlags::WRITE, false, len, |found, wanted| found >= wanted)?;
        let map = if len == 0 { None } else { Some(map_all(fd, len)?) };
        Ok(Frozen { map })
    }
}

impl Frozen {
    /// Makes the checks of [`attach`](Self::attach) without mapping anything, for a region that is so short that reading it
    /// is cheaper.
    pub fn check(fd: BorrowedFd<'_>, len: usize) -> Result<(), RegionFault> {
        check(fd, SealFlags::WRITE, false, len, |found, wanted| found >= wanted)
    }

    /// Attaches like [`attach`](Self::attach), in a time that does not depend on `len`: pages are mapped as they are
    /// read, not in advance. For regions that may be read only in part.
    pub fn attach_lazily(fd: BorrowedFd<'_>, len: usize) -> Result<Frozen, RegionFault> {
        check(fd, SealFlags::WRITE, false, len, |found, wanted| found >= wanted)?;
        let map = if len == 0 { None } else { Some(Mapping::frozen(fd, len)?) };
        Ok(Frozen { map })
    }
}

/// The bytes, which never change.
impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for Frozen {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.map {
            // SAFETY: mapped in full and within the file, whose size and contents the checked seals have fixed.
            Some(map) => unsafe { core::slice::from_raw_parts(map.at(0), map.len()) },
            None => &[],
        }
    }
}

/// Maps every page now.
fn fault_in(map: &Mapping) -> Result<(), RegionFault> {
    match map.advise(Hint::PopulateRead) {
        // Before Linux 5.14: each page faults at its first touch instead.
        Err(e) if e.is(Errno::INVAL) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Maps a message that is read once: a small one is faulted in by reading it.
fn map_all(fd: BorrowedFd<'_>, len: usize) -> Result<Mapping, RegionFault> {
    let map = Mapping::frozen(fd, len)?;
    if len >= POPULATE_FROM {
        fault_in(&map)?;
    }
    Ok(map)
}

/// Makes the checks that all attaching shares. `write` is the required seal against writing; `F_SEAL_WRITE` also
/// satisfies the weaker one.
fn check(
    fd: BorrowedFd<'_>,
    write: SealFlags,
    huge_tlb: bool,
    len: usize,
    fits: impl FnOnce(u64, u64) -> bool,
) -> Result<(), RegionFault> {
    let seals = match sys::seals(fd) {
        // Not a file of a kind that supports seals: a disk file, a device, a socket; or, with the second error, an
        // `O_PATH` descriptor instead of an open file.
        Err(e) if e.call() == Call::GetSeals && (e.is(Errno::INVAL) || e.is(Errno::BADF)) => {
            return Err(RegionFault::NotMemory);
        }
        outcome => outcome?,
    };
    if !seals.contains(SealFlags::SHRINK) {
        return Err(RegionFault::MayShrink);
    }
    if !seals.contains(SealFlags::GROW) {
        return Err(RegionFault::MayGrow);
    }
    if !seals.intersects(write | SealFlags::WRITE) {
        let frozen = write == SealFlags::WRITE;
        return Err(if frozen { RegionFault::NotFrozen } else { RegionFault::MayBeWritten });
    }
    if !seals.contains(SealFlags::SEAL) {
        return Err(RegionFault::MayBeSealed);
    }
    let stat = sys::stat(fd)?;
    // A file with seals is on one of the two, and the blocks of hugetlbfs are its pages: none have 4 KiB.
    let huge = u64::try_from(stat.st_blksize) != Ok(SMALLEST_PAGE)
        && match sys::file_system(fd)? {
            TMPFS => false,
            HUGETLBFS if huge_tlb => true,
            HUGETLBFS => return Err(RegionFault::HugeTlb),
            _ => return Err(RegionFault::NotMemory),
        };
    let found = u64::try_from(stat.st_size).unwrap_or(0);
    let wanted = if huge { (len as u64).div_ceil(HUGE) * HUGE } else { len as u64 };
    if !fits(found, wanted) {
        return Err(RegionFault::Size { found, wanted });
    }
    // Blocks are counted in units of 512 bytes for every page size. The whole file counts, even if less of it is
    // read: what is allocated may be behind what is read.
    let allocated = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
    if allocated < found {
        return Err(RegionFault::Holes { allocated, wanted: found });
    }
    Ok(())
}
