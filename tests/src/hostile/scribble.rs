//! Attempts to write to memory that was only lent. The rows assert, in the hostile process, the errno of the kernel;
//! the victim sees a peer that leaves without a word. `PROOF.md` has the attempts as a table.

// checks: one-writer

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, Mode, OFlags, SealFlags, open};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use super::{Case, Victim};
use crate::raw::Socket;
use crate::raw::memory::{Make, View, map_writable};
use crate::raw::play::{BOARD, LEDGER, POOL, STATS, receive, receive_sealed, send};

/// A way to change a file of `len` bytes: its name, its function, and the errno that it fails with.
struct Way {
    name: &'static str,
    change: fn(BorrowedFd<'_>, usize) -> Result<(), Errno>,
    fails: (Errno, &'static str),
}

const EPERM: (Errno, &str) = (Errno::PERM, "EPERM");
const EACCES: (Errno, &str) = (Errno::ACCESS, "EACCES");
const EFAULT: (Errno, &str) = (Errno::FAULT, "EFAULT");
const EIO: (Errno, &str) = (Errno::IO, "EIO");

fn reopened(fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
    open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags | OFlags::CLOEXEC, Mode::empty())
}

fn view(fd: BorrowedFd<'_>, len: usize) -> View {
    View::of(fd, len).expect("it can be mapped to read")
}

/// Returns a file with something in it to copy from.
fn source() -> OwnedFd {
    Make::frozen(64).descriptor().expect("a file of our own")
}

type Change = fn(BorrowedFd<'_>, usize) -> Result<(), Errno>;

const fn way(name: &'static str, fails: (Errno, &'static str), change: Change) -> Way {
    Way { name, change, fails }
}

const WAYS: [Way; 19] = [
    way("write", EPERM, |fd, _| rustix::io::write(fd, b"scribble").map(drop)),
    way("pwrite", EPERM, |fd, _| rustix::io::pwrite(fd, b"scribble", 8).map(drop)),
    way("pwrite beyond the end", EPERM, |fd, len| rustix::io::pwrite(fd, b"scribble", len as u64).map(drop)),
    way("sendfile", EPERM, |fd, _| rustix::fs::sendfile(fd, source(), None, 8).map(drop)),
    way("copy_file_range", EPERM, |fd, _| {
        rustix::fs::copy_file_range(source(), None, fd, Some(&mut 0), 8).map(drop)
    }),
    way("splice out of a pipe", EPERM, |fd, _| {
        let (there, here) = rustix::pipe::pipe()?;
        rustix::io::write(&here, b"scribble")?;
        rustix::pipe::splice(there, None, fd, Some(&mut 0), 8, SpliceFlags::empty()).map(drop)
    }),
    way("mmap, shared and writable", EPERM, map_writable),
    way("mprotect of a mapping to read", EACCES, |fd, len| view(fd, len).upgrade()),
    way("read from elsewhere into a mapping", EFAULT, |fd, len| view(fd, len).read_from(source().as_fd())),
    way("/proc/self/mem over a mapping", EIO, |fd, len| view(fd, len).poke()),
    way("ftruncate to nothing", EPERM, |fd, _| rustix::fs::ftruncate(fd, 0)),
    way("ftruncate to more", EPERM, |fd, len| rustix::fs::ftruncate(fd, len as u64 + 4096)),
    way("fallocate, punching a hole", EPERM, |fd, _| {
        rustix::fs::fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096)
    }),
    way("fallocate beyond the end", EPERM, |fd, len| {
        rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, len as u64 + 4096)
    }),
    way("madvise, MADV_REMOVE", EACCES, |fd, len| view(fd, len).remove()),
    way("adding a seal", EPERM, |fd, _| rustix::fs::fcntl_add_seals(fd, SealFlags::WRITE)),
    way("write after reopening it", EPERM, |fd, _| {
        let again = reopened(fd, OFlags::RDWR)?;
        rustix::io::write(&again, b"scribble").map(drop)
    }),
    way("mmap after reopening it", EPERM, |fd, len| map_writable(reopened(fd, OFlags::RDWR)?.as_fd(), len)),
    way("reopening it with O_TRUNC", EPERM, |fd, _| reopened(fd, OFlags::RDWR | OFlags::TRUNC).map(drop)),
];

/// Returns the ways as `PROOF.md` shows them.
#[must_use]
pub fn attempts() -> String {
    let mut table = String::from("| way of writing it from the wrong side | fails with |\n|---|---|\n");
    for Way { name, fails: (_, errno), .. } in &WAYS {
        table += &format!("| {name} | `{errno}` |\n");
    }
    table
}

fn scribble(way: usize, fd: BorrowedFd<'_>, len: usize) {
    let Way { name, change, fails: (errno, _) } = WAYS[way];
    assert_eq!(change(fd, len), Err(errno), "{name}");
}

pub(super) fn add(all: &mut Vec<Case>) {
    for (way, Way { name, fails: (_, errno), .. }) in WAYS.iter().enumerate() {
        let mut row = |what: &'static str, act: fn(&Socket, usize)| {
            let name = format!("scribbling over {what}: {name}: {errno}");
            all.push(Case::new(Victim::Sender, name, "Crashed", move |s| act(s, way)));
        };
        row("the pool", |s, way| scribble(way, receive(s).pool.as_fd(), POOL));
        row("the board", |s, way| scribble(way, receive(s).board.as_fd(), BOARD));
        row("the stats_region", |s, way| scribble(way, receive(s).stats_region.as_fd(), STATS));
        row("a sealed message", |s, way| {
            receive_sealed(s);
            let letter = s.recv();
            scribble(way, letter.fds[0].as_fd(), 64);
        });
        let name = format!("scribbling over the ledger: {name}: {errno}");
        all.push(Case::new(Victim::Receiver, name, "Crashed", move |s| {
            let (_offered, ledger) = send(s);
            scribble(way, ledger.as_fd(), LEDGER);
        }));
    }
}
