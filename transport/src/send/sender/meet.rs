//! Accepts and connects a sender's receivers: over a listener, by connecting, or over an existing socket.

use core::time::Duration;

use rustix::fd::BorrowedFd;

use super::{HandshakeConfig, Inner, Sender};
use crate::connect::endpoint::{AcceptFrom, Endpoint, nanos};
use crate::connect::incoming::Incoming;
use crate::connect::join::{self, Joined};
use crate::connect::session::driver::Greeting;
use crate::connect::session::{ConnectRequest, HandshakeError, Listener};
use crate::error::{Fault, OsError};
use crate::send::fanout::ReceiverId;
use crate::sys;
use crate::wait::Waits;

/// A receiver that has connected.
#[derive(Debug)]
pub struct Arrival {
    /// Its id.
    pub receiver: ReceiverId,
    /// The channel towards this program, if both directions were [asked for](HandshakeConfig::both_ways).
    pub incoming: Option<Incoming>,
    /// The receiver's greeting, unless it is with `incoming`.
    greeting: Greeting,
}

impl Arrival {
    /// Returns the receiver's greeting: bytes that belong to the application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        self.incoming.as_ref().map_or(&self.greeting, |incoming| incoming.greeting())
    }

    /// Returns both directions: the receiver's id, and the channel towards this program.
    ///
    /// # Errors
    /// [`HandshakeError::Internal`] unless the configuration was for [both](HandshakeConfig::both_ways).
    pub fn both_ways(self) -> Result<(ReceiverId, Incoming), HandshakeError> {
        let incoming =
            self.incoming.ok_or(HandshakeError::Internal("one direction was configured, not both"))?;
        Ok((self.receiver, incoming))
    }
}

impl Sender {
    /// Connects to a receiver, which [accepts](crate::Connector::accept).
    pub fn connect<'e>(
        &mut self,
        to: impl Into<Endpoint<'e>>,
        config: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        let HandshakeConfig { access, greeting, patience, wants, .. } = config;
        let socket = to.into().open(*patience)?;
        let fanout = Some(&mut self.inner.fanout);
        arrival(join::connect(socket, nanos(*patience), *access, greeting, fanout, wants.as_ref())?)
    }

    /// Waits for a receiver, which [connects](crate::Connector::connect).
    pub fn accept<'e>(
        &mut self,
        from: impl Into<AcceptFrom<'e>>,
        config: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        match from.into() {
            AcceptFrom::Listener(listener) => self.accept_next(listener, config),
            AcceptFrom::Socket(socket) => {
                let (fanout, answer) = (Some(&mut self.inner.fanout), &mut |request: &ConnectRequest<'_>| {
                    config.decision(request)
                });
                arrival(join::accept(socket, config.terms(), fanout, answer)?)
            }
        }
    }

    fn accept_next(
        &mut self,
        listener: &Listener,
        config: &HandshakeConfig<'_>,
    ) -> Result<Arrival, HandshakeError> {
        let until = config.wait.until();
        loop {
            if let Some(arrival) = self.poll_accept(listener, config)? {
                return Ok(arrival);
            }
            let left = until.saturating_sub(sys::now());
            if left == 0 {
                return Err(HandshakeError::TimedOut("a connection"));
            }
            self.sleep(Some(listener), &[], left)?;
        }
    }

    /// Accepts connections, as far as possible without waiting, and takes back what the dead still held. Call it now
    /// and then; a silent connection does not delay the others.
    pub fn poll_accept(
        &mut self,
        listener: &Listener,
        config: &HandshakeConfig<'_>,
    ) -> Result<Option<Arrival>, HandshakeError> {
        let Inner { fanout, pending } = &mut *self.inner;
        fanout.reap_if_due()?;
        let answer = &mut |request: &ConnectRequest<'_>| config.decision(request);
        loop {
            match pending.poll_accept(listener, config.terms(), Some(fanout), answer)? {
                None => return Ok(None),
                Some(Ok(joined)) => return arrival(joined).map(Some),
                // This process lacks resources for even one connection: nobody can ever come in.
                Some(Err(e)) if !pending.is_busy() && is_ours(&e) => return Err(e),
                // An error of one connector concerns nobody else.
                Some(Err(_)) => {}
            }
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
        self.sleep(listener, also, limit.map_or(u64::MAX, nanos))
    }

    fn sleep(
        &mut self,
        listener: Option<&Listener>,
        also: &[BorrowedFd<'_>],
        mut nanos: u64,
    ) -> Result<(), OsError> {
        let Inner { fanout, pending } = &mut *self.inner;
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
