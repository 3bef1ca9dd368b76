//! Wrong descriptors, in every place where the protocol hands one over.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use bowstring_transport::session::wire::Kind;
use rustix::fs::{Mode, OFlags, SealFlags};

use super::{Case, Victim};
use crate::raw::datagram::{COPIED, POOLED, bare, message};
use crate::raw::play::{BOARD, LEDGER, Offered, POOL, STATS, descriptors, send_sealed};
use crate::raw::{Make, Parameters, Socket};

/// Something that is not a region of `len` bytes.
struct Wrong {
    name: &'static str,
    make: fn(usize) -> OwnedFd,
    /// The expected fault, as `Debug` prints a `RegionFault`.
    fault: fn(usize) -> String,
    unplayable: Option<String>,
}

fn wrong(name: &'static str, fault: fn(usize) -> String, make: fn(usize) -> OwnedFd) -> Wrong {
    Wrong { name, make, fault, unplayable: None }
}

fn not_memory(_: usize) -> String {
    "NotMemory".into()
}

fn open(path: &str, flags: OFlags) -> OwnedFd {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).expect(path)
}

fn made(make: Make) -> OwnedFd {
    make.descriptor().expect("a memory file")
}

/// Returns the faults of any region, published or frozen.
fn strangers() -> Vec<Wrong> {
    let shm = (!Path::new("/dev/shm").is_dir()).then(|| "there is no /dev/shm".to_owned());
    let huge = Make::published(2 << 20).huge().descriptor().err();
    vec![
        wrong("a device", not_memory, |_| open("/dev/null", OFlags::RDWR)),
        wrong("a socket", not_memory, |_| bowstring_transport::socket_pair().expect("a pair").0),
        wrong("a pipe", not_memory, |_| rustix::pipe::pipe().expect("a pipe").0),
        wrong("a file on disk", not_memory, |_| open("/proc/self/exe", OFlags::RDONLY)),
        wrong("a file of /proc", not_memory, |_| open("/proc/self/maps", OFlags::RDONLY)),
        wrong("a directory", not_memory, |_| open("/", OFlags::DIRECTORY)),
        wrong("an epoll", not_memory, |_| {
            rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC).expect("an epoll")
        }),
        wrong("an O_PATH descriptor", not_memory, |_| open("/proc/self/exe", OFlags::PATH)),
        Wrong {
            unplayable: shm,
            ..wrong(
                "a file in /dev/shm",
                |_| "MayShrink".into(),
                |len| {
                    let path = format!("/dev/shm/bowstring-hostile-{}", std::process::id());
                    let file =
                        File::options().read(true).write(true).create_new(true).open(&path).expect(&path);
                    std::fs::remove_file(&path).expect("just made");
                    file.set_len(len as u64).expect("room");
                    file.into()
                },
            )
        },
        Wrong {
            unplayable: huge.map(|e| format!("this kernel makes no hugetlb files: {e}")),
            ..wrong(
                "huge pages from the reserve",
                |_| "HugeTlb".into(),
                |_| made(Make::frozen(2 << 20).huge()),
            )
        },
        wrong(
            "no seals at all",
            |_| "MayShrink".into(),
            |len| made(Make::published(len).sealed_by(SealFlags::empty())),
        ),
    ]
}

/// Returns the faults of a published region that must have exactly `len` bytes.
fn not_published() -> Vec<Wrong> {
    let mut all = strangers();
    all.extend([
        wrong(
            "without F_SEAL_SHRINK",
            |_| "MayShrink".into(),
            |len| made(Make::published(len).without(SealFlags::SHRINK)),
        ),
        wrong(
            "without F_SEAL_GROW",
            |_| "MayGrow".into(),
            |len| made(Make::published(len).without(SealFlags::GROW)),
        ),
        wrong(
            "without F_SEAL_FUTURE_WRITE",
            |_| "MayBeWritten".into(),
            |len| made(Make::published(len).without(SealFlags::FUTURE_WRITE)),
        ),
        wrong(
            "without F_SEAL_SEAL",
            |_| "MayBeSealed".into(),
            |len| made(Make::published(len).without(SealFlags::SEAL)),
        ),
        wrong("a byte short", |len| size(len - 1, len), |len| made(Make::published(len - 1))),
        wrong("a byte long", |len| size(len + 1, len), |len| made(Make::published(len + 1))),
        wrong("empty", |len| size(0, len), |_| made(Make::published(0))),
        wrong("without memory", |len| holes(0, len), |len| made(Make::published(len).hole_up_to(usize::MAX))),
    ]);
    all
}

/// Returns the faults of a frozen region that must have at least `len` bytes.
fn not_frozen() -> Vec<Wrong> {
    let mut all = strangers();
    all.extend([
        wrong(
            "without F_SEAL_SHRINK",
            |_| "MayShrink".into(),
            |len| made(Make::frozen(len).without(SealFlags::SHRINK)),
        ),
        wrong(
            "without F_SEAL_GROW",
            |_| "MayGrow".into(),
            |len| made(Make::frozen(len).without(SealFlags::GROW)),
        ),
        wrong(
            "without F_SEAL_WRITE",
            |_| "NotFrozen".into(),
            |len| made(Make::frozen(len).without(SealFlags::WRITE)),
        ),
        wrong(
            "with F_SEAL_FUTURE_WRITE for F_SEAL_WRITE",
            |_| "NotFrozen".into(),
            |len| made(Make::published(len)),
        ),
        wrong(
            "without F_SEAL_SEAL",
            |_| "MayBeSealed".into(),
            |len| made(Make::frozen(len).without(SealFlags::SEAL)),
        ),
        wrong("a byte short", |len| size(len - 1, len), |len| made(Make::frozen(len - 1))),
        wrong("empty", |len| size(0, len), |_| made(Make::frozen(0))),
        wrong("without memory", |len| holes(0, len), |len| made(Make::frozen(len).hole_up_to(usize::MAX))),
        wrong(
            "with memory only behind what is read",
            |len| holes(len, 2 * len),
            |len| made(Make::frozen(2 * len).hole_up_to(len)),
        ),
    ]);
    all
}

fn size(found: usize, wanted: usize) -> String {
    format!("Size {{ found: {found}, wanted: {wanted} }}")
}

fn holes(allocated: usize, wanted: usize) -> String {
    format!("Holes {{ allocated: {allocated}, wanted: {wanted} }}")
}

/// Adds a row for each of `wrongs` in the place of a region of `len` bytes called `what`.
fn rows(
    all: &mut Vec<Case>,
    victim: Victim,
    (what, kind, len): (&'static str, &'static str, usize),
    wrongs: Vec<Wrong>,
    act: fn(&Socket, BorrowedFd<'_>),
) {
    for Wrong { name, make, fault, unplayable } in wrongs {
        let ends = match victim {
            Victim::SealedReceiver => format!("Fault(Region({}))", fault(len)),
            _ => format!("Region({kind}, {})", fault(len)),
        };
        let play = move |s: &Socket| act(s, make(len).as_fd());
        all.push(Case { unplayable, ..Case::new(victim, format!("{what}: {name}"), ends, play) });
    }
}

/// The length of the greetings and sealed messages here: whole pages, so that holes are whole as well.
const FILE: usize = 40 << 10;

pub(super) fn add(all: &mut Vec<Case>) {
    let ledger = ("the ledger", "Ledger", LEDGER);
    rows(all, Victim::ListeningSender, ledger, not_published(), |s, fd| {
        s.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
        drop(descriptors::<3>(s.recv()));
        s.send(&bare(Kind::Attach), &[fd]);
    });
    rows(all, Victim::ConnectingSender, ledger, not_published(), |s, fd| {
        let _hello = s.recv();
        s.send(&Parameters::receiver(POOLED).datagram(Kind::Welcome), &[fd]);
    });
    rows(all, Victim::ConnectingReceiver, ("the pool", "Pool", POOL), not_published(), |s, fd| {
        let _hello = s.recv();
        let o = Offered::new();
        s.send(
            &Parameters::sender(COPIED).datagram(Kind::Welcome),
            &[fd, o.board.as_fd(), o.stats_region.as_fd()],
        );
    });
    rows(all, Victim::ConnectingReceiver, ("the board", "Board", BOARD), not_published(), |s, fd| {
        let _hello = s.recv();
        let o = Offered::new();
        s.send(
            &Parameters::sender(COPIED).datagram(Kind::Welcome),
            &[o.pool.as_fd(), fd, o.stats_region.as_fd()],
        );
    });
    rows(
        all,
        Victim::ConnectingReceiver,
        ("the stats_region", "StatsRegion", STATS),
        not_published(),
        |s, fd| {
            let _hello = s.recv();
            let o = Offered::new();
            s.send(
                &Parameters::sender(COPIED).datagram(Kind::Welcome),
                &[o.pool.as_fd(), o.board.as_fd(), fd],
            );
        },
    );
    rows(all, Victim::ListeningReceiver, ("the pool", "Pool", POOL), not_published(), |s, fd| {
        s.send(&Parameters::sender(COPIED).datagram(Kind::Hello), &[]);
        drop(descriptors::<1>(s.recv()));
        let o = Offered::new();
        s.send(&bare(Kind::Attach), &[fd, o.board.as_fd(), o.stats_region.as_fd()]);
    });
    rows(all, Victim::Observer, ("the stats_region", "StatsRegion", STATS), not_published(), |s, fd| {
        let _hello = s.recv();
        let parameters = Parameters { observer: 1, wants: 0, ..Parameters::receiver(POOLED) };
        s.send(&parameters.datagram(Kind::Welcome), &[fd]);
    });
    let greeting = ("the greeting", "Greeting", FILE);
    rows(all, Victim::ListeningSender, greeting, not_frozen(), |s, fd| {
        let parameters = Parameters {
            greeting_says: FILE as u32,
            greeting_in_descriptor: 1,
            ..Parameters::receiver(POOLED)
        };
        s.send(&parameters.datagram(Kind::Hello), &[fd]);
    });
    rows(all, Victim::SealedReceiver, ("a message", "Sealed", FILE), not_frozen(), |s, fd| {
        send_sealed(s);
        s.send(&message(1, FILE as u64), &[fd]);
        let _ = s.await_hang_up();
    });
}
