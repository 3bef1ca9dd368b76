//! The listening side of a handshake; it goes as far as it can without waiting.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{BorrowedFd, OwnedFd};

use super::regions::{Ours, Theirs};
use super::{Joined, build, parameters};
use crate::connect::pending::Terms;
use crate::connect::session::driver::{Driver, Greeting};
use crate::connect::session::machine::{Agreement, ListenerHeard, ListenerSide};
use crate::connect::session::wire::{Kind, Parameters, Past, WireFault};
use crate::connect::session::{ConnectRequest, Decision, HandshakeError, Refusal, RefusalCode, listen};
use crate::peer::Access;
use crate::send::fanout::Fanout;
use crate::sys;

/// Performs the handshake over a connected socket as the listening side; waits for the other.
pub(crate) fn accept<'g>(
    socket: OwnedFd,
    terms: Terms<'_>,
    mut fanout: Option<&mut Fanout>,
    answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
) -> Result<Joined, HandshakeError> {
    let parameters = parameters(fanout.as_deref(), terms.wants, false);
    let mut joining = Joining::new(listen::connected(socket)?, parameters, terms.patience)?;
    loop {
        match joining.advance(terms.access, fanout.as_deref_mut(), answer)? {
            Step::In(joined) => return Ok(joined),
            // An observer came and has what it wanted.
            Step::Done => return Err(HandshakeError::Declined(RefusalCode::NoReceiver)),
            Step::Waiting => {
                sys::poll(&mut [PollFd::new(&joining.socket(), PollFlags::IN)], 10_000_000)?;
            }
        }
    }
}

/// A connection in handshake.
#[derive(Debug)]
pub(crate) struct Joining {
    driver: Driver<ListenerSide>,
    ours: Option<Ours>,
}

/// The progress of a connection.
#[derive(Debug)]
pub(crate) enum Step {
    /// It waits for the other side.
    Waiting,
    /// It is complete and needs nothing more: an observer that has the stats.
    Done,
    /// It has connected.
    In(Joined),
}

impl Joining {
    /// Starts the handshake of an accepted connection. `ours` are this side's parameters.
    pub(crate) fn new(socket: OwnedFd, ours: Parameters, patience: u64) -> Result<Joining, HandshakeError> {
        Ok(Joining { driver: Driver::new(socket, ListenerSide::new(ours), patience)?, ours: None })
    }

    /// Returns true if it has said nothing yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.driver.machine.is_silent()
    }

    /// Returns the nanoseconds until this side gives up.
    pub(crate) fn left(&self) -> u64 {
        self.driver.left()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.driver.control.socket()
    }

    /// Goes as far as possible without waiting.
    pub(crate) fn advance<'g>(
        &mut self,
        access: Access<'_>,
        mut fanout: Option<&mut Fanout>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Step, HandshakeError> {
        loop {
            let Some(heard) = self.driver.hear()? else { return Ok(Step::Waiting) };
            let step = match heard {
                ListenerHeard::Hello(theirs) => self.welcome(theirs, access, fanout.as_deref(), answer),
                ListenerHeard::Attach(agreement, past) => {
                    self.finish(&agreement, past, fanout.as_deref_mut())
                }
            };
            match step.inspect_err(|e| self.driver.tell(e))? {
                Step::Waiting => {}
                done => return Ok(done),
            }
        }
    }

    fn welcome<'g>(
        &mut self,
        theirs: Parameters,
        access: Access<'_>,
        fanout: Option<&Fanout>,
        answer: &mut dyn FnMut(&ConnectRequest<'_>) -> Decision<'g>,
    ) -> Result<Step, HandshakeError> {
        let peer = self.driver.control.credentials();
        access.check(peer.uid)?;
        if !theirs.observer && fanout.is_some_and(|fanout| !fanout.has_place()) {
            return Err(HandshakeError::Full);
        }
        if theirs.observer && fanout.is_none() {
            return Err(HandshakeError::Declined(RefusalCode::NoSender));
        }
        let (welcome, agreement) = self.driver.machine.decide(theirs).map_err(HandshakeError::Declined)?;
        let request = ConnectRequest { peer, greeting: &self.driver.greeting, observer: theirs.observer };
        let greeting = match answer(&request) {
            Decision::Welcome(greeting) => greeting,
            Decision::Refuse(reason) => {
                self.driver.refuse(RefusalCode::Application, reason);
                return Err(HandshakeError::Refused(Refusal::ours(reason)));
            }
        };
        if let (true, Some(fanout)) = (agreement.observer, fanout) {
            fanout.show();
            self.driver.introduce(Kind::Welcome, welcome, greeting, &[fanout.stats_region.fd()])?;
            return Ok(Step::Done);
        }
        let ours = Ours::make(&agreement, fanout)?;
        ours.with_descriptors(fanout, |fds| self.driver.introduce(Kind::Welcome, welcome, greeting, fds))?;
        self.ours = Some(ours);
        Ok(Step::Waiting)
    }

    fn finish(
        &mut self,
        agreement: &Agreement,
        past: Past,
        fanout: Option<&mut Fanout>,
    ) -> Result<Step, HandshakeError> {
        let second = match agreement.is_duplex() {
            true => Some(listen::connected(self.driver.fds.take()?).map_err(|e| match e {
                HandshakeError::WrongSocket => WireFault::Socket.into(),
                other => other,
            })?),
            false => None,
        };
        let ours = self.ours.take().ok_or(HandshakeError::Internal("an ATTACH before its WELCOME"))?;
        if fanout.as_ref().is_some_and(|fanout| !fanout.has_place()) {
            return Err(HandshakeError::Full);
        }
        let theirs = Theirs::attach(&mut self.driver, agreement, &ours)?;
        // The rest of the conversation happens on the channel itself: the driver keeps a duplicate to send START on.
        let control = self.driver.control.beside(sys::duplicate(self.driver.control.socket())?)?;
        let sockets = match second {
            Some(second) => (Some(control), Some(self.driver.control.beside(second)?)),
            None if agreement.outgoing.is_some() => (Some(control), None),
            None => (None, Some(control)),
        };
        let greeting = core::mem::replace(&mut self.driver.greeting, Greeting::None);
        let ready = build(agreement, ours, theirs, greeting, past, sockets, fanout.as_deref())?;
        // A failure up to here is sent as a refusal. START then precedes the first message.
        let past = fanout.as_ref().map_or(Past::default(), |fanout| fanout.past);
        self.driver.say(Kind::Start, agreement.features, past, &[])?;
        Ok(Step::In(ready.open(fanout)?))
    }
}
