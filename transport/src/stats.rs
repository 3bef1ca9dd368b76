//! Stats that a sender keeps while it runs, in a region that others can read and nobody else can write.
//!
//! Each counter is one relaxed store into the sender's own memory: no lock, no heap, and a cache line that stays with
//! the sender while nobody reads it.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rustix::fd::{AsFd, BorrowedFd};

use crate::error::{OsError, RegionFault};
use crate::region::{Pages, PeerMap, Published, Shared, Words, Writable};
use crate::send::pool::MAX_RECEIVERS;
use crate::sys;

/// The layout of the stats region.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Block {
    /// [`STATS_MAGIC`].
    magic: AtomicU64,
    /// The sender's process.
    pid: AtomicU64,
    /// The monotonic clock, in nanoseconds, when the sender was made.
    started: AtomicU64,
    slots: AtomicU64,
    slot_size: AtomicU64,
    /// 1 once the sender has closed.
    closed: AtomicU64,
    counters: [AtomicU64; COUNTERS],
    _pad: [AtomicU64; 2],
    subscribers: [SubscriberBlock; MAX_RECEIVERS],
}

/// A receiver's part of the stats region.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct SubscriberBlock {
    /// The receiver's process, [`UNSEEN`], or 0 while the subscriber is free.
    pid: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    skipped: AtomicU64,
    /// Slots it holds.
    slots: AtomicU64,
    /// Messages taken, as the receiver reports it.
    taken: AtomicU64,
    /// Bounds of the latency of the message timed last, in nanoseconds: not taken at the first, taken at the second
    /// (0 if not yet).
    untaken_for: AtomicU64,
    taken_within: AtomicU64,
}

/// The name of the region, by which the senders of a user are found among the files that its processes hold.
pub(crate) const STATS_NAME: &CStr = c"bowstring-stats";
/// "gaugebow" in a hex editor.
pub(crate) const STATS_MAGIC: u64 = u64::from_le_bytes(*b"gaugebow");
pub(crate) const STATS_BYTES: usize = size_of::<Block>();

const COUNTERS: usize = 8;

/// The counters of a sender, in the order of the stats region.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Counter {
    Messages,
    Bytes,
    WakeUps,
    Stalls,
    Skips,
    SlotsInUse,
    HighWater,
    Receivers,
}

/// A sender's stats at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The sender's process.
    pub pid: u32,
    /// Creation time of the sender, in nanoseconds of the monotonic clock.
    pub started: u64,
    /// Slots of its pool; 0 if it has none.
    pub slots: u64,
    /// Bytes of a slot.
    pub slot_size: u64,
    /// True if it has closed.
    pub closed: bool,
    /// Messages committed.
    pub messages: u64,
    /// Bytes committed.
    pub bytes: u64,
    /// Wake-ups sent to sleeping receivers, each a system call.
    pub wake_ups: u64,
    /// Times the sender had to wait for room.
    pub stalls: u64,
    /// Messages not given to a receiver because it was slow, summed over the receivers.
    pub skips: u64,
    /// Slots not yet seen released.
    pub slots_in_use: u64,
    /// The most slots in use at once.
    pub high_water: u64,
    /// Receivers connected.
    pub receivers: u64,
}

/// One receiver's stats, as its sender counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberStats {
    /// Its place among the sender's receivers, from 0. A later receiver may take it over.
    pub place: u32,
    /// The receiver's process; `u32::MAX` if it is in a PID namespace that the sender cannot see.
    pub pid: u32,
    /// Messages given to it.
    pub messages: u64,
    /// Bytes given to it.
    pub bytes: u64,
    /// Messages it missed because it was slow.
    pub skipped: u64,
    /// Slots it holds.
    pub slots: u64,
    /// Messages taken, as the receiver reports it.
    pub taken: u64,
    /// Latency of a recent message, if one was timed.
    pub latency: Option<Latency>,
}

/// Latency of a message: from just before it was published until its receiver had taken it.
///
/// About twenty times a second the sender times a message, and reads from the receiver's own count when it was taken.
/// It reads that count when it sends and when it checks on its receivers. So the result is an interval: narrow while
/// the sender is busy, and as wide as its pauses when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// It had not been taken after this time.
    pub least: Duration,
    /// It had been taken after this time; `None` if it is still on its way.
    pub most: Option<Duration>,
}

fn add(to: &AtomicU64, n: u64) {
    // Only one thread writes: a load and a store are enough, and cheaper than a read-modify-write.
    to.store(to.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// The sender's own end of its stats region.
#[derive(Debug)]
pub(crate) struct StatsRegion {
    region: Words<Published, Block, Block>,
}

impl StatsRegion {
    pub(crate) fn create(slots: u32, slot_size: usize) -> Result<StatsRegion, OsError> {
        let region = Writable::create(STATS_NAME, STATS_BYTES, Pages::Normal)?.publish()?;
        let region: Words<_, Block, Block> = Words::new(region, 0);
        let block = region.head();
        block.pid.store(sys::own_pid() as u64, Ordering::Relaxed);
        block.started.store(sys::now(), Ordering::Relaxed);
        block.slots.store(slots.into(), Ordering::Relaxed);
        block.slot_size.store(slot_size as u64, Ordering::Relaxed);
        block.magic.store(STATS_MAGIC, Ordering::Release);
        Ok(StatsRegion { region })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.region.owner().as_fd()
    }

    fn block(&self) -> &Block {
        self.region.head()
    }

    #[inline]
    pub(crate) fn add(&self, counter: Counter, n: u64) {
        add(&self.block().counters[counter as usize], n);
    }

    #[inline]
    pub(crate) fn set(&self, counter: Counter, n: u64) {
        self.block().counters[counter as usize].store(n, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
        self.block().closed.store(1, Ordering::Release);
    }

    pub(crate) fn open_subscriber(&self, subscriber: usize, pid: i32) {
        let subscriber = &self.block().subscribers[subscriber];
        let counts = [
            &subscriber.messages,
            &subscriber.bytes,
            &subscriber.skipped,
            &subscriber.slots,
            &subscriber.taken,
        ];
        for word in counts.into_iter().chain([&subscriber.untaken_for, &subscriber.taken_within]) {
            word.store(0, Ordering::Relaxed);
        }
        let pid = u64::try_from(pid).ok().filter(|&pid| pid != 0).unwrap_or(UNSEEN);
        subscriber.pid.store(pid, Ordering::Release);
    }

    pub(crate) fn close_subscriber(&self, subscriber: usize) {
        self.block().subscribers[subscriber].pid.store(0, Ordering::Release);
    }

    #[inline]
    pub(crate) fn sent(&self, subscriber: usize, bytes: u64) {
        let subscriber = &self.block().subscribers[subscriber];
        add(&subscriber.messages, 1);
        add(&subscriber.bytes, bytes);
    }

    pub(crate) fn skipped(&self, subscriber: usize) {
        add(&self.block().subscribers[subscriber].skipped, 1);
        self.add(Counter::Skips, 1);
    }

    pub(crate) fn held(&self, subscriber: usize, slots: u32, taken: u64) {
        let subscriber = &self.block().subscribers[subscriber];
        subscriber.slots.store(slots.into(), Ordering::Relaxed);
        subscriber.taken.store(taken, Ordering::Relaxed);
    }

    /// Returns the number of messages given to a subscriber.
    pub(crate) fn given(&self, subscriber: usize) -> u64 {
        self.block()
            .subscribers
            .get(subscriber)
            .map_or(0, |subscriber| subscriber.messages.load(Ordering::Relaxed))
    }

    /// Records the latency of a subscriber's timed message: not taken for `untaken_for` nanoseconds, and taken within
    /// the second figure (0 if not yet).
    pub(crate) fn timed(&self, subscriber: usize, untaken_for: u64, taken_within: u64) {
        if let Some(subscriber) = self.block().subscribers.get(subscriber) {
            subscriber.untaken_for.store(untaken_for, Ordering::Relaxed);
            subscriber.taken_within.store(taken_within, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Stats {
        read(self.block())
    }

    pub(crate) fn subscriber(&self, subscriber: usize) -> Option<SubscriberStats> {
        read_subscriber(self.block(), subscriber)
    }
}

/// Stands for a receiver in a PID namespace that its sender cannot see.
const UNSEEN: u64 = u32::MAX as u64;

/// Another process's stats region.
#[derive(Debug)]
pub(crate) struct PeerStats {
    map: Words<PeerMap, Block, Block>,
}

impl PeerStats {
    pub(crate) fn attach(fd: BorrowedFd<'_>) -> Result<PeerStats, RegionFault> {
        Ok(PeerStats { map: Words::new(PeerMap::attach(fd, STATS_BYTES, false)?, 0) })
    }

    /// Returns true if it begins as the stats of a sender do.
    #[cfg(feature = "std")]
    pub(crate) fn is_marked(&self) -> bool {
        self.map.head().magic.load(Ordering::Acquire) == STATS_MAGIC
    }

    pub(crate) fn read(&self) -> Stats {
        read(self.map.head())
    }

    pub(crate) fn subscriber(&self, subscriber: usize) -> Option<SubscriberStats> {
        read_subscriber(self.map.head(), subscriber)
    }
}

fn read(block: &Block) -> Stats {
    let counter = |c: Counter| block.counters[c as usize].load(Ordering::Relaxed);
    Stats {
        pid: block.pid.load(Ordering::Relaxed) as u32,
        started: block.started.load(Ordering::Relaxed),
        slots: block.slots.load(Ordering::Relaxed),
        slot_size: block.slot_size.load(Ordering::Relaxed),
        closed: block.closed.load(Ordering::Acquire) != 0,
        messages: counter(Counter::Messages),
        bytes: counter(Counter::Bytes),
        wake_ups: counter(Counter::WakeUps),
        stalls: counter(Counter::Stalls),
        skips: counter(Counter::Skips),
        slots_in_use: counter(Counter::SlotsInUse),
        high_water: counter(Counter::HighWater),
        receivers: counter(Counter::Receivers),
    }
}

fn read_subscriber(block: &Block, place: usize) -> Option<SubscriberStats> {
    let subscriber = block.subscribers.get(place)?;
    let pid = subscriber.pid.load(Ordering::Acquire);
    (pid != 0).then(|| SubscriberStats {
        place: place as u32,
        pid: pid as u32,
        messages: subscriber.messages.load(Ordering::Relaxed),
        bytes: subscriber.bytes.load(Ordering::Relaxed),
        skipped: subscriber.skipped.load(Ordering::Relaxed),
        slots: subscriber.slots.load(Ordering::Relaxed),
        taken: subscriber.taken.load(Ordering::Relaxed),
        latency: latency(
            subscriber.untaken_for.load(Ordering::Relaxed),
            subscriber.taken_within.load(Ordering::Relaxed),
        ),
    })
}

fn latency(untaken_for: u64, taken_within: u64) -> Option<Latency> {
    match (untaken_for, taken_within) {
        (0, 0) => None,
        (least, 0) => Some(Latency { least: Duration::from_nanos(least), most: None }),
        // The two are read one after the other, and may be of two messages.
        (least, most) => Some(Latency {
            least: Duration::from_nanos(least.min(most)),
            most: Some(Duration::from_nanos(most)),
        }),
    }
}

const _: () = assert!(core::mem::align_of::<Block>() <= 4096 && size_of::<SubscriberBlock>() == 64);

/// [`Shared`] is a promise about a layout, so the impl is next to it.
#[allow(unsafe_code)]
mod shared {
    // SAFETY: 1. and 2. every field is an `AtomicU64`, and there is no padding: 6 + 8 + 2 words fill 128 bytes before the
    // subscribers, and a subscriber is 8 words; 3. aligned to 128.
    unsafe impl super::Shared for super::Block {}
}
