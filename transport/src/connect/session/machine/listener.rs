//! The side that listens.

use super::{Agreement, Past, RefusalCode, Stop, agree, descriptors, refused};
use crate::connect::session::wire::{self, Kind, Parameters, WireFault};

/// The listener's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerHeard {
    /// The connector's parameters; decide with [`ListenerSide::decide`].
    Hello(Parameters),
    /// The connector's descriptors; carries what the connector sent before.
    Attach(Agreement, Past),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitHello,
    /// The parameters have come and the application decides.
    Deciding,
    AwaitAttach(Agreement),
    Over,
}

/// The listener's handshake, from the accepted connection on.
#[derive(Clone, Debug)]
pub struct ListenerSide {
    ours: Parameters,
    state: State,
}

impl ListenerSide {
    /// Starts a handshake with this side's parameters.
    #[must_use]
    pub fn new(ours: Parameters) -> ListenerSide {
        ListenerSide { ours, state: State::AwaitHello }
    }

    /// Returns the name of the awaited datagram.
    #[must_use]
    pub fn awaiting(&self) -> &'static str {
        match self.state {
            State::AwaitHello => "HELLO",
            State::AwaitAttach(_) => "ATTACH",
            State::Deciding | State::Over => "nothing",
        }
    }

    /// Returns true until the connector has said something.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.state == State::AwaitHello
    }

    /// Handles a datagram that came with `found` descriptors.
    pub fn hear(&mut self, datagram: &[u8], found: usize) -> Result<ListenerHeard, Stop> {
        let state = core::mem::replace(&mut self.state, State::Over);
        match (wire::kind(datagram)?, state) {
            (Kind::Refuse, State::AwaitHello | State::AwaitAttach(_)) => Err(refused(datagram, found)),
            (Kind::Hello, State::AwaitHello) => {
                let parameters = Parameters::decode(datagram)?;
                descriptors(found, usize::from(parameters.greeting_in_descriptor))?;
                self.state = State::Deciding;
                Ok(ListenerHeard::Hello(parameters))
            }
            (Kind::Attach, State::AwaitAttach(agreement)) => {
                let past = wire::read_opening(datagram, agreement.features)?;
                descriptors(found, agreement.descriptors_in() + usize::from(agreement.is_duplex()))?;
                Ok(ListenerHeard::Attach(agreement, past))
            }
            (kind, _) => Err(WireFault::Unexpected(kind).into()),
        }
    }

    /// Decides on the parameters that were received. Returns the WELCOME to send, without its greeting, and the
    /// resulting agreement; or the code to refuse with.
    pub fn decide(&mut self, theirs: Parameters) -> Result<(Parameters, Agreement), RefusalCode> {
        debug_assert_eq!(self.state, State::Deciding, "decided before a HELLO");
        self.state = State::Over;
        let (welcome, agreement) = agree(&self.ours, theirs)?;
        if !agreement.observer {
            self.state = State::AwaitAttach(agreement);
        }
        Ok((welcome, agreement))
    }
}
