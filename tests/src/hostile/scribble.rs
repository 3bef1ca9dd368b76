//! Writing to what was only lent, in every way there is. The rows assert, in the hostile process, the errno that the
//! kernel answers; the victim sees a peer that goes without a word.

// checks: one-writer

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, Mode, OFlags, SealFlags, open};
use rustix::io::Errno;

use super::{Case, Victim};
use crate::raw::Socket;
use crate::raw::memory::{View, map_writable};
use crate::raw::play::{BOARD, GAUGE, LEDGER, POOL, receive, receive_sealed, send};

/// A way to change a file of `len` bytes, and the errno that it fails with.
type Way = (&'static str, fn(BorrowedFd<'_>, usize) -> Result<(), Errno>, Errno);

fn reopened(fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
    open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags | OFlags::CLOEXEC, Mode::empty())
}

fn view(fd: BorrowedFd<'_>, len: usize) -> View {
    View::of(fd, len).expect("it can be mapped to read")
}

const WAYS: [Way; 14] = [
    ("write", |fd, _| rustix::io::write(fd, b"scribble").map(drop), Errno::PERM),
    ("pwrite", |fd, _| rustix::io::pwrite(fd, b"scribble", 8).map(drop), Errno::PERM),
    ("appending", |fd, len| rustix::io::pwrite(fd, b"scribble", len as u64).map(drop), Errno::PERM),
    ("mmap, shared and writable", map_writable, Errno::PERM),
    ("mprotect", |fd, len| view(fd, len).upgrade(), Errno::ACCESS),
    ("ftruncate to nothing", |fd, _| rustix::fs::ftruncate(fd, 0), Errno::PERM),
    ("ftruncate to more", |fd, len| rustix::fs::ftruncate(fd, len as u64 + 4096), Errno::PERM),
    (
        "punching a hole",
        |fd, _| rustix::fs::fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096),
        Errno::PERM,
    ),
    (
        "fallocate beyond the end",
        |fd, len| rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, len as u64 + 4096),
        Errno::PERM,
    ),
    ("madvise(MADV_REMOVE)", |fd, len| view(fd, len).remove(), Errno::ACCESS),
    ("adding a seal", |fd, _| rustix::fs::fcntl_add_seals(fd, SealFlags::WRITE), Errno::PERM),
    (
        "reopening it to write",
        |fd, _| {
            let again = reopened(fd, OFlags::RDWR)?;
            rustix::io::write(&again, b"scribble").map(drop)
        },
        Errno::PERM,
    ),
    ("reopening it to map", |fd, len| map_writable(reopened(fd, OFlags::RDWR)?.as_fd(), len), Errno::PERM),
    ("reopening it truncated", |fd, _| reopened(fd, OFlags::RDWR | OFlags::TRUNC).map(drop), Errno::PERM),
];

fn scribble(way: usize, fd: BorrowedFd<'_>, len: usize) {
    let (name, change, errno) = WAYS[way];
    assert_eq!(change(fd, len), Err(errno), "{name}");
}

pub(super) fn add(all: &mut Vec<Case>) {
    for (way, (name, ..)) in WAYS.iter().enumerate() {
        let mut row = |what: &'static str, act: fn(&Socket, usize)| {
            let name = format!("scribbling over {what}: {name}");
            all.push(Case::new(Victim::Sender, name, "Crashed", move |s| act(s, way)));
        };
        row("the pool", |s, way| scribble(way, receive(s).pool.as_fd(), POOL));
        row("the board", |s, way| scribble(way, receive(s).board.as_fd(), BOARD));
        row("the gauge", |s, way| scribble(way, receive(s).gauge.as_fd(), GAUGE));
        row("a sealed message", |s, way| {
            receive_sealed(s);
            let letter = s.recv();
            scribble(way, letter.fds[0].as_fd(), 64);
        });
        let name = format!("scribbling over the ledger: {name}");
        all.push(Case::new(Victim::Receiver, name, "Crashed", move |s| {
            let (_offered, ledger) = send(s);
            scribble(way, ledger.as_fd(), LEDGER);
        }));
    }
}
