//! Both directions over one connection: requests one way, replies the other.
//!
//! A connection with two directions is two channels, each with its own pool and its own socket. A reply names the
//! number of its request ([`Label::reply_to`](crate::Label)); [`Calls`] tracks the open ones.
//! [`HandshakeConfig::both_ways`](crate::HandshakeConfig::both_ways) asks for such a connection.

use crate::receive::lease::Meta;
use crate::send::fanout::publish::Receipt;

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
