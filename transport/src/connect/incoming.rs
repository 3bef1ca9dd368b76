//! A channel towards this program, before it has decided how to receive.

use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, OwnedFd};

use crate::connect::join::{self, Joining, Step, Wants};
use crate::connect::pending::{PendingHandshakes, Terms};
use crate::connect::session::driver::{ConnectRequest, Decision, Greeting, HandshakeError};
use crate::connect::session::wire::Past;
use crate::connect::session::{Deliveries, Delivery, Listener, listen};
use crate::error::OsError;
use crate::peer::{Access, Control, Credentials};
use crate::receive::channel::Channel;
use crate::receive::lease::{Foreign, Honest};
use crate::receive::receiver::{CopyingReceiver, Receiver};
use crate::receive::sealed::SealedReceiver;
use crate::region::private::MapArc;
use crate::sys;

/// The default time that the other side may take for the handshake.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A receiver's agreement always has a direction towards it, and nobody observes a receiver.
const NOTHING_IN: HandshakeError = HandshakeError::Internal("a receiver agreed to nothing that comes in");

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

    pub(crate) fn nanos(&self) -> u64 {
        u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Connects to a sender that listens on `path`.
    pub fn connect(&self, path: &[u8]) -> Result<Incoming, HandshakeError> {
        self.connect_socket(listen::connect_within(path, self.nanos())?)
    }

    /// Connects to a sender that listens on a name in the abstract namespace.
    pub fn connect_abstract(&self, name: &[u8]) -> Result<Incoming, HandshakeError> {
        self.connect_socket(listen::connect_abstract_within(name, self.nanos())?)
    }

    /// Connects to a sender over a connected socket, such as one end of a pair whose other end a child has. The
    /// sender must listen: see [`Sender::accept_socket`](crate::Sender::accept_socket).
    pub fn connect_socket(&self, socket: OwnedFd) -> Result<Incoming, HandshakeError> {
        let socket = listen::connected(socket)?;
        let joined =
            join::connect(socket, self.nanos(), self.access, self.greeting, None, Some(&self.wants))?;
        joined.incoming.ok_or(NOTHING_IN)
    }

    /// Waits for a sender to connect to `listener`.
    pub fn accept(&self, listener: &Listener) -> Result<Incoming, HandshakeError> {
        let until = sys::now().saturating_add(self.nanos());
        let terms = Terms { access: self.access, wants: Some(&self.wants), patience: self.nanos() };
        let mut pending = PendingHandshakes::new();
        loop {
            let answer = &mut |_: &ConnectRequest<'_>| Decision::Welcome(self.greeting);
            match pending.poll_accept(listener, terms, None, answer)? {
                // An error of one connector concerns nobody else.
                Some(Err(e)) if e.fault() == crate::Fault::Peer => continue,
                Some(outcome) => return outcome?.incoming.ok_or(NOTHING_IN),
                None => {}
            }
            let left = until.saturating_sub(sys::now());
            if left == 0 {
                return Err(HandshakeError::TimedOut("a connection"));
            }
            pending.sleep(listener, left)?;
        }
    }

    /// Accepts a sender over a connected socket, as the listening side.
    pub fn accept_socket(&self, socket: OwnedFd) -> Result<Incoming, HandshakeError> {
        let socket = listen::connected(socket)?;
        let parameters = join::parameters(None, Some(&self.wants), false);
        let mut joining = Joining::new(socket, parameters, self.nanos())?;
        loop {
            match joining
                .advance(self.access, None, &mut |_: &ConnectRequest<'_>| Decision::Welcome(self.greeting))?
            {
                Step::In(joined) => return joined.incoming.ok_or(NOTHING_IN),
                Step::Done => return Err(NOTHING_IN),
                Step::Waiting => {
                    sys::poll(&mut [PollFd::new(&joining.socket(), PollFlags::IN)], 10_000_000)?;
                }
            }
        }
    }
}

/// A channel from a sender. What it opens as depends on the delivery agreed to, and on trust.
#[derive(Debug)]
#[must_use]
pub struct Incoming {
    pub(crate) delivery: Delivery,
    pub(crate) kept: Kept,
    pub(crate) greeting: Greeting,
    pub(crate) past: Past,
}

#[derive(Debug)]
pub(crate) enum Kept {
    Slots {
        channel: MapArc<Channel>,
        first: u64,
    },
    /// With the features in force.
    Sealed(Control, u64),
}

/// A channel, open for receiving.
#[derive(Debug)]
pub enum Opened {
    /// Read in place.
    Pooled(Receiver<Honest>),
    /// Copy, then read.
    Copied(CopyingReceiver),
    /// Read immutable files.
    Sealed(SealedReceiver),
}

impl Incoming {
    /// Returns the delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the greeting of the sender's application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns what the sender sent before this channel and will not send on it; zeroes if the sender does not say.
    #[must_use]
    pub fn past(&self) -> Past {
        self.past
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        match &self.kept {
            Kept::Slots { channel, .. } => channel.control.credentials(),
            Kept::Sealed(control, _) => control.credentials(),
        }
    }

    /// Opens a channel of pooled delivery: messages are read where the sender wrote them.
    ///
    /// Returns the channel itself if another delivery was agreed to.
    ///
    /// # Safety
    /// The sender is honest: it does not write to a slot between publishing it and seeing it released. The kernel keeps
    /// every other process from writing there, and every other property of the sender is checked.
    #[allow(unsafe_code)]
    pub unsafe fn pooled(self) -> Result<Receiver<Honest>, Incoming> {
        match self {
            Incoming {
                delivery: Delivery::Pooled,
                kept: Kept::Slots { channel, first },
                greeting,
                past,
                ..
            } => Ok(Receiver::new(channel, first, greeting, past)),
            other => Err(other),
        }
    }

    /// Opens a channel through slots without trusting the sender: its leases can only be copied.
    ///
    /// Returns the channel itself if sealed delivery was agreed to.
    pub fn foreign(self) -> Result<Receiver<Foreign>, Incoming> {
        match self {
            Incoming { kept: Kept::Slots { channel, first }, greeting, past, .. } => {
                Ok(Receiver::new(channel, first, greeting, past))
            }
            other => Err(other),
        }
    }

    /// Opens a channel of sealed messages.
    ///
    /// Returns the channel itself if another delivery was agreed to.
    pub fn sealed(self) -> Result<SealedReceiver, Incoming> {
        match self {
            Incoming { kept: Kept::Sealed(control, features), greeting, past, .. } => {
                Ok(SealedReceiver::new(control, greeting, features, past))
            }
            other => Err(other),
        }
    }

    /// Opens the channel with the delivery agreed to.
    ///
    /// # Safety
    /// If pooled delivery was among those wanted: as for [`pooled`](Self::pooled).
    #[allow(unsafe_code)]
    pub unsafe fn open(self) -> Result<Opened, OsError> {
        match self {
            Incoming {
                delivery: Delivery::Pooled,
                kept: Kept::Slots { channel, first },
                greeting,
                past,
                ..
            } => Ok(Opened::Pooled(Receiver::new(channel, first, greeting, past))),
            Incoming { kept: Kept::Slots { channel, first }, greeting, past, .. } => {
                Ok(Opened::Copied(Receiver::new(channel, first, greeting, past).copying()?))
            }
            Incoming { kept: Kept::Sealed(control, features), greeting, past, .. } => {
                Ok(Opened::Sealed(SealedReceiver::new(control, greeting, features, past)))
            }
        }
    }
}

impl AsFd for Incoming {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        match &self.kept {
            Kept::Slots { channel, .. } => channel.control.socket(),
            Kept::Sealed(control, _) => control.socket(),
        }
    }
}
