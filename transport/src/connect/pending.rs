//! Connections on their way in. They are heard side by side, so that one that says nothing keeps nobody else waiting.
//!
//! There are a few places, and whoever floods them must not keep others out: when all are taken, the connection that
//! has had its place for longest makes room, if it has said nothing yet or is slow to go on. An honest connector speaks
//! at once, and what it has said is heard before anybody is turned out.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use crate::connect::join::{self, Joined, Joining, Step, Wants};
use crate::connect::session::Listener;
use crate::connect::session::driver::{ConnectRequest, Decision, HandshakeError, refuse_for_want};
use crate::error::OsError;
use crate::peer::Access;
use crate::send::fanout::Fanout;
use crate::sys;
use crate::wait::Waits;

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
    /// A descriptor kept back: once this process has no other left, a connection is accepted in its place, and refused.
    spare: Option<OwnedFd>,
}

impl PendingHandshakes {
    pub(crate) const fn new() -> PendingHandshakes {
        PendingHandshakes { places: [const { None }; PLACES], spare: None }
    }

    /// Keeps a descriptor back, a duplicate of `any`.
    pub(crate) fn with_spare(any: BorrowedFd<'_>) -> Result<PendingHandshakes, OsError> {
        Ok(PendingHandshakes { spare: Some(sys::duplicate(any)?), ..PendingHandshakes::new() })
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.iter().flatten().count()
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
            let socket = match listener.next() {
                Ok(Some(socket)) => socket,
                Ok(None) => break,
                Err(e) if is_want(e) => return self.make_do(listener, e).map(|e| Some(Err(e))),
                Err(e) => return Err(e),
            };
            let card = join::card(fanout.as_deref(), terms.wants, false);
            self.places[place] = match Joining::new(socket, card, terms.patience) {
                Ok(joining) => Some(Place { joining, since: now }),
                Err(e) => {
                    self.turn_out(now);
                    return Ok(Some(Err(e)));
                }
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

    /// No descriptor is left to accept with: a connection that says nothing makes room for the next, and if there is
    /// none, whoever knocks is refused. Returns what went wrong.
    fn make_do(&mut self, listener: &Listener, error: OsError) -> Result<HandshakeError, OsError> {
        if !self.turn_out(sys::now()) {
            self.spare = None;
            if let Some(socket) = listener.next()? {
                refuse_for_want(socket.as_fd());
            }
            self.spare = sys::duplicate(listener).ok();
        }
        Ok(error.into())
    }

    /// Turns out the connection that is the most dispensable, if there is one.
    fn turn_out(&mut self, now: u64) -> bool {
        let place = self.dispensable(now);
        if let Some(Place { joining, .. }) = place.and_then(|at| self.places[at].take()) {
            refuse_for_want(joining.socket());
        }
        place.is_some()
    }

    /// Returns true while connections are on their way in.
    pub(crate) fn is_busy(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// A place that is free or may be taken from the connection in it.
    fn room(&self, now: u64) -> Option<usize> {
        let free = self.places.iter().position(Option::is_none);
        free.or_else(|| self.dispensable(now))
    }

    /// The place of the oldest connection that has said nothing yet, or is slow to go on.
    fn dispensable(&self, now: u64) -> Option<usize> {
        let taken = self.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_ref()?)));
        let dispensable =
            |place: &Place| place.joining.is_silent() || now.saturating_sub(place.since) >= GRACE;
        taken.filter(|(_, place)| dispensable(place)).min_by_key(|(_, place)| place.since).map(|(at, _)| at)
    }

    /// Sleeps until somebody knocks or speaks, for `nanos` at most.
    pub(crate) fn sleep(&self, listener: &Listener, nanos: u64) -> Result<(), OsError> {
        let mut waits = Waits::new();
        let nanos = self.wait_for(listener, &mut waits, nanos);
        waits.sleep(nanos)
    }

    /// Adds what a sleep has to wait for; returns how long it may take.
    pub(crate) fn wait_for<'a>(&'a self, listener: &'a Listener, waits: &mut Waits<'a>, nanos: u64) -> u64 {
        for place in self.places.iter().flatten() {
            waits.add(place.joining.socket());
        }
        // While nobody can be accepted, a knock is no reason to wake up.
        let free = self.room(sys::now()).is_some();
        if free {
            waits.add(listener.as_fd());
        }
        // Whoever has not gone on in time is told so.
        let due = self.places.iter().flatten().map(|place| place.joining.left()).min();
        let nanos = due.map_or(nanos, |due| nanos.min(due.max(1)));
        if free { nanos } else { nanos.min(GRACE) }
    }
}

/// Whether the process, or the host, has no descriptors left.
fn is_want(e: OsError) -> bool {
    e.is(Errno::MFILE) || e.is(Errno::NFILE)
}
