//! The configuration of a receiver, and how it connects or accepts.

use core::time::Duration;

use crate::connect::endpoint::{AcceptFrom, Endpoint, PATIENCE, nanos};
use crate::connect::incoming::Incoming;
use crate::connect::join::{self, Joined, Wants};
use crate::connect::pending::{PendingHandshakes, Terms};
use crate::connect::session::{ConnectRequest, Decision, Deliveries, HandshakeError, Listener};
use crate::peer::Access;
use crate::sys;

/// The configuration of a receiver's side of the handshake.
///
/// ```
/// use bowstring_transport::{Deliveries, Delivery, Connector};
/// // Anything but reading in place: for senders that are not trusted.
/// let meeting = Connector::new(Deliveries::only(Delivery::Copied).and(Delivery::Sealed)).greeting(b"columns=a,b");
/// # let _ = meeting;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Connector<'a> {
    pub(crate) wants: Wants,
    pub(crate) access: Access<'a>,
    pub(crate) greeting: &'a [u8],
    pub(crate) patience: Duration,
}

impl<'a> Connector<'a> {
    /// Creates a configuration that accepts `deliveries`; of those that the sender offers too, the first of pooled,
    /// copied, sealed is chosen.
    pub const fn new(deliveries: Deliveries) -> Connector<'a> {
        let wants = Wants { deliveries, max_pool: 64 << 30, huge_tlb: false };
        Connector { wants, access: Access::SameUser, greeting: &[], patience: PATIENCE }
    }

    /// Sets which users to talk to; by default, the same user only.
    pub const fn access(self, access: Access<'a>) -> Connector<'a> {
        Connector { access, ..self }
    }

    /// Sets the greeting for the other application.
    pub const fn greeting(self, greeting: &'a [u8]) -> Connector<'a> {
        Connector { greeting, ..self }
    }

    /// Sets how long the other side may take; two seconds by default.
    pub const fn patience(self, patience: Duration) -> Connector<'a> {
        Connector { patience, ..self }
    }

    /// Sets the largest pool to map; 64 GiB by default.
    pub const fn max_pool(mut self, bytes: u64) -> Connector<'a> {
        self.wants.max_pool = bytes;
        self
    }

    /// Accepts a pool of reserved huge pages. They are checked to be allocated, but the host's administrator can take
    /// back pages that were never touched: call this only if that is known not to happen.
    pub const fn allow_huge_tlb(mut self) -> Connector<'a> {
        self.wants.huge_tlb = true;
        self
    }

    /// Connects to a sender, which [accepts](crate::Sender::accept).
    pub fn connect<'e>(&self, to: impl Into<Endpoint<'e>>) -> Result<Incoming, HandshakeError> {
        let socket = to.into().open(self.patience)?;
        let patience = nanos(self.patience);
        incoming(join::connect(socket, patience, self.access, self.greeting, None, Some(&self.wants))?)
    }

    /// Waits for a sender, which [connects](crate::Sender::connect).
    pub fn accept<'e>(&self, from: impl Into<AcceptFrom<'e>>) -> Result<Incoming, HandshakeError> {
        match from.into() {
            AcceptFrom::Listener(listener) => self.accept_next(listener),
            AcceptFrom::Socket(socket) => {
                incoming(join::accept(socket, self.terms(), None, &mut |_| Decision::Welcome(self.greeting))?)
            }
        }
    }

    fn accept_next(&self, listener: &Listener) -> Result<Incoming, HandshakeError> {
        let until = sys::now().saturating_add(nanos(self.patience));
        let mut pending = PendingHandshakes::new();
        loop {
            let answer = &mut |_: &ConnectRequest<'_>| Decision::Welcome(self.greeting);
            match pending.poll_accept(listener, self.terms(), None, answer)? {
                // An error of one connector concerns nobody else.
                Some(Err(e)) if e.fault() == crate::Fault::Peer => continue,
                Some(outcome) => return incoming(outcome?),
                None => {}
            }
            let left = until.saturating_sub(sys::now());
            if left == 0 {
                return Err(HandshakeError::TimedOut("a connection"));
            }
            pending.sleep(listener, left)?;
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { access: self.access, wants: Some(&self.wants), patience: nanos(self.patience) }
    }
}

/// A receiver's agreement always has a direction towards it, and nobody observes a receiver.
fn incoming(joined: Joined) -> Result<Incoming, HandshakeError> {
    joined.incoming.ok_or(HandshakeError::Internal("a receiver agreed to nothing that comes in"))
}
