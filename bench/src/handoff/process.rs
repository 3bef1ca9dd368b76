//! Two processes on two processors that measure contenders in turns.
//!
//! # Safety
//!
//! `fork` is called while the process has only one thread, so the child is fully functional.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;

use super::spans::{Spans, Timings};
use super::{End, Load, Make};

/// Rounds in which every contender has its turn.
const ROUNDS: usize = 25;
/// Approximate length of one turn.
const TURN_NANOS: f64 = 4e6;
/// Round trips in a batch whose average is one figure.
const BATCH: u32 = 32;

/// Shared by the two ends of a contender since before the fork.
#[derive(Debug)]
pub(crate) struct Pair {
    /// A connected seqpacket socket for each end.
    sockets: [OwnedFd; 2],
    /// For each direction, by the end that writes: the pipe's reading and writing side.
    pipes: [[OwnedFd; 2]; 2],
    /// Zeroed memory visible to both.
    pub(crate) memory: *mut u8,
    pub(crate) memory_len: usize,
    /// A name that is unique to this contender in this run.
    pub(crate) name: String,
}

impl Pair {
    pub(crate) fn new(load: Load, name: &str) -> Pair {
        let memory_len = (1 << 16) + 2 * load.buffers() * load.len.next_multiple_of(4096);
        Pair {
            sockets: socket_pair(libc::SOCK_SEQPACKET),
            pipes: [pipe(), pipe()],
            memory: shared(memory_len),
            memory_len,
            name: format!("bowstring-bench-{}-{name}-{}", std::process::id(), load.len),
        }
    }

    /// Returns a duplicate of this end's socket.
    pub(crate) fn socket(&self, end: End) -> OwnedFd {
        self.sockets[end as usize].try_clone().expect("a descriptor can be duplicated")
    }

    /// Returns this end's pipes: the one it reads and the one it writes.
    pub(crate) fn pipes(&self, end: End) -> [std::fs::File; 2] {
        let (mine, theirs) = (end as usize, 1 - end as usize);
        [&self.pipes[theirs][0], &self.pipes[mine][1]]
            .map(|fd| fd.try_clone().expect("a descriptor can be duplicated").into())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: mapped by `shared` with this length, and the contenders that used it are gone.
        unsafe { libc::munmap(self.memory.cast(), self.memory_len) };
    }
}

fn pipe() -> [OwnedFd; 2] {
    let mut fds: [RawFd; 2] = [-1; 2];
    // SAFETY: the array has room for the two descriptors.
    assert_eq!(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) }, 0, "no pipe");
    // SAFETY: the kernel has just made them for us.
    let fds = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    // As large as an unprivileged process may make it.
    // SAFETY: a plain call on a descriptor of ours.
    unsafe { libc::fcntl(fds[1].as_raw_fd(), libc::F_SETPIPE_SZ, 1 << 20) };
    fds
}

pub(crate) fn socket_pair(kind: i32) -> [OwnedFd; 2] {
    let mut fds: [RawFd; 2] = [-1; 2];
    // SAFETY: the array has room for the two descriptors.
    let outcome = unsafe { libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, fds.as_mut_ptr()) };
    assert_eq!(outcome, 0, "no socket pair");
    // SAFETY: the kernel has just made them for us.
    fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Maps zeroed memory shared with children, faulted in.
pub(crate) fn shared(len: usize) -> *mut u8 {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: a null hint replaces nothing.
    let at =
        unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED, "no shared memory");
    at.cast()
}

/// Runs this thread on one processor only, if there are two.
pub(crate) fn pin(cpu: usize) {
    // SAFETY: all-zero is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is far below the set's size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is whole and its size is given. On a host with one processor this fails, and nothing is pinned.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
}

/// Forks a child that runs `f` and exits.
pub(crate) fn fork(f: impl FnOnce()) -> libc::pid_t {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: a plain call; the child dies with its parent instead of spinning forever.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            f();
            std::process::exit(0)
        }
        -1 => panic!("no child process"),
        child => child,
    }
}

pub(crate) fn wait(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the status has room.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the other process failed");
}

/// Closes in a child a descriptor that only its parent may hold, so that the parent's closing shows.
fn drop_in_child(fd: &OwnedFd) {
    // SAFETY: the child exits without dropping the owner, so the descriptor is closed once.
    unsafe { libc::close(fd.as_raw_fd()) };
}

/// An order to the other process: serve contender `which` this many times.
#[repr(C)]
struct Order {
    which: u32,
    times: u32,
}

fn send_order(to: &OwnedFd, order: &Order) {
    // SAFETY: an `Order` is eight initialised bytes.
    let sent = unsafe { libc::send(to.as_raw_fd(), std::ptr::from_ref(order).cast(), size_of::<Order>(), 0) };
    assert_eq!(sent, size_of::<Order>() as isize);
}

fn receive_order(from: &OwnedFd) -> Option<Order> {
    let mut order = Order { which: 0, times: 0 };
    // SAFETY: an `Order` has room for eight bytes, and any eight are one.
    let got = unsafe { libc::recv(from.as_raw_fd(), (&raw mut order).cast(), size_of::<Order>(), 0) };
    (got == size_of::<Order>() as isize).then_some(order)
}

/// Measures contenders in turns; `None` for one that is not available here.
pub(crate) fn measure(load: Load, contenders: &[(&str, Make)]) -> Vec<Option<Spans>> {
    let pairs: Vec<Pair> = contenders.iter().map(|(name, _)| Pair::new(load, name)).collect();
    let [orders, far] = socket_pair(libc::SOCK_SEQPACKET);
    let child = fork(|| {
        drop_in_child(&orders);
        pin(1);
        let mut ends: Vec<_> =
            contenders.iter().zip(&pairs).map(|((_, make), p)| make(End::Answers, p, load)).collect();
        while let Some(order) = receive_order(&far) {
            let Some(end) = &mut ends[order.which as usize] else { continue };
            (0..order.times).for_each(|_| end.pong());
        }
    });
    let mut ends: Vec<_> =
        contenders.iter().zip(&pairs).map(|((_, make), p)| make(End::Asks, p, load)).collect();
    let mut timings: Vec<Timings> = ends.iter().map(|_| Timings::default()).collect();
    let turns: Vec<u32> = ends.iter_mut().enumerate().map(|(i, end)| calibrate(&orders, i, end)).collect();
    for _ in 0..ROUNDS {
        for (i, end) in ends.iter_mut().enumerate() {
            if let Some(end) = end {
                turn(&orders, i, turns[i], end.as_mut(), &mut timings[i]);
            }
        }
    }
    drop(orders);
    let spans = ends.iter().zip(timings).map(|(end, t)| end.is_some().then(|| t.spans())).collect();
    drop(ends);
    wait(child);
    spans
}

/// Returns the number of batches that fill a turn; finding out warms the contender up.
fn calibrate(orders: &OwnedFd, which: usize, end: &mut Option<Box<dyn super::PingPong>>) -> u32 {
    let Some(end) = end else { return 0 };
    let mut timings = Timings::default();
    turn(orders, which, 4, end.as_mut(), &mut timings);
    let mut timings = Timings::default();
    turn(orders, which, 8, end.as_mut(), &mut timings);
    let nanos = timings.batches.iter().sum::<f64>() / timings.batches.len() as f64;
    ((TURN_NANOS / nanos / f64::from(BATCH)) as u32).clamp(2, 4096)
}

/// Runs one turn: some batches, and as many round trips one by one.
fn turn(orders: &OwnedFd, which: usize, batches: u32, end: &mut dyn super::PingPong, timings: &mut Timings) {
    let singles = batches * BATCH / 2;
    send_order(orders, &Order { which: which as u32, times: batches * BATCH + singles });
    for _ in 0..batches {
        let start = Instant::now();
        (0..BATCH).for_each(|_| end.ping());
        timings.batches.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    for _ in 0..singles {
        let start = Instant::now();
        end.ping();
        timings.singles.push(start.elapsed().as_nanos() as f64);
    }
}
