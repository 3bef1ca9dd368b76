//! The floors: the same work with nothing around it.
//!
//! # Safety
//!
//! The memory of a [`Pair`] is mapped in both processes for as long as its contenders live. Words in it are atomics; a
//! buffer is touched by one process at a time, which the words hand over.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::process::Pair;
use super::{End, Load, PingPong};

/// Returns a word in shared memory, on a line of its own.
fn word(pair: &Pair, line: usize) -> &'static AtomicU64 {
    // SAFETY: within the memory's first pages, aligned to a line, any bits are a number; mapped until the process ends.
    unsafe { AtomicU64::from_ptr(pair.memory.wrapping_add(line * 128).cast()) }
}

/// The buffers of one direction.
struct Buffers {
    start: *mut u8,
    len: usize,
    stride: usize,
    count: usize,
}

impl Buffers {
    fn new(pair: &Pair, load: Load, from: End) -> Buffers {
        let (stride, count) = (load.len.next_multiple_of(4096), load.buffers());
        let offset = (1 << 16) + from as usize * count * stride;
        assert!(offset + count * stride <= pair.memory_len);
        Buffers { start: pair.memory.wrapping_add(offset), len: load.len, stride, count }
    }

    fn nth(&mut self, n: u64) -> &mut [u8] {
        let at = self.start.wrapping_add((n as usize % self.count) * self.stride);
        // SAFETY: within the memory, and this process has the buffer by the words' order.
        unsafe { std::slice::from_raw_parts_mut(at, self.len) }
    }
}

/// Two words, and buffers that they hand over.
struct Spin {
    mine: &'static AtomicU64,
    theirs: &'static AtomicU64,
    out: Buffers,
    into: Buffers,
    load: Load,
    round: u64,
}

/// One line each way, all of it touched, and nothing else.
struct Line {
    mine: [&'static AtomicU64; 8],
    theirs: [&'static AtomicU64; 8],
    round: u64,
}

pub(crate) fn spin(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let (mine, theirs) = if end == End::Asks { (0, 2) } else { (2, 0) };
    if load.len <= 64 {
        return Some(Box::new(Line::new(pair.memory, mine, pair.memory, theirs)));
    }
    let other = if end == End::Asks { End::Answers } else { End::Asks };
    let (out, into) = (Buffers::new(pair, load, end), Buffers::new(pair, load, other));
    Some(Box::new(Spin { mine: word(pair, mine), theirs: word(pair, theirs), out, into, load, round: 0 }))
}

/// One line each way as in [`spin`], but either process can only read what the other writes, as in a channel in which
/// the kernel ensures one writer for each region.
pub(crate) fn one_writer(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let (mine, theirs) = if end == End::Asks { (0, 2) } else { (2, 0) };
    (load.len <= 64)
        .then(|| Box::new(Line::new(pair.memory, mine, read_only(pair), theirs)) as Box<dyn PingPong>)
}

/// Maps the memory's first page again, read-only.
fn read_only(pair: &Pair) -> *mut u8 {
    // SAFETY: an old length of 0 leaves shared memory mapped where it is and maps it again elsewhere.
    let again = unsafe { libc::mremap(pair.memory.cast(), 0, 4096, libc::MREMAP_MAYMOVE) };
    assert_ne!(again, libc::MAP_FAILED);
    // SAFETY: the mapping is new, and nobody has a reference into it.
    assert_eq!(unsafe { libc::mprotect(again, 4096, libc::PROT_READ) }, 0);
    again.cast()
}

impl Spin {
    fn say(&mut self) {
        self.load.write(self.out.nth(self.round), self.round as u8);
        self.mine.store(self.round, Ordering::Release);
    }

    fn hear(&mut self) {
        while self.theirs.load(Ordering::Acquire) != self.round {
            std::hint::spin_loop();
        }
        self.load.read(self.into.nth(self.round));
    }
}

impl PingPong for Spin {
    fn ping(&mut self) {
        self.round += 1;
        self.say();
        self.hear();
    }
    fn pong(&mut self) {
        self.round += 1;
        self.hear();
        self.say();
    }
}

impl Line {
    /// Creates the lines with these numbers; `theirs` is only read.
    fn new(mine_in: *mut u8, mine: usize, theirs_in: *mut u8, theirs: usize) -> Line {
        let words = |memory: *mut u8, line: usize| {
            std::array::from_fn(|i| {
                // SAFETY: eight words of one line of the memory's first page, mapped until the process ends.
                unsafe { AtomicU64::from_ptr(memory.wrapping_add(line * 128 + i * 8).cast()) }
            })
        };
        Line { mine: words(mine_in, mine), theirs: words(theirs_in, theirs), round: 0 }
    }

    #[inline]
    fn say(&self) {
        for word in &self.mine[1..] {
            word.store(self.round, Ordering::Relaxed);
        }
        self.mine[0].store(self.round, Ordering::Release);
    }

    #[inline]
    fn hear(&self) {
        while self.theirs[0].load(Ordering::Acquire) != self.round {
            std::hint::spin_loop();
        }
        std::hint::black_box(self.theirs[1..].iter().fold(0, |sum, w| sum + w.load(Ordering::Relaxed)));
    }
}

impl PingPong for Line {
    fn ping(&mut self) {
        self.round += 1;
        self.say();
        self.hear();
    }
    fn pong(&mut self) {
        self.round += 1;
        self.hear();
        self.say();
    }
}

/// Two futex words: sleep, wake, and nothing else.
struct Futex {
    mine: &'static AtomicU32,
    theirs: &'static AtomicU32,
    round: u32,
}

pub(crate) fn futex(end: End, pair: &Pair, _: Load) -> Option<Box<dyn PingPong>> {
    // SAFETY: words of the memory's first pages, each on a line of its own.
    let word = |line: usize| unsafe { AtomicU32::from_ptr(pair.memory.wrapping_add(line * 128).cast()) };
    let (mine, theirs) = if end == End::Asks { (4, 6) } else { (6, 4) };
    Some(Box::new(Futex { mine: word(mine), theirs: word(theirs), round: 0 }))
}

impl Futex {
    fn say(&self) {
        self.mine.store(self.round, Ordering::Release);
        // SAFETY: the word is mapped; nobody's memory is changed.
        unsafe { libc::syscall(libc::SYS_futex, self.mine.as_ptr(), libc::FUTEX_WAKE, 1) };
    }

    fn hear(&self) {
        loop {
            let seen = self.theirs.load(Ordering::Acquire);
            if seen == self.round {
                return;
            }
            let none = std::ptr::null::<libc::timespec>();
            // SAFETY: the word is mapped; nobody's memory is changed. There is no timeout.
            unsafe { libc::syscall(libc::SYS_futex, self.theirs.as_ptr(), libc::FUTEX_WAIT, seen, none) };
        }
    }
}

impl PingPong for Futex {
    fn ping(&mut self) {
        self.round += 1;
        self.say();
        self.hear();
    }
    fn pong(&mut self) {
        self.round += 1;
        self.hear();
        self.say();
    }
}

/// The system calls of a sealed message, one after the other; the reply is a byte.
struct Sealed {
    socket: OwnedFd,
    load: Load,
    round: u8,
}

pub(crate) fn sealed(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    Some(Box::new(Sealed { socket: pair.socket(end), load, round: 0 }))
}

pub(crate) const SEALS: i32 =
    libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

impl Sealed {
    fn map(&self, fd: &OwnedFd, prot: i32) -> *mut u8 {
        let fd = fd.as_raw_fd();
        // SAFETY: a null hint replaces nothing.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), self.load.len, prot, libc::MAP_SHARED, fd, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        at.cast()
    }

    fn unmap(&self, at: *mut u8) {
        // SAFETY: mapped by `map` with this length, and no slice of it is left.
        unsafe { libc::munmap(at.cast(), self.load.len) };
    }

    fn send(&self) {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is a string.
        let fd = unsafe { libc::memfd_create(c"floor".as_ptr(), flags) };
        assert!(fd >= 0, "no file in memory");
        // SAFETY: the descriptor is new and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: plain calls on a descriptor of ours.
        assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), self.load.len as i64) }, 0);
        let at = self.map(&fd, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: mapped for that many bytes, and nobody else has the file yet.
        self.load.write(unsafe { std::slice::from_raw_parts_mut(at, self.load.len) }, self.round);
        self.unmap(at);
        // SAFETY: a plain call on a descriptor of ours.
        assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, SEALS) }, 0);
        send_fd(&self.socket, &fd);
    }

    fn receive(&self) {
        let fd = receive_fd(&self.socket);
        // SAFETY: a plain call on a descriptor of ours.
        assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) } & SEALS, SEALS);
        let at = self.map(&fd, libc::PROT_READ);
        // SAFETY: mapped, and immutable by its seals.
        self.load.read(unsafe { std::slice::from_raw_parts(at, self.load.len) });
        self.unmap(at);
    }
}

/// `sendmsg` with one descriptor and 48 bytes.
pub(crate) fn send_fd(socket: &OwnedFd, fd: &OwnedFd) {
    let mut bytes = [0_u8; 48];
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut space = [0_u64; 4];
    // SAFETY: all-zero is an empty header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    // SAFETY: a plain computation.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as usize;
    // SAFETY: the control space holds a header and a descriptor.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    // SAFETY: `first` points at the start of `space`, which has room.
    unsafe {
        first.write(libc::cmsghdr {
            cmsg_len: 16 + 4,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        });
    }
    // SAFETY: `first` points to a header within `space`.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: the data follow the header within `space`.
    unsafe { data.cast::<i32>().write_unaligned(fd.as_raw_fd()) };
    // SAFETY: everything the header points at is alive.
    assert_eq!(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) }, 48);
}

pub(crate) fn receive_fd(socket: &OwnedFd) -> OwnedFd {
    let mut bytes = [0_u8; 48];
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut space = [0_u64; 4];
    // SAFETY: all-zero is an empty header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&space);
    // SAFETY: everything the header points at is alive and has room.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) };
    assert_eq!(got, 48, "the other process is gone");
    // SAFETY: the kernel has filled the header in.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    assert!(!first.is_null());
    // SAFETY: one descriptor came.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: the data of the header that the kernel filled in hold a descriptor.
    let fd = unsafe { data.cast::<i32>().read_unaligned() };
    // SAFETY: the kernel has just installed it for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

impl PingPong for Sealed {
    fn ping(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.send();
        self.receive();
    }
    fn pong(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.receive();
        self.send();
    }
}
