//! Statistics, as C sees them.

use bowstring_transport as transport;

/// The counts of a sender.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SenderStats {
    /// The sender's process.
    pub pid: u32,
    /// 1 once it has closed.
    pub closed: u32,
    /// The time at which it was made, in nanoseconds of `CLOCK_MONOTONIC`.
    pub started: u64,
    /// Slots of its pool; 0 if it has none.
    pub slots: u64,
    /// Bytes of a slot.
    pub slot_size: u64,
    /// Messages committed.
    pub messages: u64,
    /// Bytes committed.
    pub bytes: u64,
    /// Wake-ups sent to sleeping receivers, each a system call.
    pub wake_ups: u64,
    /// Times the sender waited for room.
    pub stalls: u64,
    /// Messages not given to a receiver because it was slow, added up over the receivers.
    pub skips: u64,
    /// Slots not yet seen released.
    pub slots_in_use: u64,
    /// The most slots in use at once.
    pub high_water: u64,
    /// Receivers connected.
    pub receivers: u64,
}

impl From<transport::Stats> for SenderStats {
    fn from(f: transport::Stats) -> SenderStats {
        SenderStats {
            pid: f.pid,
            closed: f.closed.into(),
            started: f.started,
            slots: f.slots,
            slot_size: f.slot_size,
            messages: f.messages,
            bytes: f.bytes,
            wake_ups: f.wake_ups,
            stalls: f.stalls,
            skips: f.skips,
            slots_in_use: f.slots_in_use,
            high_water: f.high_water,
            receivers: f.receivers,
        }
    }
}

/// The counts that a sender keeps for one receiver.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SubscriberStats {
    /// The receiver's process; `UINT32_MAX` if the sender cannot see it.
    pub pid: u32,
    /// 1 if there is a latency.
    pub has_latency: u32,
    /// Messages given to it.
    pub messages: u64,
    /// Bytes given to it.
    pub bytes: u64,
    /// Messages it missed because it was slow.
    pub skipped: u64,
    /// Slots it holds.
    pub slots: u64,
    /// Messages that it says it has taken.
    pub taken: u64,
    /// The latest measurement of the time from sending to taking, in nanoseconds: at least this,
    pub latency_least: u64,
    /// and at most this; 0 while the message is on its way.
    pub latency_most: u64,
}

impl From<transport::SubscriberStats> for SubscriberStats {
    fn from(f: transport::SubscriberStats) -> SubscriberStats {
        let nanos = |d: core::time::Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        SubscriberStats {
            pid: f.pid,
            has_latency: f.latency.is_some().into(),
            messages: f.messages,
            bytes: f.bytes,
            skipped: f.skipped,
            slots: f.slots,
            taken: f.taken,
            latency_least: f.latency.map_or(0, |l| nanos(l.least)),
            latency_most: f.latency.and_then(|l| l.most).map_or(0, nanos),
        }
    }
}

/// The counts of a receiver.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ReceiverStats {
    /// Messages received.
    pub messages: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Messages that the sender did not give to this receiver because it was slow.
    pub missed: u64,
    /// Times it went to sleep, each a system call.
    pub sleeps: u64,
    /// Bytes that it copied out of the pool.
    pub copied: u64,
}

impl From<transport::ReceiverStats> for ReceiverStats {
    fn from(f: transport::ReceiverStats) -> ReceiverStats {
        ReceiverStats {
            messages: f.messages,
            bytes: f.bytes,
            missed: f.missed,
            sleeps: f.sleeps,
            copied: f.copied,
        }
    }
}
