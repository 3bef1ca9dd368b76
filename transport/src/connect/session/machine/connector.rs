//! The side that connects, and speaks first.

use super::{Agreement, Past, Stop, accept, descriptors, refused};
use crate::connect::session::wire::{self, Kind, Parameters, WireFault};

/// The connector's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorHeard {
    /// The listener's parameters: the agreement is made.
    Welcome(Agreement),
    /// The channel is open; carries what the listener sent before.
    Start(Past),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitWelcome,
    AwaitStart(Agreement),
    Over,
}

/// The connector's handshake, from its HELLO on.
#[derive(Clone, Debug)]
pub struct Connector {
    ours: Parameters,
    state: State,
}

impl Connector {
    /// Starts a handshake with this side's parameters.
    #[must_use]
    pub fn new(ours: Parameters) -> Connector {
        Connector { ours, state: State::AwaitWelcome }
    }

    /// Returns the name of the awaited datagram.
    #[must_use]
    pub fn awaiting(&self) -> &'static str {
        match self.state {
            State::AwaitWelcome => "WELCOME",
            State::AwaitStart(_) => "START",
            State::Over => "nothing",
        }
    }

    /// Handles a datagram that came with `found` descriptors.
    pub fn hear(&mut self, datagram: &[u8], found: usize) -> Result<ConnectorHeard, Stop> {
        let state = core::mem::replace(&mut self.state, State::Over);
        match (wire::kind(datagram)?, state) {
            (Kind::Refuse, State::AwaitWelcome | State::AwaitStart(_)) => Err(refused(datagram, found)),
            (Kind::Welcome, State::AwaitWelcome) => {
                let parameters = Parameters::decode(datagram)?;
                let agreement = accept(&self.ours, parameters)?;
                let stats_region = usize::from(agreement.observer);
                let greeting = usize::from(parameters.greeting_in_descriptor);
                descriptors(found, greeting + agreement.descriptors_in() + stats_region)?;
                self.state = State::AwaitStart(agreement);
                Ok(ConnectorHeard::Welcome(agreement))
            }
            (Kind::Start, State::AwaitStart(agreement)) => {
                let past = wire::read_opening(datagram, agreement.features)?;
                descriptors(found, 0)?;
                Ok(ConnectorHeard::Start(past))
            }
            (kind, _) => Err(WireFault::Unexpected(kind).into()),
        }
    }
}
