//! Every system call that this crate makes, in one place.
//!
//! # Safety
//!
//! The mapping calls are the only unsafe ones. They stay `unsafe fn`s with numbered duties; `region::map` owns them.
//!
//! Each wrapper retries `EINTR` where retrying is right, says which call failed, and passes a gate where a test can
//! make it fail (feature `fault-injection`).

// claim: fault-injection
#![allow(unsafe_code)]

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;

use rustix::event::{PollFd, Timespec, epoll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FallocateFlags, FlockOperation, MemfdFlags, Mode, OFlags, SealFlags, Stat};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags, Resource};
use rustix::thread::futex;
use rustix::time::{ClockId, DynamicClockId, clock_gettime_dynamic};

use crate::error::{Call, OsError};

type Sys<T> = Result<T, OsError>;

#[cfg(feature = "fault-injection")]
pub mod fault;
mod peercred;

/// Lets the call through, unless a test wants it to fail.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
fn gate(_: Call) -> Result<(), Errno> {
    Ok(())
}
#[cfg(feature = "fault-injection")]
use fault::gate;

/// Runs `f` until it does anything but `EINTR`.
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

// ---- memory files ----

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

pub(crate) fn stat(fd: BorrowedFd<'_>) -> Sys<Stat> {
    once(Call::Stat, || rustix::fs::fstat(fd))
}

/// The magic number of the file system that holds `fd`.
pub(crate) fn file_system(fd: BorrowedFd<'_>) -> Sys<u64> {
    once(Call::StatFs, || rustix::fs::fstatfs(fd)).map(|s| s.f_type as u64)
}

/// The largest file that this process may make, or `None` without a limit.
pub(crate) fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(Resource::Fsize).current
}

/// The bytes of memory and swap that this machine has in all.
pub(crate) fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    let units = (info.totalram as u64).saturating_add(info.totalswap as u64);
    units.saturating_mul(info.mem_unit.into())
}

/// Reads the start of a small file into `into`; used for the kernel's switches under /sys.
pub(crate) fn read_start(path: &CStr, into: &mut [u8]) -> Sys<usize> {
    let fd = once(Call::Open, || rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))?;
    retrying(Call::Read, || rustix::io::read(&fd, &mut *into))
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
        // SAFETY: a null hint lets the kernel choose free addresses, so that no mapping of ours is replaced; what is
        // done with the range is the caller's promise.
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
        // SAFETY: as above; the memory is anonymous and private, so nobody else can see it.
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

/// Advice that neither changes nor drops what is in memory.
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

// ---- sockets ----

pub(crate) fn socket() -> Sys<OwnedFd> {
    once(Call::Socket, || {
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
    })
}

pub(crate) fn socket_pair() -> Sys<(OwnedFd, OwnedFd)> {
    once(Call::SocketPair, || {
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
    })
}

pub(crate) fn bind(fd: BorrowedFd<'_>, to: &SocketAddrUnix) -> Sys<()> {
    once(Call::Bind, || rustix::net::bind(fd, to))
}

pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> Sys<()> {
    once(Call::Listen, || rustix::net::listen(fd, backlog))
}

pub(crate) fn connect(fd: BorrowedFd<'_>, to: &SocketAddrUnix) -> Sys<()> {
    retrying(Call::Connect, || rustix::net::connect(fd, to))
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> Sys<()> {
    let flags = once(Call::SetFlags, || rustix::fs::fcntl_getfl(fd))?;
    once(Call::SetFlags, || rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK))
}

pub(crate) fn set_close_on_exec(fd: BorrowedFd<'_>) -> Sys<()> {
    once(Call::SetFlags, || rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC))
}

/// Accepts a connection, or `None` if none waits.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Sys<Option<OwnedFd>> {
    match retrying(Call::Accept, || rustix::net::accept_with(fd, SocketFlags::CLOEXEC)) {
        Ok(socket) => Ok(Some(socket)),
        // The second is a connection that went away while it waited.
        Err(e) if e.is(Errno::AGAIN) || e.is(Errno::CONNABORTED) => Ok(None),
        Err(e) => Err(e),
    }
}

/// What kind of socket this is: whether Unix, whether of sequenced packets, whether it listens.
pub(crate) fn socket_kind(fd: BorrowedFd<'_>) -> Sys<(bool, bool, bool)> {
    once(Call::SocketKind, || {
        use rustix::net::sockopt;
        Ok((
            sockopt::socket_domain(fd)? == AddressFamily::UNIX,
            sockopt::socket_type(fd)? == SocketType::SEQPACKET,
            sockopt::socket_acceptconn(fd)?,
        ))
    })
}

/// Whether the socket was ever connected. Its peer may have gone since.
pub(crate) fn is_connected(fd: BorrowedFd<'_>) -> Sys<bool> {
    match once(Call::SocketKind, || rustix::net::getpeername(fd)) {
        Ok(_) => Ok(true),
        Err(e) if e.is(Errno::NOTCONN) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The peer's process and user, as the kernel recorded them when the connection was made. The process is 0 if it is of
/// a pid namespace that this one does not see.
pub(crate) fn peer_credentials(fd: BorrowedFd<'_>) -> Sys<(i32, u32)> {
    once(Call::PeerCredentials, || peercred::read(fd))
}

pub(crate) fn set_send_buffer(fd: BorrowedFd<'_>, bytes: usize) -> Sys<()> {
    once(Call::SetSendBuffer, || rustix::net::sockopt::set_socket_send_buffer_size(fd, bytes))
}

/// Most descriptors that one datagram carries, ours or a peer's: one more than any message of the protocol has.
pub(crate) const MAX_FDS: usize = 8;

/// Sends one datagram with descriptors; never blocks, never raises `SIGPIPE`.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[&[u8]; 2], fds: &[BorrowedFd<'_>]) -> Sys<()> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let iov = [IoSlice::new(bytes[0]), IoSlice::new(bytes[1])];
    retrying(Call::Send, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Errno::INVAL);
        }
        rustix::net::sendmsg(fd, &iov, &mut control, flags)
    })
    .map(|_| ())
}

/// What `receive` found.
#[derive(Debug)]
pub(crate) enum Received {
    /// A datagram of so many bytes.
    Datagram {
        /// Its whole length, even if more than the buffer holds.
        bytes: usize,
        /// Whether bytes or descriptors did not fit.
        truncated: bool,
    },
    /// None is waiting.
    Nothing,
    /// The peer has hung up (or has sent an empty datagram, which the protocol does not know either).
    HungUp,
}

/// Receives one datagram; never blocks. Every descriptor that arrives is handed to `keep` and close-on-exec.
pub(crate) fn receive(fd: BorrowedFd<'_>, into: &mut [u8], mut keep: impl FnMut(OwnedFd)) -> Sys<Received> {
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC | RecvFlags::TRUNC;
    let mut resets = 0;
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut iov = [IoSliceMut::new(into)];
        let received =
            gate(Call::Receive).and_then(|()| rustix::net::recvmsg(fd, &mut iov, &mut control, flags));
        match received {
            Ok(message) => {
                for part in control.drain() {
                    if let rustix::net::RecvAncillaryMessage::ScmRights(fds) = part {
                        fds.for_each(&mut keep);
                    }
                }
                let truncated = message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
                return Ok(match message.bytes {
                    0 => Received::HungUp,
                    bytes => Received::Datagram { bytes, truncated },
                });
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            // A peer that closed with our words unread leaves this error in front of what it sent: look behind it.
            Err(Errno::CONNRESET) if resets < 2 => resets += 1,
            Err(Errno::CONNRESET) => return Ok(Received::HungUp),
            Err(errno) => return Err(OsError::new(Call::Receive, errno)),
        }
    }
}

// ---- waiting ----

/// Polls; an interrupted poll counts as one that found nothing.
pub(crate) fn poll(fds: &mut [PollFd<'_>], nanos: u64) -> Sys<usize> {
    match once(Call::Poll, || rustix::event::poll(fds, Some(&timespec(nanos)))) {
        Err(e) if e.is(Errno::INTR) => Ok(0),
        outcome => outcome,
    }
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, nanos: u64) -> Sys<()> {
    match once(Call::FutexWait, || futex::wait(word, futex::Flags::empty(), expected, Some(&timespec(nanos))))
    {
        Err(e) if e.is(Errno::INTR) || e.is(Errno::AGAIN) || e.is(Errno::TIMEDOUT) => Ok(()),
        outcome => outcome,
    }
}

/// Sleeps until one of `words` differs from what it should hold, or is woken, or `nanos` have passed.
pub(crate) fn futex_wait_any<'a>(words: impl Iterator<Item = (&'a AtomicU32, u32)>, nanos: u64) -> Sys<()> {
    let mut waits = [futex::Wait::new(); 64];
    let mut count = 0;
    let mut first = None;
    for (word, expected) in words.take(waits.len()) {
        first.get_or_insert((word, expected));
        waits[count].val = expected.into();
        waits[count].uaddr = futex::WaitPtr::new(word.as_ptr().cast());
        waits[count].flags = futex::WaitFlags::SIZE_U32;
        count += 1;
    }
    let Some((word, expected)) = first else { return Ok(()) };
    if count == 1 {
        return futex_wait(word, expected, nanos);
    }
    let until = timespec(now().saturating_add(nanos));
    let outcome = once(Call::FutexWait, || {
        futex::waitv(&waits[..count], futex::WaitvFlags::empty(), Some(&until), futex::ClockId::Monotonic)
    });
    match outcome {
        Ok(_) => Ok(()),
        Err(e) if e.is(Errno::INTR) || e.is(Errno::AGAIN) || e.is(Errno::TIMEDOUT) => Ok(()),
        // Before Linux 5.16 only one word can be waited on: do that, briefly, and let the caller look at all again.
        Err(e) if e.is(Errno::NOSYS) => futex_wait(word, expected, nanos.min(1_000_000)),
        Err(e) => Err(e),
    }
}

/// Wakes every sleeper on `word`; answers whether there was one.
pub(crate) fn futex_wake(word: &AtomicU32) -> bool {
    // The word is mapped for as long as the reference lives, which leaves nothing that could fail here.
    futex::wake(word, futex::Flags::empty(), i32::MAX as u32).is_ok_and(|woken| woken > 0)
}

pub(crate) fn epoll(of: &[BorrowedFd<'_>]) -> Sys<OwnedFd> {
    let set = once(Call::Epoll, || epoll::create(epoll::CreateFlags::CLOEXEC))?;
    for fd in of {
        once(Call::Epoll, || epoll::add(&set, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN))?;
    }
    Ok(set)
}

// ---- processes, time ----

pub(crate) fn pidfd_open(pid: i32) -> Sys<OwnedFd> {
    once(Call::PidfdOpen, || {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        rustix::process::pidfd_open(pid, PidfdFlags::empty())
    })
}

pub(crate) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Nanoseconds since some fixed point; read without entering the kernel.
pub(crate) fn now() -> u64 {
    clock(ClockId::Monotonic)
}

/// The same clock to within some milliseconds, cheaper.
pub(crate) fn now_coarse() -> u64 {
    clock(ClockId::MonotonicCoarse)
}

/// The call that reports an error instead of asserting that there is none. A host without the clock, of which there is
/// none, would stand at 0: nothing is ever due there.
#[inline]
fn clock(id: ClockId) -> u64 {
    clock_gettime_dynamic(DynamicClockId::Known(id)).map_or(0, nanos)
}

fn nanos(t: Timespec) -> u64 {
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}

fn timespec(nanos: u64) -> Timespec {
    Timespec { tv_sec: (nanos / 1_000_000_000) as _, tv_nsec: (nanos % 1_000_000_000) as _ }
}

// ---- files beside the socket ----

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

pub(crate) fn sleep(nanos: u64) {
    let _ = rustix::thread::nanosleep(&timespec(nanos));
}

/// What a path names, without following a link; `None` if nothing is there.
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

/// Gives a socket its mode before it is bound, so that the name never exists with a wider one.
pub(crate) fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> Sys<()> {
    once(Call::SetMode, || rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)))
}

/// A duplicate that is close-on-exec.
pub(crate) fn duplicate(fd: impl AsFd) -> Sys<OwnedFd> {
    once(Call::Duplicate, || rustix::io::fcntl_dupfd_cloexec(fd, 3))
}
