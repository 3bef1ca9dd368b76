//! Connections on their way in. They are heard side by side, so that one that says nothing keeps nobody else waiting.
//!
//! There are a few places, and whoever floods them must not keep others out: when all are taken, the connection that
//! has had its place for longest makes room, if it has said nothing yet or is slow to go on. An honest connector speaks
//! at once, and what it has said is heard before anybody is turned out.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd};

use crate::connect::join::{self, Joined, Joining, Step, Wants};
use crate::connect::session::Listener;
use crate::connect::session::driver::{ConnectRequest, Decision, HandshakeError};
use crate::error::OsError;
use crate::peer::Access;
use crate::send::fanout::Fanout;
use crate::sys;

/// Connections that may be on their way in at the same time.
const PLACES: usize = 16;
/// Connections accepted between two rounds of hearing everybody: few enough that a newcomer is not turned out at once.
const AT_ONCE: usize = PLACES / 2;
/// How long a connection that has begun to speak may take before it can be turned out for another.
const GRACE: u64 = 100_000_000;

/// Whom to let in, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) access: Access<'a>,
    pub(crate) wants: Option<&'a Wants>,
    /// Nanoseconds that a handshake may take.
    pub(crate) patience: u64,
}

#[derive(Debug)]
struct Place {
    joining: Joining,
    since: u64,
}

/// The connections on their way in.
#[derive(Debug)]
pub(crate) struct PendingHandshakes {
    places: [Option<Place>; PLACES],
}

impl PendingHandshakes {
    pub(crate) const fn new() -> PendingHandshakes {
        PendingHandshakes { places: [const { None }; PLACES] }
    }

    /// Accepts who knocks and hears who speaks, as far as that goes without waiting. Answers the next connection that
    /// has come in or failed; one that failed has been told why.
    pub(crate) fn poll_accept<'g>(
        &mut self,
        listener: &Listener,
        terms: Terms<'_>,
        mut fanout: Option<&mut Fanout>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Option<Result<Joined, HandshakeError>>, OsError> {
        if let Some(outcome) = self.hear(terms, fanout.as_deref_mut(), answer) {
            return Ok(Some(outcome));
        }
        for _ in 0..AT_ONCE {
            let now = sys::now();
            let Some(place) = self.room(now) else { break };
            let Some(socket) = listener.next()? else { break };
            let card = join::card(fanout.as_deref(), terms.wants, false);
            self.places[place] = match Joining::new(socket, card, terms.patience) {
                Ok(joining) => Some(Place { joining, since: now }),
                Err(e) => return Ok(Some(Err(e))),
            };
        }
        Ok(self.hear(terms, fanout, answer))
    }

    fn hear<'g>(
        &mut self,
        terms: Terms<'_>,
        mut fanout: Option<&mut Fanout>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Option<Result<Joined, HandshakeError>> {
        for place in &mut self.places {
            let Some(Place { joining, .. }) = place else { continue };
            let outcome = match joining.advance(terms.access, fanout.as_deref_mut(), answer) {
                Ok(Step::Waiting) => continue,
                Ok(Step::Done) => None,
                Ok(Step::In(joined)) => Some(Ok(joined)),
                Err(e) => Some(Err(e)),
            };
            *place = None;
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    /// A place that is free or may be taken from the connection in it.
    fn room(&self, now: u64) -> Option<usize> {
        let free = self.places.iter().position(Option::is_none);
        free.or_else(|| {
            let taken = self.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_ref()?)));
            let dispensable =
                |place: &Place| place.joining.is_silent() || now.saturating_sub(place.since) >= GRACE;
            taken
                .filter(|(_, place)| dispensable(place))
                .min_by_key(|(_, place)| place.since)
                .map(|(at, _)| at)
        })
    }

    /// Sleeps until somebody knocks or speaks, for `nanos` at most.
    pub(crate) fn sleep(&self, listener: &Listener, nanos: u64) -> Result<(), OsError> {
        let knocks = listener.as_fd();
        // While nobody can be accepted, a knock is no reason to wake up.
        let (rest, nanos) = match (self.room(sys::now()), self.places.iter().flatten().next()) {
            (None, Some(place)) => (place.joining.socket(), nanos.min(GRACE)),
            _ => (knocks, nanos),
        };
        let fds: [BorrowedFd<'_>; PLACES + 1] = core::array::from_fn(|i| match self.places.get(i) {
            Some(Some(place)) => place.joining.socket(),
            _ => rest,
        });
        let mut polled: [PollFd<'_>; PLACES + 1] =
            core::array::from_fn(|i| PollFd::new(&fds[i], PollFlags::IN));
        sys::poll(&mut polled, nanos).map(drop)
    }
}
