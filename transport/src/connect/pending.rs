//! Connections in handshake. They are handled side by side, so a silent one delays nobody.
//!
//! The number of places is small, and flooding them must not keep others out: when all are taken, the oldest
//! connection that has said nothing yet, or is slow to go on, is dropped. An honest connector speaks at once, and
//! what it has said is read before anybody is dropped.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use crate::connect::join::{self, Joined, Joining, Step, Wants};
use crate::connect::session::driver::refuse_for_want;
use crate::connect::session::{ConnectRequest, Decision, HandshakeError, Listener};
use crate::error::OsError;
use crate::peer::Access;
use crate::send::fanout::Fanout;
use crate::sys;
use crate::wait::Waits;

/// Connections that may be in handshake at the same time.
const PLACES: usize = 16;
/// Connections accepted between two rounds of reading from all: few enough that a newcomer is not dropped at once.
const AT_ONCE: usize = PLACES / 2;
/// The time, in nanoseconds, after which another connection can replace one that has begun to speak.
const GRACE: u64 = 100_000_000;

/// The connections to accept, and the way to do it.
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

/// The connections in handshake.
#[derive(Debug)]
pub(crate) struct PendingHandshakes {
    places: [Option<Place>; PLACES],
    /// A spare descriptor: once this process has no other left, a connection is accepted in its place, and refused.
    spare: Option<OwnedFd>,
}

impl PendingHandshakes {
    pub(crate) const fn new() -> PendingHandshakes {
        PendingHandshakes { places: [const { None }; PLACES], spare: None }
    }

    /// Keeps a spare descriptor, a duplicate of `any`.
    pub(crate) fn with_spare(any: BorrowedFd<'_>) -> Result<PendingHandshakes, OsError> {
        Ok(PendingHandshakes { spare: Some(sys::duplicate(any)?), ..PendingHandshakes::new() })
    }

    /// Returns the number of connections in handshake.
    pub(crate) fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Accepts connections and reads from all, as far as possible without waiting. Returns the next connection whose
    /// handshake has finished or failed; one that failed has been sent the reason.
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
            let parameters = join::parameters(fanout.as_deref(), terms.wants, false);
            self.places[place] = match Joining::new(socket, parameters, terms.patience) {
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

    /// Handles running out of descriptors: a silent connection makes room for the next, and if there is none, the
    /// connector is refused. Returns the error.
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

    /// Drops the most dispensable connection, if there is one.
    fn turn_out(&mut self, now: u64) -> bool {
        let place = self.dispensable(now);
        if let Some(Place { joining, .. }) = place.and_then(|at| self.places[at].take()) {
            refuse_for_want(joining.socket());
        }
        place.is_some()
    }

    /// Returns true while there are connections in handshake.
    pub(crate) fn is_busy(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// Returns a place that is free or may be taken from its connection.
    fn room(&self, now: u64) -> Option<usize> {
        let free = self.places.iter().position(Option::is_none);
        free.or_else(|| self.dispensable(now))
    }

    /// Returns the place of the oldest connection that has said nothing yet, or is slow to go on.
    fn dispensable(&self, now: u64) -> Option<usize> {
        let taken = self.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_ref()?)));
        let dispensable =
            |place: &Place| place.joining.is_silent() || now.saturating_sub(place.since) >= GRACE;
        taken.filter(|(_, place)| dispensable(place)).min_by_key(|(_, place)| place.since).map(|(at, _)| at)
    }

    /// Sleeps until a connection arrives or speaks, for `nanos` at most.
    pub(crate) fn sleep(&self, listener: &Listener, nanos: u64) -> Result<(), OsError> {
        let mut waits = Waits::new();
        let nanos = self.wait_for(listener, &mut waits, nanos);
        waits.sleep(nanos)
    }

    /// Adds the descriptors to sleep on; returns how long the sleep may last.
    pub(crate) fn wait_for<'a>(&'a self, listener: &'a Listener, waits: &mut Waits<'a>, nanos: u64) -> u64 {
        for place in self.places.iter().flatten() {
            waits.add(place.joining.socket());
        }
        // While nothing can be accepted, a new connection is no reason to wake up.
        let free = self.room(sys::now()).is_some();
        if free {
            waits.add(listener.as_fd());
        }
        // A connection that misses its deadline is sent the reason.
        let due = self.places.iter().flatten().map(|place| place.joining.left()).min();
        let nanos = due.map_or(nanos, |due| nanos.min(due.max(1)));
        if free { nanos } else { nanos.min(GRACE) }
    }
}

/// Returns true if the process, or the host, has no descriptors left.
fn is_want(e: OsError) -> bool {
    e.is(Errno::MFILE) || e.is(Errno::NFILE)
}
