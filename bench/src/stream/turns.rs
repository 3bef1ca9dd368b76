//! Two pinned processes through which contenders stream in turns.
//!
//! One gives, the other takes. A turn is some batches; the clock runs in the taker, from the first batch to the last,
//! so that starting and stopping do not count.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use super::work::Work;
use crate::handoff::process::{fork, pin, shared, socket_pair, wait};

/// Rounds in which every contender has its turn.
const ROUNDS: usize = 25;
/// Approximate length of one turn.
const TURN_NANOS: f64 = 6e6;

/// The giving end of a contender.
pub(super) trait Gives {
    /// Makes batch number `number` and sends it.
    fn give(&mut self, number: u64);
}

/// The taking end.
pub(super) trait Takes {
    /// Waits for a batch and sums it.
    fn take(&mut self) -> u64;
}

/// A way to send batches to another process. An end is `None` if it is not available.
#[derive(Clone, Copy)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) gives: fn(&Link, &'static Work) -> Option<Box<dyn Gives>>,
    pub(super) takes: fn(&Link, &Work) -> Option<Box<dyn Takes>>,
    /// Returns the bytes of memory to share from the beginning.
    pub(super) memory: fn(&Work) -> usize,
}

/// Shared by the two ends of a contender since before the fork.
#[derive(Debug)]
pub(super) struct Link {
    /// A connected pair of sockets for packets, the giver's first.
    packets: [OwnedFd; 2],
    /// A connected pair of sockets for a stream, the giver's first.
    stream: [OwnedFd; 2],
    /// Zeroed memory visible to both; null if none was requested.
    pub(super) memory: *mut u8,
    memory_len: usize,
    /// A name that is unique to this contender in this run.
    pub(super) name: String,
}

/// An end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Gives,
    Takes,
}

impl Link {
    fn new(contender: &Contender, work: &Work) -> Link {
        let memory_len = (contender.memory)(work);
        Link {
            packets: socket_pair(libc::SOCK_SEQPACKET),
            stream: socket_pair(libc::SOCK_STREAM),
            memory: if memory_len == 0 { std::ptr::null_mut() } else { shared(memory_len) },
            memory_len,
            name: format!("bowstring-bench-{}-stream-{}", std::process::id(), work.bytes),
        }
    }

    /// Returns a duplicate of an end's socket for packets.
    pub(super) fn packets(&self, end: End) -> OwnedFd {
        self.packets[end as usize].try_clone().expect("a descriptor can be duplicated")
    }

    /// Returns a duplicate of an end's socket for a stream.
    pub(super) fn stream(&self, end: End) -> OwnedFd {
        self.stream[end as usize].try_clone().expect("a descriptor can be duplicated")
    }
}

impl Drop for Link {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if !self.memory.is_null() {
            // SAFETY: mapped by `shared` with this length, and the contenders that used it are gone.
            unsafe { libc::munmap(self.memory.cast(), self.memory_len) };
        }
    }
}

/// Two numbers in a datagram between the processes: the contender and the number of batches; the sum and the time.
type Note = [u64; 2];

#[allow(unsafe_code)]
fn tell(socket: &OwnedFd, note: Note) {
    // SAFETY: a `Note` is as many initialised bytes.
    let sent = unsafe { libc::send(socket.as_raw_fd(), note.as_ptr().cast(), size_of::<Note>(), 0) };
    assert_eq!(sent, size_of::<Note>() as isize, "the other process is gone");
}

#[allow(unsafe_code)]
fn hear(socket: &OwnedFd) -> Option<Note> {
    let mut note = [0; 2];
    // SAFETY: a `Note` has room for as many bytes, and any are one.
    let got = unsafe { libc::recv(socket.as_raw_fd(), note.as_mut_ptr().cast(), size_of::<Note>(), 0) };
    (got == size_of::<Note>() as isize).then_some(note)
}

/// Returns the gigabytes per second of each contender in its median turn; `None` for one that is not available here.
pub(super) fn measure(work: &'static Work, contenders: &[Contender]) -> Vec<Option<f64>> {
    let links: Vec<Link> = contenders.iter().map(|contender| Link::new(contender, work)).collect();
    let [orders, far] = socket_pair(libc::SOCK_SEQPACKET);
    let child = fork(|| {
        // Closed here, so that this process sees its parent close its own.
        close_in_child(&orders);
        pin(1);
        serve(&far, work, contenders, &links);
    });
    // So that this process sees when the child is gone.
    drop(far);
    let ends = contenders.iter().zip(&links).map(|(contender, link)| (contender.gives)(link, work));
    let mut turns: Vec<Option<Turns>> =
        ends.enumerate().map(|(which, giver)| giver.map(|giver| Turns::new(which as u64, giver))).collect();
    for turns in turns.iter_mut().flatten() {
        turns.calibrate(&orders, work);
    }
    for _ in 0..ROUNDS {
        for turns in turns.iter_mut().flatten() {
            turns.measure(&orders, work);
        }
    }
    drop(orders);
    let rates = turns.iter_mut().map(|turns| turns.as_mut().map(Turns::median)).collect();
    // Before waiting for the child: some contenders end only when both sides do.
    drop(turns);
    wait(child);
    rates
}

/// The taking process.
fn serve(orders: &OwnedFd, work: &Work, contenders: &[Contender], links: &[Link]) {
    let ends = contenders.iter().zip(links).map(|(contender, link)| (contender.takes)(link, work));
    let mut ends: Vec<_> = ends.collect();
    while let Some([which, count]) = hear(orders) {
        let Some(taker) = &mut ends[which as usize] else { continue };
        let mut total = taker.take();
        let start = Instant::now();
        for _ in 1..count {
            total = total.wrapping_add(taker.take());
        }
        tell(orders, [total, start.elapsed().as_nanos() as u64]);
    }
}

/// Closes in a child a descriptor that only its parent may hold.
#[allow(unsafe_code)]
fn close_in_child(fd: &OwnedFd) {
    // SAFETY: the child exits without dropping the owner, so the descriptor is closed once.
    unsafe { libc::close(fd.as_raw_fd()) };
}

/// A contender's turns, from its giver's point of view.
struct Turns {
    which: u64,
    giver: Box<dyn Gives>,
    /// Batches given so far.
    given: u64,
    /// Batches in a turn.
    count: u64,
    rates: Vec<f64>,
}

impl Turns {
    fn new(which: u64, giver: Box<dyn Gives>) -> Turns {
        Turns { which, giver, given: 0, count: 0, rates: Vec::with_capacity(ROUNDS) }
    }

    /// Returns the nanoseconds per batch, over `count` of them.
    fn turn(&mut self, orders: &OwnedFd, work: &Work, count: u64) -> f64 {
        tell(orders, [self.which, count]);
        let first = self.given;
        for number in first..first + count {
            self.giver.give(number);
        }
        self.given += count;
        let [total, nanos] = hear(orders).expect("the other process lives");
        assert_eq!(total, work.expected(first, count), "what was taken is not what was given");
        nanos as f64 / (count - 1) as f64
    }

    /// Finds out how many batches fill a turn, which warms the contender up.
    fn calibrate(&mut self, orders: &OwnedFd, work: &Work) {
        self.turn(orders, work, 2 * work.slots() as u64);
        let nanos = self.turn(orders, work, 8);
        self.count = ((TURN_NANOS / nanos) as u64).clamp(8, 1 << 13);
    }

    fn measure(&mut self, orders: &OwnedFd, work: &Work) {
        let nanos = self.turn(orders, work, self.count);
        self.rates.push(work.bytes as f64 / nanos);
    }

    fn median(&mut self) -> f64 {
        self.rates.sort_by(f64::total_cmp);
        self.rates[self.rates.len() / 2]
    }
}
