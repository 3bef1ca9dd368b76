//! A channel between two processes on one Linux host: no copy, no heap, and no trust beyond what was declared.
//!
//! A [`Sender`] owns a pool of equal slots in shared memory. It lends a slot ([`Loan`]), the program writes a message
//! into it, and committing hands it to every receiver. A receiver reads it where it lies ([`Lease`]) and gives the slot
//! back by dropping the lease. While both sides are busy no system call is made for a message; idle sides sleep.
//!
//! **Each side writes only memory that it owns, and the kernel holds it to that**: every shared region is sealed so that
//! nobody but its owner can ever map it writable. A peer can lie, stall or die; it cannot corrupt, and what it says is
//! checked before it is used.
//!
//! | delivery | who may be at the other end | what it costs | why it is safe |
//! |---|---|---|---|
//! | [`Delivery::Pooled`] | a sender that was declared honest, in one `unsafe` | nothing | the declaration: it leaves leased slots alone |
//! | [`Delivery::Copied`] | anyone | one copy | what is looked at is private |
//! | [`Delivery::Sealed`] | anyone, in any language | a file per message | the file is immutable by the kernel's word |
//!
//! ```
//! use bowstring_transport::{Deliveries, HandshakeConfig, Connector, SenderConfig, socket_pair};
//! // Two ends of a connection; usually they are in two processes and meet on a path: `Listener`, `Sender::accept`.
//! let (here, there) = socket_pair()?;
//! let receiving = std::thread::spawn(move || {
//!     let incoming = Connector::new(Deliveries::SLOTS).connect(there).unwrap();
//!     // SAFETY: the sender is the other half of this example, which leaves published slots alone.
//!     let receiver = unsafe { incoming.pooled() }.unwrap();
//!     let lease = receiver.recv().unwrap();
//!     lease.iter().map(|&b| u32::from(b)).sum::<u32>()
//! });
//! let mut sender = SenderConfig::new().build()?;
//! sender.accept(here, &HandshakeConfig::new(b""))?;
//! let mut loan = sender.loan(1000)?;
//! loan.fill(3);
//! loan.commit(1000)?;
//! assert_eq!(receiving.join().unwrap(), 3000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate is `no_std` and names no allocator: bookkeeping lives in private mappings that are sized at set-up.
//!
//! # Map
//!
//! From the bottom up: `sys` makes the system calls; [`region`] makes, seals and checks shared memory; `abi` defines
//! its layout; `ring` is the hand-off and `pool` tracks the free slots; [`session`] is the handshake; `fanout` is the
//! core of a sender and `channel` that of a receiver; `join` builds both from an agreement. Programs use [`Sender`],
//! [`Connector`] and the receivers.

// claim: no-allocator
#![cfg_attr(not(any(feature = "std", loom)), no_std)]
#![cfg_attr(not(any(test, loom)), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(all(test, not(feature = "std"), not(loom)))]
extern crate std;

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Bowstring rests on Linux: sealed memory files, futexes on read-only mappings, process descriptors."
);

mod abi;
pub mod call;
mod connect;
mod error;
#[cfg(feature = "std")]
pub mod names;
mod peer;
mod reason;
mod receive;
pub mod region;
mod ring;
#[cfg(feature = "std")]
pub mod running;
mod send;
mod stats;
mod sync;
mod sys;
mod wait;

#[cfg(feature = "sendfd")]
pub use connect::handover;
pub use connect::session;

/// The descriptor types of this crate's interface: std's own with the feature `std`, equivalent ones without it.
pub use rustix::fd;

pub use abi::Geometry;
pub use connect::appearance::Appearance;
pub use connect::connector::Connector;
pub use connect::endpoint::{AcceptFrom, Endpoint};
pub use connect::incoming::{Incoming, Opened};
pub use connect::observer::{Observer, RegionId};
pub use error::{Call, Fault, GeometryError, MAX_SLOTS, OsError, RegionFault, RegionKind};
pub use peer::{Access, Credentials};
pub use reason::BreakOff;
pub use receive::lease::{Claim, Foreign, Honest, Lease, Meta, Trust};
pub use receive::receiver::{
    Copied, CopyingReceiver, PooledReceiver, Receiver, ReceiverStats, RecvError, SenderFault,
};
pub use receive::sealed::{SealedMessage, SealedReceiver};
pub use send::fanout::ReceiverId;
pub use send::fanout::pending::Unfinished;
pub use send::fanout::publish::{Label, Receipt, To};
pub use send::fanout::room::LoanError;
pub use send::fanout::subscriber::{End, OnSlow};
pub use send::file_loan::FileLoan;
pub use send::loan::{CommitError, CommitFault, Loan};
pub use send::sender::{Arrival, HandshakeConfig, SendError, Sender, SenderConfig};
pub use session::wire::Past;
pub use session::{
    ConnectRequest, Decision, Deliveries, Delivery, HandshakeError, Listener, Refusal, RefusalCode,
};
pub use stats::{Latency, Stats, SubscriberStats};
pub use wait::Wait;

#[cfg(feature = "fault-injection")]
pub use sys::fault;

/// Creates a pair of connected sockets, for a program that starts the other side itself and lets it inherit one end.
pub fn socket_pair() -> Result<(fd::OwnedFd, fd::OwnedFd), OsError> {
    sys::socket_pair()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
