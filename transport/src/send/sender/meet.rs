//! Accepts and connects a sender's receivers: over a listener, by connecting, or over an existing socket.

use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{BorrowedFd, OwnedFd};

use super::{Inner, Sender};
use crate::connect::incoming::{Incoming, PATIENCE};
use crate::connect::join::{self, Joined, Joining, Step, Wants};
use crate::connect::pending::Terms;
use crate::connect::session::driver::Greeting;
use crate::connect::session::{ConnectRequest, Decision, HandshakeError, Listener, RefusalCode, listen};
use crate::error::{Fault, OsError};
use crate::peer::Access;
use crate::send::fanout::ReceiverId;
use crate::sys;
use crate::wait::{Wait, Waits};

/// A receiver that has connected.
#[derive(Debug)]
pub struct Arrival {
    /// Its id.
    pub receiver: ReceiverId,
    /// The channel towards this program, if both directions were agreed to.
    pub(crate) incoming: Option<Incoming>,
    /// The receiver's greeting, unless it is with `incoming`.
    greeting: Greeting,
}

impl Arrival {
    /// Returns the receiver's greeting: bytes that belong to the application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        self.incoming.as_ref().map_or(&self.greeting, |incoming| incoming.greeting())
    }
}

/// The configuration of a sender's side of the handshake.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct HandshakeConfig<'a> {
    access: Access<'a>,
    greeting: &'a [u8],
    patience: Duration,
}

impl<'a> HandshakeConfig<'a> {
    /// Creates a configuration with a greeting for the other application.
    pub const fn new(greeting: &'a [u8]) -> HandshakeConfig<'a> {
        HandshakeConfig { access: Access::SameUser, greeting, patience: PATIENCE }
    }

    /// Sets which users to talk to; by default, the same user only.
    pub const fn access(self, access: Access<'a>) -> HandshakeConfig<'a> {
        HandshakeConfig { access, ..self }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sets how long the other side may take; two seconds by default.
    pub const fn patience(self, patience: Duration) -> HandshakeConfig<'a> {
        HandshakeConfig { patience, ..self }
    }
}

impl Sender {
    /// Accepts connections, as far as possible without waiting, and takes back what the dead still held. Call it now
    /// and then; a silent connection does not delay the others.
    ///
    /// `answer` decides on each connector and supplies the greeting.
    pub fn poll_accept<'g>(
        &mut self,
        listener: &Listener,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Option<Arrival>, HandshakeError> {
        self.poll_accept_as(listener, Access::SameUser, None, answer)
    }

    /// Like [`poll_accept`](Self::poll_accept), for receivers of other users too.
    pub fn poll_accept_from<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Option<Arrival>, HandshakeError> {
        self.poll_accept_as(listener, access, None, answer)
    }

    pub(crate) fn poll_accept_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Option<Arrival>, HandshakeError> {
        let Inner { fanout, pending, patience } = &mut *self.inner;
        fanout.reap_if_due()?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let terms = Terms { access, wants, patience };
        loop {
            match pending.poll_accept(listener, terms, Some(fanout), answer)? {
                None => return Ok(None),
                Some(Ok(joined)) => return arrival(joined).map(Some),
                // This process lacks resources for even one connection: nobody can ever come in.
                Some(Err(e)) if !pending.is_busy() && is_ours(&e) => return Err(e),
                // An error of one connector concerns nobody else.
                Some(Err(_)) => {}
            }
        }
    }

    /// Waits until a receiver has connected.
    pub fn accept<'g>(
        &mut self,
        listener: &Listener,
        wait: Wait,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Arrival, HandshakeError> {
        self.accept_for(listener, Access::SameUser, wait, answer)
    }

    /// Waits until a receiver has connected, of other users too.
    pub fn accept_for<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wait: Wait,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Arrival, HandshakeError> {
        self.accept_as(listener, access, None, wait, answer)
    }

    pub(crate) fn accept_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        wait: Wait,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Arrival, HandshakeError> {
        let until = wait.until();
        loop {
            if let Some(arrival) = self.poll_accept_as(listener, access, wants, answer)? {
                return Ok(arrival);
            }
            let left = until.saturating_sub(sys::now());
            if left == 0 {
                return Err(HandshakeError::TimedOut("a connection"));
            }
            self.sleep(Some(listener), &[], left)?;
        }
    }

    /// Sleeps until there is something to do other than sending: somebody connects or continues a handshake, a
    /// receiver leaves or dies, one of `also` becomes readable, a signal arrives, or `limit` passes. Takes back what the
    /// dead held. Then call [`poll_accept`](Self::poll_accept).
    pub fn await_events(
        &mut self,
        listener: Option<&Listener>,
        also: &[BorrowedFd<'_>],
        limit: Option<Duration>,
    ) -> Result<(), OsError> {
        let nanos = limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        self.sleep(listener, also, nanos)
    }

    fn sleep(
        &mut self,
        listener: Option<&Listener>,
        also: &[BorrowedFd<'_>],
        mut nanos: u64,
    ) -> Result<(), OsError> {
        let Inner { fanout, pending, .. } = &mut *self.inner;
        let mut waits = Waits::new();
        if let Some(listener) = listener {
            nanos = pending.wait_for(listener, &mut waits, nanos);
        }
        for (_, subscriber) in fanout.subscribers() {
            waits.add(subscriber.control.socket());
            subscriber.control.pidfd().into_iter().for_each(|pidfd| waits.add(pidfd));
        }
        also.iter().for_each(|&fd| waits.add(fd));
        waits.sleep(nanos)?;
        fanout.reap()
    }

    /// Connects to a receiver that listens on `path`.
    pub fn connect(&mut self, path: &[u8], meeting: &HandshakeConfig<'_>) -> Result<Arrival, HandshakeError> {
        self.connect_socket(listen::connect_within(path, meeting.nanos())?, meeting)
    }

    /// Connects to a receiver that listens on a name in the abstract namespace.
    pub fn connect_abstract(
        &mut self,
        name: &[u8],
        meeting: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        self.connect_socket(listen::connect_abstract_within(name, meeting.nanos())?, meeting)
    }

    /// Connects to a receiver over a connected socket. The receiver must listen: see
    /// [`Connector::accept_socket`](crate::Connector::accept_socket).
    pub fn connect_socket(
        &mut self,
        socket: OwnedFd,
        meeting: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        self.connect_as(socket, meeting.access, meeting.greeting, meeting.patience, None)
    }

    pub(crate) fn connect_as(
        &mut self,
        socket: OwnedFd,
        access: Access<'_>,
        greeting: &[u8],
        patience: Duration,
        wants: Option<&Wants>,
    ) -> Result<Arrival, HandshakeError> {
        let socket = listen::connected(socket)?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        arrival(join::connect(socket, patience, access, greeting, Some(&mut self.inner.fanout), wants)?)
    }

    /// Accepts a receiver over a connected socket, such as one end of a pair whose other end a child has. The
    /// receiver connects with [`Connector::connect_socket`](crate::Connector::connect_socket).
    pub fn accept_socket(
        &mut self,
        socket: OwnedFd,
        introduction: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        self.accept_socket_as(socket, introduction, None)
    }

    pub(crate) fn accept_socket_as(
        &mut self,
        socket: OwnedFd,
        introduction: &HandshakeConfig<'_>,
        wants: Option<&Wants>,
    ) -> Result<Arrival, HandshakeError> {
        let socket = listen::connected(socket)?;
        let fanout = &mut self.inner.fanout;
        let patience = u64::try_from(introduction.patience.as_nanos()).unwrap_or(u64::MAX);
        let mut joining = Joining::new(socket, join::parameters(Some(fanout), wants, false), patience)?;
        let answer = &mut |_: &ConnectRequest<'_>| Decision::Welcome(introduction.greeting);
        loop {
            match joining.advance(introduction.access, Some(fanout), answer)? {
                Step::In(joined) => return arrival(joined),
                Step::Done => return Err(HandshakeError::Declined(RefusalCode::NoReceiver)),
                Step::Waiting => {
                    sys::poll(&mut [PollFd::new(&joining.socket(), PollFlags::IN)], 10_000_000)?;
                }
            }
        }
    }

    /// Sets how long a connection may take for the handshake; two seconds by default.
    pub fn set_patience(&mut self, patience: Duration) {
        self.inner.patience = patience;
    }
}

fn arrival(joined: Joined) -> Result<Arrival, HandshakeError> {
    let Joined { subscriber, incoming, greeting } = joined;
    let receiver = subscriber.ok_or(HandshakeError::Internal("a sender's connection without a receiver"))?;
    Ok(Arrival { receiver, incoming, greeting })
}

/// Returns true if an error concerns this process or its host rather than the connector.
fn is_ours(e: &HandshakeError) -> bool {
    e.fault() == Fault::Host || matches!(e, HandshakeError::Internal(_))
}
