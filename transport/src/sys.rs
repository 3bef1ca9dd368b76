//! Every system call of this crate, in one place: here the gate that they all pass, files and processes; the rest in
//! `memory`, `socket`, `waiting` and `futex`. Only those that map memory are unsafe, and the one in `peercred`.
//!
//! Each wrapper retries `EINTR` where that is right, reports which call failed, and passes a gate where a test can
//! make it fail (feature `fault-injection`).

// claim: fault-injection

#[cfg(feature = "fault-injection")]
pub mod fault;
// Under loom `sync` waits in a model instead.
#[cfg_attr(loom, allow(dead_code))]
pub(crate) mod futex;
mod memory;
mod peercred;
mod socket;
mod users;
mod waiting;

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, IoSlice};
use rustix::process::{Pid, PidfdFlags};

use crate::error::{Call, OsError};

pub(crate) use memory::{
    Hint, add_seals, advise, allocate, file_size_limit, machine_memory, map, map_private, memfd_create,
    seals, truncate, unmap,
};
#[cfg(feature = "sendfd")]
pub(crate) use socket::receive_as_set;
pub(crate) use socket::{
    MAX_FDS, Received, accept, bind, connect, is_connected, listen, peer_credentials, receive, send,
    set_nonblocking, set_send_buffer, set_send_timeout, socket, socket_kind, socket_pair, stop_reading,
};
pub(crate) use users::{is_mapped, own_uid};
pub(crate) use waiting::{epoll, now, now_coarse, poll, sleep};

type Sys<T> = Result<T, OsError>;

/// Lets the call through, unless a test wants it to fail.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
fn gate(_: Call) -> Result<(), Errno> {
    Ok(())
}
#[cfg(feature = "fault-injection")]
use fault::gate;

/// Runs `f` until its result is not `EINTR`.
#[inline]
fn retrying<T>(call: Call, mut f: impl FnMut() -> Result<T, Errno>) -> Sys<T> {
    loop {
        match gate(call).and_then(|()| f()) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(OsError::new(call, errno)),
            Ok(value) => return Ok(value),
        }
    }
}

/// Runs `f` once; for calls that must not be repeated or whose caller handles `EINTR`.
#[inline]
fn once<T>(call: Call, f: impl FnOnce() -> Result<T, Errno>) -> Sys<T> {
    gate(call).and_then(|()| f()).map_err(|errno| OsError::new(call, errno))
}

// ---- files ----

/// Writes parts one after the other from an offset on; returns the number of bytes written.
pub(crate) fn write_parts_at(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>], at: u64) -> Sys<usize> {
    retrying(Call::Write, || rustix::io::pwritev(fd, parts, at))
}

pub(crate) fn stat(fd: BorrowedFd<'_>) -> Sys<Stat> {
    once(Call::Stat, || rustix::fs::fstat(fd))
}

/// Returns the magic number of the file system that holds `fd`.
pub(crate) fn file_system(fd: BorrowedFd<'_>) -> Sys<u64> {
    once(Call::StatFs, || rustix::fs::fstatfs(fd)).map(|s| s.f_type as u64)
}

/// Reads the start of a small file into `into`; used for the kernel's switches under /sys.
pub(crate) fn read_start(path: &CStr, into: &mut [u8]) -> Sys<usize> {
    let fd = once(Call::Open, || rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))?;
    retrying(Call::Read, || rustix::io::read(&fd, &mut *into))
}

/// Refers to what a path names, a link followed, without opening it: no file system and no device hears of it.
#[cfg(feature = "std")]
pub(crate) fn open_path(path: &CStr) -> Sys<OwnedFd> {
    once(Call::Open, || rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()))
}

/// Opens for reading what a descriptor of [`open_path`] refers to.
#[cfg(feature = "std")]
pub(crate) fn open_referred(fd: BorrowedFd<'_>) -> Sys<OwnedFd> {
    use rustix::fd::AsRawFd;
    let path = std::format!("/proc/self/fd/{}", fd.as_raw_fd());
    once(Call::Open, || rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))
}

/// Returns device and inode of a file as the kernel has them, without asking a file system that could keep it waiting.
#[cfg(feature = "std")]
pub(crate) fn identity(fd: BorrowedFd<'_>) -> Sys<(u64, u64)> {
    use rustix::fs::{StatxFlags, makedev, statx};
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = once(Call::Stat, || statx(fd, c"", flags, StatxFlags::INO))?;
    Ok((makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino))
}

pub(crate) fn open_directory(path: &[u8]) -> Sys<OwnedFd> {
    once(Call::Open, || {
        rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    })
}

/// Tries to lock; `false` if somebody else holds the lock.
pub(crate) fn try_lock(fd: BorrowedFd<'_>) -> Sys<bool> {
    match retrying(Call::Lock, || rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(e) if e.is(Errno::AGAIN) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Returns what a path names, without following a link; `None` if there is nothing.
pub(crate) fn look_at(path: &[u8]) -> Sys<Option<Stat>> {
    match once(Call::Stat, || rustix::fs::statat(rustix::fs::CWD, path, AtFlags::SYMLINK_NOFOLLOW)) {
        Ok(stat) => Ok(Some(stat)),
        Err(e) if e.is(Errno::NOENT) => Ok(None),
        Err(e) => Err(e),
    }
}

pub(crate) fn unlink(path: &[u8]) -> Sys<()> {
    once(Call::Unlink, || rustix::fs::unlinkat(rustix::fs::CWD, path, AtFlags::empty()))
}

/// Sets the mode of a socket before it is bound, so that the name never exists with a wider one.
pub(crate) fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> Sys<()> {
    once(Call::SetMode, || rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)))
}

/// Returns a duplicate that is close-on-exec.
pub(crate) fn duplicate(fd: impl AsFd) -> Sys<OwnedFd> {
    once(Call::Duplicate, || rustix::io::fcntl_dupfd_cloexec(fd, 3))
}

pub(crate) fn set_close_on_exec(fd: BorrowedFd<'_>) -> Sys<()> {
    once(Call::SetFlags, || rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC))
}

/// Returns true if a number is that of an open descriptor.
#[cfg(feature = "std")]
pub(crate) fn is_open(fd: BorrowedFd<'_>) -> bool {
    rustix::io::fcntl_getfd(fd).is_ok()
}

/// Returns a descriptor that reports what appears in directories.
pub(crate) fn inotify() -> Sys<OwnedFd> {
    use rustix::fs::inotify::{CreateFlags, init};
    once(Call::Inotify, || init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK))
}

pub(crate) fn watch_directory(inotify: BorrowedFd<'_>, path: &[u8]) -> Sys<()> {
    use rustix::fs::inotify::{WatchFlags, add_watch};
    let events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR;
    once(Call::Inotify, || add_watch(inotify, path, events)).map(drop)
}

pub(crate) fn read(fd: BorrowedFd<'_>, into: &mut [u8]) -> Sys<usize> {
    retrying(Call::Read, || rustix::io::read(fd, &mut *into))
}

// ---- processes ----

pub(crate) fn pidfd_open(pid: i32) -> Sys<OwnedFd> {
    once(Call::PidfdOpen, || {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        rustix::process::pidfd_open(pid, PidfdFlags::empty())
    })
}

pub(crate) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}
