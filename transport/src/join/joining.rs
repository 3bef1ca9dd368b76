//! The side that listens; it goes as far as it can without waiting.

use rustix::fd::{BorrowedFd, OwnedFd};

use super::regions::{Ours, Theirs};
use super::{Joined, build};
use crate::hub::Hub;
use crate::peer::Access;
use crate::session::machine::{Agreement, Heard, Side};
use crate::session::parley::{Greeting, Parley};
use crate::session::wire::{Card, Kind, WireFault};
use crate::session::{Answer, Knock, MeetError, Refusal, RefusalCode, listen};
use crate::sys;

/// A connection that has knocked and is on its way in.
#[derive(Debug)]
pub(crate) struct Joining {
    parley: Parley,
    ours: Option<Ours>,
}

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Step {
    /// It waits for the other side.
    Waiting,
    /// It is done and needs nothing more: an observer that has what it came for.
    Done,
    /// It is in.
    In(Joined),
}

impl Joining {
    /// Begins to listen to a connection that was accepted. `ours` is this side's card.
    pub(crate) fn new(socket: OwnedFd, ours: Card, patience: u64) -> Result<Joining, MeetError> {
        Ok(Joining { parley: Parley::new(socket, Side::Listener, ours, patience)?, ours: None })
    }

    /// Whether it has said nothing yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.parley.machine.is_silent()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.parley.control.socket()
    }

    /// Goes as far as it can without waiting.
    pub(crate) fn advance<'g>(
        &mut self,
        access: Access<'_>,
        mut hub: Option<&mut Hub>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Step, MeetError> {
        loop {
            let Some(heard) = self.parley.hear()? else { return Ok(Step::Waiting) };
            let step = match heard {
                Heard::Hello(theirs) => self.welcome(theirs, access, hub.as_deref(), answer),
                Heard::Attach(agreement) => self.finish(&agreement, hub.as_deref_mut()),
                Heard::Welcome(_) | Heard::Start(_) | Heard::Refused(_) => Err(MeetError::HungUp),
            };
            match step.inspect_err(|e| self.parley.tell(e))? {
                Step::Waiting => {}
                done => return Ok(done),
            }
        }
    }

    fn welcome<'g>(
        &mut self,
        theirs: Card,
        access: Access<'_>,
        hub: Option<&Hub>,
        answer: &mut dyn FnMut(&Knock<'_>) -> Answer<'g>,
    ) -> Result<Step, MeetError> {
        let peer = self.parley.control.credentials();
        if !access.permits(peer.uid) {
            return Err(MeetError::Denied { uid: peer.uid });
        }
        if !theirs.observer && hub.is_some_and(|hub| !hub.has_place()) {
            return Err(MeetError::Full);
        }
        if theirs.observer && hub.is_none() {
            return Err(MeetError::Declined(RefusalCode::NoSender));
        }
        let (welcome, agreement) = self.parley.machine.decide(theirs).map_err(MeetError::Declined)?;
        let knock = Knock { peer, greeting: &self.parley.greeting, observer: theirs.observer };
        let greeting = match answer(&knock) {
            Answer::Welcome(greeting) => greeting,
            Answer::Refuse(reason) => {
                self.parley.refuse(RefusalCode::Application, reason);
                return Err(MeetError::Refused(Refusal::ours(reason)));
            }
        };
        if let (true, Some(hub)) = (agreement.observer, hub) {
            hub.show();
            self.parley.introduce(Kind::Welcome, welcome, greeting, &[hub.gauge.fd()])?;
            return Ok(Step::Done);
        }
        let ours = Ours::make(&agreement, hub)?;
        ours.with_descriptors(hub, |fds| self.parley.introduce(Kind::Welcome, welcome, greeting, fds))?;
        self.ours = Some(ours);
        Ok(Step::Waiting)
    }

    fn finish(&mut self, agreement: &Agreement, hub: Option<&mut Hub>) -> Result<Step, MeetError> {
        let second = match agreement.is_duplex() {
            true => Some(listen::connected(self.parley.fds.take()?).map_err(|e| match e {
                MeetError::WrongSocket => WireFault::Socket.into(),
                other => other,
            })?),
            false => None,
        };
        let Some(ours) = self.ours.take() else { return Err(MeetError::HungUp) };
        if hub.as_ref().is_some_and(|hub| !hub.has_place()) {
            return Err(MeetError::Full);
        }
        let theirs = Theirs::attach(&mut self.parley, agreement, &ours)?;
        // The rest of the conversation happens on the channel itself: the parley keeps a duplicate to say START on.
        let control = self.parley.control.beside(sys::duplicate(self.parley.control.socket())?)?;
        let sockets = match second {
            Some(second) => (Some(control), Some(self.parley.control.beside(second)?)),
            None if agreement.outgoing.is_some() => (Some(control), None),
            None => (None, Some(control)),
        };
        let greeting = core::mem::replace(&mut self.parley.greeting, Greeting::None);
        let ready = build(agreement, ours, theirs, greeting, sockets, hub.as_deref())?;
        // What fails until here is told as a refusal. START then goes ahead of the first message.
        self.parley.say(Kind::Start, &[])?;
        Ok(Step::In(ready.open(hub)?))
    }
}
