//! How a sender's receivers are let in: over a listener, by connecting, or over a socket that is there already.

use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;

use super::{Inner, Sender};
use crate::hub::LaneId;
use crate::incoming::{Incoming, PATIENCE};
use crate::join::{self, Joined, Joining, Step, Wants};
use crate::lobby::Terms;
use crate::peer::Access;
use crate::session::{Answer, Knock, Listener, MeetError, listen};
use crate::sys;
use crate::wait::{Step as Next, Wait, Waiting};

/// A receiver that has come in.
#[derive(Debug)]
pub struct Arrival {
    /// Its place.
    pub receiver: LaneId,
    /// The channel towards this program, if both directions were agreed to.
    pub(crate) incoming: Option<Incoming>,
}

/// How a sender introduces itself to a receiver over a connection.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Introduction<'a> {
    access: Access<'a>,
    greeting: &'a [u8],
    patience: Duration,
}

impl<'a> Introduction<'a> {
    /// Says `greeting` to the other application.
    pub const fn new(greeting: &'a [u8]) -> Introduction<'a> {
        Introduction { access: Access::SameUser, greeting, patience: PATIENCE }
    }

    /// Whom to talk to; by default, processes of the same user.
    pub const fn access(self, access: Access<'a>) -> Introduction<'a> {
        Introduction { access, ..self }
    }

    /// How long the other side may take; by default two seconds.
    pub const fn patience(self, patience: Duration) -> Introduction<'a> {
        Introduction { patience, ..self }
    }
}

impl Sender {
    /// Lets in whoever knocks, as far as that goes without waiting, and takes back what the dead still held. Call it
    /// now and then; a connection that says nothing costs nobody else anything.
    ///
    /// `answer` decides on each connector and says what to greet it with.
    pub fn tend<'g>(
        &mut self,
        listener: &Listener,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        self.tend_as(listener, Access::SameUser, None, answer)
    }

    /// As [`tend`](Self::tend), for receivers of other users too.
    pub fn tend_for<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        self.tend_as(listener, access, None, answer)
    }

    pub(crate) fn tend_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Option<Arrival>, MeetError> {
        let Inner { hub, lobby, patience } = &mut *self.inner;
        hub.reap_if_due()?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let terms = Terms { access, wants, patience };
        loop {
            match lobby.tend(listener, terms, Some(hub), answer)? {
                None => return Ok(None),
                Some(Ok(joined)) => return arrival(joined).map(Some),
                // A connector that fails is its own trouble.
                Some(Err(_)) => {}
            }
        }
    }

    /// Waits until a receiver has come in.
    pub fn accept<'g>(
        &mut self,
        listener: &Listener,
        wait: Wait,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Arrival, MeetError> {
        self.accept_as(listener, Access::SameUser, None, wait, answer)
    }

    pub(crate) fn accept_as<'g>(
        &mut self,
        listener: &Listener,
        access: Access<'_>,
        wants: Option<&Wants>,
        wait: Wait,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Arrival, MeetError> {
        let mut waiting = Waiting::begin(wait.spins(0));
        loop {
            if let Some(arrival) = self.tend_as(listener, access, wants, answer)? {
                return Ok(arrival);
            }
            match waiting.step() {
                Next::TimedOut => return Err(MeetError::TimedOut("a connection")),
                Next::Sleep(nanos) => self.inner.lobby.sleep(listener, nanos)?,
                Next::Look | Next::Glance | Next::Watch => {}
            }
        }
    }

    /// Connects to a receiver that listens on `path`.
    pub fn connect(&mut self, path: &[u8], meeting: &Introduction<'_>) -> Result<Arrival, MeetError> {
        self.connect_over(listen::connect(path)?, meeting)
    }

    /// Connects to a receiver that listens on a name in the abstract namespace.
    pub fn connect_abstract(
        &mut self,
        name: &[u8],
        meeting: &Introduction<'_>,
    ) -> Result<Arrival, MeetError> {
        self.connect_over(listen::connect_abstract(name)?, meeting)
    }

    /// Meets a receiver over a connected socket, as the side that speaks first. The receiver must listen: see
    /// [`Meeting::hear_out`](crate::Meeting::hear_out).
    pub fn connect_over(
        &mut self,
        socket: OwnedFd,
        meeting: &Introduction<'_>,
    ) -> Result<Arrival, MeetError> {
        self.connect_as(socket, meeting.access, meeting.greeting, meeting.patience, None)
    }

    pub(crate) fn connect_as(
        &mut self,
        socket: OwnedFd,
        access: Access<'_>,
        greeting: &[u8],
        patience: Duration,
        wants: Option<&Wants>,
    ) -> Result<Arrival, MeetError> {
        let socket = listen::connected(socket)?;
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        arrival(join::connect(socket, patience, access, greeting, Some(&mut self.inner.hub), wants)?)
    }

    /// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has, as the side that
    /// listens. The receiver connects with [`Meeting::over`](crate::Meeting::over).
    pub fn meet(&mut self, socket: OwnedFd, introduction: &Introduction<'_>) -> Result<Arrival, MeetError> {
        self.meet_as(socket, introduction, None)
    }

    pub(crate) fn meet_as(
        &mut self,
        socket: OwnedFd,
        introduction: &Introduction<'_>,
        wants: Option<&Wants>,
    ) -> Result<Arrival, MeetError> {
        let socket = listen::connected(socket)?;
        let hub = &mut self.inner.hub;
        let patience = u64::try_from(introduction.patience.as_nanos()).unwrap_or(u64::MAX);
        let mut joining = Joining::new(socket, join::card(Some(hub), wants, false), patience)?;
        let answer = &mut |_: &Knock<'_>| Answer::Welcome(introduction.greeting);
        loop {
            match joining.advance(introduction.access, Some(hub), answer)? {
                Step::In(joined) => return arrival(joined),
                Step::Done => return Err(MeetError::HungUp),
                Step::Waiting => {
                    sys::poll(&mut [PollFd::new(&joining.socket(), PollFlags::IN)], 10_000_000)?;
                }
            }
        }
    }

    /// How long a connection may take for the handshake; two seconds unless said otherwise.
    pub fn set_patience(&mut self, patience: Duration) {
        self.inner.patience = patience;
    }
}

fn arrival(joined: Joined) -> Result<Arrival, MeetError> {
    let Joined { lane, incoming } = joined;
    Ok(Arrival { receiver: lane.ok_or(MeetError::HungUp)?, incoming })
}
