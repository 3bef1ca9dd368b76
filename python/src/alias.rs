//! A second mapping of a writer's pool, for Python's arrays to write through.
//!
//! Arrays may outlive the block that they were made for, and a thread may be in the middle of writing to one. So they never
//! get the pool's own mapping: from an alias, a message's place can be [cut loose](Alias::cut_loose), after which arrays
//! over it are private memory with the same values, and nothing that is done to them reaches a reader.
//!
//! # Safety
//!
//! An alias is a mapping of its own, made by `mremap` from a length of 0, and nothing else in this process refers to it but
//! the buffers that hold it. It is unmapped with the last of them.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::mm::{self, Advice, MapFlags, MremapFlags, ProtFlags};

/// The places of aliases, for forked children.
static ALIVE: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());

/// A writable mapping of a whole pool.
#[derive(Debug)]
pub(crate) struct Alias {
    at: Range<usize>,
    pool: Range<usize>,
    is_loose: AtomicBool,
}

fn pointer(address: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address)
}

impl Alias {
    /// Maps the pool at these addresses a second time. It must stay mapped meanwhile.
    pub(crate) fn of(pool: Range<usize>) -> Result<Alias, rustix::io::Errno> {
        // SAFETY: from a length of 0 this duplicates a shared mapping and leaves the old one alone.
        let at = unsafe { mm::mremap(pointer(pool.start), 0, pool.len(), MremapFlags::MAYMOVE) }?;
        let at = at.expose_provenance()..at.addr() + pool.len();
        let alias = Alias { at, pool, is_loose: AtomicBool::new(false) };
        // SAFETY: the range is the mapping just made. Children get private memory in its place instead.
        unsafe { mm::madvise(pointer(alias.at.start), alias.at.len(), Advice::LinuxDontFork) }?;
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).push(alias.at.clone());
        Ok(alias)
    }

    /// Returns true if this is an alias of that pool, all of it.
    pub(crate) fn is_of(&self, pool: &Range<usize>) -> bool {
        self.pool == *pool && !self.is_loose.load(Ordering::Relaxed)
    }

    /// The address at which the alias has what lies at `address` in the pool.
    pub(crate) fn address(&self, address: usize) -> usize {
        self.at.start + (address - self.pool.start)
    }

    /// Puts private memory with the same bytes in the place of a message, whose addresses are those in the pool. What is
    /// written through this alias from then on goes nowhere else.
    pub(crate) fn cut_loose(&self, message: &Range<usize>) -> Result<(), rustix::io::Errno> {
        self.is_loose.store(true, Ordering::Relaxed);
        let page = rustix::param::page_size();
        let start = self.address(message.start) & !(page - 1);
        let len = (self.address(message.end) - start).next_multiple_of(page).min(self.at.end - start);
        let (flags, rights) = (MapFlags::PRIVATE, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping, wherever there is room.
        let private = unsafe { mm::mmap_anonymous(std::ptr::null_mut(), len, rights, flags) }?;
        // SAFETY: both ranges are mapped and `len` long. The old one may be written meanwhile, by a thread that went on
        // when it should not: what it writes then is in the copy or is lost.
        unsafe { std::ptr::copy_nonoverlapping(pointer(start).cast::<u8>(), private.cast::<u8>(), len) };
        let how = MremapFlags::MAYMOVE;
        // SAFETY: the target is a part of the alias, which is this value's; whoever refers to it finds the copy there.
        let moved = unsafe { mm::mremap_fixed(private, len, len, how, pointer(start)) };
        moved.map(drop).inspect_err(|_| {
            // SAFETY: the mapping was made above, and nobody knows of it.
            let _ = unsafe { mm::munmap(private, len) };
        })
    }
}

impl Drop for Alias {
    fn drop(&mut self) {
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|at| *at != self.at);
        // SAFETY: the mapping is this value's, and every buffer over it held it.
        let _ = unsafe { mm::munmap(pointer(self.at.start), self.at.len()) };
    }
}

/// In a forked child: arrays over aliases are private memory full of zeroes.
pub(crate) fn in_forked_child() {
    let Ok(alive) = ALIVE.try_lock() else { return };
    for at in &*alive {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE | MapFlags::NORESERVE;
        // SAFETY: the range was not inherited, so nothing is there, and nothing is replaced if something is.
        let _ = unsafe {
            mm::mmap_anonymous(pointer(at.start), at.len(), ProtFlags::READ | ProtFlags::WRITE, flags)
        };
    }
}
