//! Both directions over one connection: requests one way, replies the other.
//!
//! A connection with two directions is two channels, each with its own pool and its own socket. A reply names the
//! number of its request ([`Label::reply_to`](crate::Label)); [`Calls`] tracks the open ones.

use crate::connect::incoming::{Connector, Incoming};
use crate::connect::session::driver::{ConnectRequest, Decision, HandshakeError};
use crate::connect::session::{Listener, listen};
use crate::receive::lease::Meta;
use crate::send::fanout::ReceiverId;
use crate::send::fanout::publish::Receipt;
use crate::send::sender::{Arrival, HandshakeConfig, Sender};
use crate::wait::Wait;

use rustix::fd::OwnedFd;

impl Sender {
    /// Connects to `path` for both directions and returns the channel towards this program too. `meeting` configures
    /// receiving.
    pub fn connect_both(
        &mut self,
        path: &[u8],
        meeting: &Connector<'_>,
    ) -> Result<(ReceiverId, Incoming), HandshakeError> {
        self.connect_both_over(listen::connect_within(path, meeting.nanos())?, meeting)
    }

    /// Connects both directions over a connected socket whose other end listens.
    pub fn connect_both_over(
        &mut self,
        socket: OwnedFd,
        meeting: &Connector<'_>,
    ) -> Result<(ReceiverId, Incoming), HandshakeError> {
        both(self.connect_as(
            socket,
            meeting.access,
            meeting.greeting,
            meeting.patience,
            Some(&meeting.wants),
        )?)
    }

    /// Waits until somebody has connected for both directions. `meeting` configures receiving; `answer` decides, and
    /// its greeting replaces that of `meeting`.
    pub fn accept_both<'g>(
        &mut self,
        listener: &Listener,
        meeting: &Connector<'_>,
        wait: Wait,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<(ReceiverId, Incoming), HandshakeError> {
        both(self.accept_as(listener, meeting.access, Some(&meeting.wants), wait, answer)?)
    }

    /// Accepts connections for both directions, as far as possible without waiting.
    pub fn poll_accept_both<'g>(
        &mut self,
        listener: &Listener,
        meeting: &Connector<'_>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Option<(ReceiverId, Incoming)>, HandshakeError> {
        self.poll_accept_as(listener, meeting.access, Some(&meeting.wants), answer)?.map(both).transpose()
    }

    /// Accepts both directions over a connected socket, as the listening side.
    pub fn accept_socket_both(
        &mut self,
        socket: OwnedFd,
        meeting: &Connector<'_>,
    ) -> Result<(ReceiverId, Incoming), HandshakeError> {
        let introduction =
            HandshakeConfig::new(meeting.greeting).access(meeting.access).patience(meeting.patience);
        both(self.accept_socket_as(socket, &introduction, Some(&meeting.wants))?)
    }
}

fn both(arrival: Arrival) -> Result<(ReceiverId, Incoming), HandshakeError> {
    let Arrival { receiver, incoming, .. } = arrival;
    Ok((
        receiver,
        incoming.ok_or(HandshakeError::Internal("both directions were agreed to, and nothing comes in"))?,
    ))
}

/// The most requests that may be open at once.
pub const MAX_CALLS: usize = 64;

/// Requests that wait for their replies.
///
/// ```
/// use bowstring_transport::call::Calls;
/// # use bowstring_transport::{Meta, Receipt};
/// # let receipt = |number| Receipt { number, receivers: 1, skipped: 0 };
/// # let reply = |reply_to| Meta { number: 9, tag: 0, reply_to };
/// let mut calls = Calls::new();
/// calls.sent(&receipt(7)).unwrap();
/// assert_eq!(calls.answered(&reply(7)), Some(7)); // the reply to our request 7
/// assert_eq!(calls.answered(&reply(7)), None); // a second reply to it, or one to a request never made
/// ```
#[derive(Clone, Debug)]
#[repr(transparent)]
pub struct Calls {
    /// Numbers of open requests; 0 marks a free place, as no message has that number.
    open: [u64; MAX_CALLS],
}

/// [`MAX_CALLS`] requests are open already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyCalls;

impl core::fmt::Display for TooManyCalls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{MAX_CALLS} requests wait for their replies already")
    }
}

impl core::error::Error for TooManyCalls {}

impl Default for Calls {
    fn default() -> Calls {
        Calls::new()
    }
}

impl Calls {
    /// Creates a set without open requests.
    #[must_use]
    pub const fn new() -> Calls {
        Calls { open: [0; MAX_CALLS] }
    }

    /// Records a request that was sent.
    pub fn sent(&mut self, request: &Receipt) -> Result<(), TooManyCalls> {
        let place = self.open.iter_mut().find(|n| **n == 0).ok_or(TooManyCalls)?;
        *place = request.number;
        Ok(())
    }

    /// Closes the request that a message replies to and returns its number; `None` if it replies to none of them.
    pub fn answered(&mut self, reply: &Meta) -> Option<u64> {
        if reply.reply_to == 0 {
            return None;
        }
        let place = self.open.iter_mut().find(|n| **n == reply.reply_to)?;
        Some(core::mem::take(place))
    }

    /// Returns the number of requests that wait for a reply.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.iter().filter(|&&n| n != 0).count()
    }
}
