//! A sender and a receiver that behave, and detect incomplete messages.
//!
//! # Safety
//!
//! The receivers here are pooled: the senders are the ones beside them, which do not write to leased slots.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bowstring_transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Incoming, Opened, OsError, PooledReceiver, RecvError,
    Sender, SenderConfig, Wait, socket_pair,
};

/// Longer than anything here takes; anything slower has hung.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits at most [`PATIENCE`].
pub const PATIENTLY: Wait = Wait::sleeping().at_most(PATIENCE);

/// Writes message `number` into `bytes`.
///
/// Every word encodes the message and its own position, so that a word of another message, or a word out of place,
/// shows.
pub fn fill(bytes: &mut [u8], number: u64) {
    for (place, part) in bytes.chunks_mut(8).enumerate() {
        part.copy_from_slice(&word(number, place)[..part.len()]);
    }
}

fn word(number: u64, place: usize) -> [u8; 8] {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ place as u64).to_le_bytes()
}

/// Checks that `bytes` are all those of message `number`.
pub fn check(bytes: &[u8], number: u64) -> Result<(), String> {
    // Without the heap, because this is also stepped through instruction by instruction.
    let torn =
        bytes.chunks(8).enumerate().position(|(place, part)| *part != word(number, place)[..part.len()]);
    match torn {
        None => Ok(()),
        Some(place) => Err(format!("message {number} is torn at byte {} of {}", 8 * place, bytes.len())),
    }
}

/// Returns the length of message `number`: from 0 to `most`.
#[must_use]
pub fn length(number: u64, most: usize) -> usize {
    (number as usize).wrapping_mul(397) % (most + 1)
}

/// Sends a message of `len` bytes that contains its own number.
pub fn send(sender: &mut Sender, number: u64, len: usize) -> Result<(), String> {
    let mut loan = sender.loan_with(len, PATIENTLY).map_err(|e| format!("loan {number}: {e}"))?;
    fill(&mut loan, number);
    let receipt = loan.commit(len).map_err(|e| format!("commit {number}: {e}"))?;
    if receipt.number == number { Ok(()) } else { Err(format!("number {} for {number}", receipt.number)) }
}

/// Receives the next message, checks it, and returns its number.
pub fn take(opened: &mut Opened, wait: Wait) -> Result<Result<u64, String>, RecvError> {
    let checked = |bytes: &[u8], number| check(bytes, number).map(|()| number);
    Ok(match opened {
        Opened::Pooled(receiver) => {
            let lease = receiver.recv_with(wait)?;
            checked(&lease, lease.meta().number)
        }
        Opened::Copied(receiver) => {
            let copy = receiver.recv_with(wait)?;
            checked(copy.bytes, copy.meta.number)
        }
        Opened::Sealed(receiver) => {
            let message = receiver.recv_with(wait)?;
            checked(&message, message.meta().number)
        }
    })
}

/// Opens a channel whose sender is one of these tests.
#[must_use]
pub fn open(incoming: Incoming) -> Opened {
    try_open(incoming).expect("memory for a receiver")
}

/// Like [`open`], where memory may run out.
pub fn try_open(incoming: Incoming) -> Result<Opened, OsError> {
    // SAFETY: every sender of these tests, in this process or in a child of it, leaves leased slots alone.
    unsafe { incoming.open() }
}

/// Connects a receiver to `sender` over a pair of sockets, from another thread.
#[must_use]
pub fn join(sender: &mut Sender, wanted: Deliveries) -> Opened {
    let (here, there) = socket_pair().expect("a pair of sockets");
    std::thread::scope(|scope| {
        let incoming = scope.spawn(move || Connector::new(wanted).patience(PATIENCE).connect(there));
        sender.accept(here, &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
        open(incoming.join().expect("no panic").expect("an honest sender"))
    })
}

/// Like [`join`], pooled.
#[must_use]
pub fn join_pooled(sender: &mut Sender) -> PooledReceiver {
    match join(sender, Deliveries::only(Delivery::Pooled)) {
        Opened::Pooled(receiver) => receiver,
        other => panic!("not pooled: {other:?}"),
    }
}

/// A sender with an honest receiver, in the same process.
#[derive(Debug)]
pub struct Pair {
    /// The sender, for others to join.
    pub sender: Sender,
    /// Its receiver.
    pub receiver: PooledReceiver,
    most: usize,
    number: u64,
}

impl Pair {
    /// Creates a pair with a pool of the given shape.
    #[must_use]
    pub fn new(config: SenderConfig, most: usize) -> Pair {
        let mut sender = config.build().expect("memory for a sender");
        let receiver = join_pooled(&mut sender);
        Pair { sender, receiver, most, number: 0 }
    }

    /// Sends and receives this many messages of different lengths, and checks them all.
    pub fn serve(&mut self, count: u64) -> Result<(), String> {
        for _ in 0..count {
            self.number += 1;
            send(&mut self.sender, self.number, length(self.number, self.most))?;
            let lease = self.receiver.recv_with(PATIENTLY).map_err(|e| format!("recv: {e}"))?;
            if lease.meta().number != self.number || lease.len() != length(self.number, self.most) {
                return Err(format!("{lease:?} for message {}", self.number));
            }
            check(&lease, self.number)?;
        }
        Ok(())
    }
}

/// A pair that exchanges messages on its own thread, all the time.
#[derive(Debug)]
pub struct Pump {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Pump {
    /// Starts.
    #[must_use]
    pub fn start() -> Pump {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&served));
        let thread = std::thread::spawn(move || {
            let mut pair = Pair::new(SenderConfig::new().slots(4, 256), 1024);
            while !stopped.load(Ordering::Relaxed) {
                pair.serve(1)?;
                count.fetch_add(1, Ordering::Release);
                std::thread::yield_now();
            }
            Ok(())
        });
        let pump = Pump { stop, served, thread: Some(thread) };
        pump.await_more(1);
        pump
    }

    /// Waits until `count` more messages have gone through.
    pub fn await_more(&self, count: u64) {
        let until = self.served.load(Ordering::Acquire) + count;
        while self.served.load(Ordering::Acquire) < until {
            let alive = self.thread.as_ref().is_some_and(|t| !t.is_finished());
            assert!(alive, "the honest pair has stopped");
            std::thread::yield_now();
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            thread.join().expect("no panic").expect("honest peers do not fail");
        }
    }
}

/// Returns the two ends of a connected socket pair, made by the crate.
#[must_use]
pub fn sockets() -> (OwnedFd, OwnedFd) {
    socket_pair().expect("a pair of sockets")
}

/// Connects to a sender over a connected socket, for pooled delivery.
pub fn meet(socket: OwnedFd) -> Incoming {
    let meeting = Connector::new(Deliveries::only(Delivery::Pooled)).patience(PATIENCE);
    meeting.connect(socket).expect("an honest sender")
}
