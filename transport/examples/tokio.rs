//! Receives in an async program: the task sleeps on a descriptor while the runtime runs other tasks.
//!
//! `tokio PATH` receives from the sender that listens there until it ends. Without a path it is a demonstration: a
//! sender on a thread of this process sends measurements in bursts, and one task receives them while another counts.
//!
//! While messages come, [`next`] makes no system call. Only when there is none does it announce a sleep (`arm`), wait for
//! the descriptor, and take the announcement back (`disarm`).
#![allow(unsafe_code)]

use std::error::Error;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc;

use bowstring_transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Incoming, Lease, PooledReceiver, RecvError,
    SenderConfig, socket_pair,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Builder;

/// The measurements that the demonstration sends at a time, and how many times.
const BURST: u64 = 25;
const BURSTS: u64 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let received = match std::env::args_os().nth(1) {
        Some(path) => {
            let meeting = Connector::new(Deliveries::only(Delivery::Pooled));
            let incoming = meeting.connect(path.as_encoded_bytes())?;
            Builder::new_current_thread().enable_io().build()?.block_on(receive(incoming, |_| {}))?
        }
        None => demonstrate()?,
    };
    println!("{} messages of {} bytes in all, {} sleeps", received.messages, received.bytes, received.sleeps);
    Ok(())
}

/// The totals.
#[derive(Debug, Default)]
pub struct Received {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The number of times that the task slept on the descriptor.
    pub sleeps: u64,
}

/// Sends to itself, and receives beside another task.
pub fn demonstrate() -> Result<Received, Box<dyn Error>> {
    let (here, there) = socket_pair()?;
    let (more, wanted) = mpsc::channel();
    let sending = std::thread::spawn(move || send(here, &wanted).map_err(|e| e.to_string()));
    let incoming = Connector::new(Deliveries::only(Delivery::Pooled)).connect(there)?;
    let received = Builder::new_current_thread().enable_io().build()?.block_on(async {
        let counting = tokio::spawn(async {
            let mut turns = 0_u64;
            loop {
                turns += 1;
                if turns >= BURSTS {
                    return turns;
                }
                tokio::task::yield_now().await;
            }
        });
        let received = receive(incoming, |messages| {
            if messages % BURST == 0 {
                // The sender has ended after the last burst.
                let _ = more.send(());
            }
        });
        let received = received.await?;
        assert_eq!(counting.await?, BURSTS, "the runtime was free for others");
        Ok::<_, Box<dyn Error>>(received)
    })?;
    sending.join().map_err(|_| "the sender panicked")??;
    Ok(received)
}

/// Sends bursts, each after the one before has been received.
fn send(socket: OwnedFd, wanted: &mpsc::Receiver<()>) -> Result<(), Box<dyn Error>> {
    let mut sender = SenderConfig::new().slots(8, 64).build()?;
    sender.accept(socket, &HandshakeConfig::new(b"measurements"))?;
    for burst in 0..BURSTS {
        for i in 0..BURST {
            sender.send(&(burst * BURST + i).to_le_bytes())?;
        }
        wanted.recv()?;
    }
    Ok(())
}

/// Receives until the sender closes. Calls `seen` with the number of messages after each one.
pub async fn receive(incoming: Incoming, mut seen: impl FnMut(u64)) -> Result<Received, Box<dyn Error>> {
    // SAFETY: the sender is one of the same user that this program was pointed at, and leaves leased slots alone.
    let receiver = unsafe { incoming.pooled() }.map_err(|_| "another delivery was agreed to")?;
    // SAFETY: an `OwnedFd` is open and the same descriptor for as long as it lives.
    let ready = unsafe { AsyncFd::register_with_interest(receiver.pollable()?, Interest::READABLE) }?;
    let mut received = Received::default();
    loop {
        match next(&receiver, &ready, &mut received.sleeps).await? {
            Ok(lease) => {
                received.messages += 1;
                received.bytes += lease.len() as u64;
            }
            Err(RecvError::Closed) => return Ok(received),
            Err(end) => return Err(end.into()),
        }
        seen(received.messages);
    }
}

/// Returns the next message, or the end.
async fn next<'r>(
    receiver: &'r PooledReceiver,
    ready: &AsyncFd<OwnedFd>,
    sleeps: &mut u64,
) -> io::Result<Result<Lease<'r, bowstring_transport::Honest>, RecvError>> {
    loop {
        match receiver.try_recv() {
            Ok(None) => {}
            Ok(Some(lease)) => return Ok(Ok(lease)),
            Err(end) => return Ok(Err(end)),
        }
        match receiver.arm() {
            Ok(true) => {
                *sleeps += 1;
                // Cleared before the wake-ups are discarded, so that one that comes in between is not missed.
                ready.readable().await?.clear_ready();
            }
            // Something has come meanwhile.
            Ok(false) => {}
            Err(end) => return Ok(Err(end)),
        }
        if let Err(end) = receiver.disarm() {
            return Ok(Err(end));
        }
    }
}
