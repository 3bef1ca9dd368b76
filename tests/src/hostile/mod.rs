//! The ways to speak the protocol wrongly: a table. Each row names whom it is played to, what is done, and the typed
//! error that the victim must end with, as `Debug` prints it.

mod both;
mod descriptors;
mod handshake;
mod observer;
mod receivers;
mod scribble;
mod sealed;
mod senders;

use std::borrow::Cow;

pub use scribble::attempts;

use crate::raw::Socket;

/// Whom the misbehaviour is played to, and where its error shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A sender that listens: the outcome of `Sender::accept_socket`.
    ListeningSender,
    /// A sender that connects: the outcome of `Sender::connect_socket`.
    ConnectingSender,
    /// A receiver that listens: the outcome of `Connector::accept_socket`.
    ListeningReceiver,
    /// A receiver that connects: the outcome of `Connector::connect_socket`.
    ConnectingReceiver,
    /// Who listens to send and to receive: the outcome of `Sender::accept_socket_both`.
    ListeningBoth,
    /// Who connects to send and to receive: the outcome of `Sender::connect_both_over`.
    ConnectingBoth,
    /// An observer: the outcome of `Observer::attach`, whose stats are read if it attached.
    Observer,
    /// A sender with an open channel that may skip the hostile receiver: how the channel ends.
    Sender,
    /// A sender with an open channel that cuts the hostile receiver off for holding too much: how the channel ends.
    ImpatientSender,
    /// A receiver that copies out of slots: the error of `recv`.
    Receiver,
    /// As `Receiver`, but it sleeps by `arm` and `disarm`, which read the socket.
    PollingReceiver,
    /// A receiver of sealed messages: the error of `recv`.
    SealedReceiver,
}

impl Victim {
    /// Returns true if the error is one of the handshake.
    #[must_use]
    pub fn is_meeting(self) -> bool {
        matches!(
            self,
            Victim::ListeningSender
                | Victim::ConnectingSender
                | Victim::ListeningReceiver
                | Victim::ConnectingReceiver
                | Victim::ListeningBoth
                | Victim::ConnectingBoth
                | Victim::Observer
        )
    }
}

/// A row of the table.
pub struct Case {
    /// What is done, in words. Different for every row of the same victim.
    pub name: Cow<'static, str>,
    /// To whom.
    pub victim: Victim,
    /// What the hostile process does with its end of the connection. When it returns, a handshake is waited out until
    /// the victim hangs up, and an open channel is left without a word.
    pub act: Box<dyn Fn(&Socket) + Send + Sync>,
    /// How the victim ends: its error as `Debug` prints it, or several with `" or "` between them.
    pub ends: Cow<'static, str>,
    /// Why this host cannot play it, if it cannot.
    pub unplayable: Option<String>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.title())
    }
}

impl Case {
    fn new(
        victim: Victim,
        name: impl Into<Cow<'static, str>>,
        ends: impl Into<Cow<'static, str>>,
        act: impl Fn(&Socket) + Send + Sync + 'static,
    ) -> Case {
        Case { name: name.into(), victim, act: Box::new(act), ends: ends.into(), unplayable: None }
    }

    /// Victim and name: unique in the table.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{:?}: {}", self.victim, self.name)
    }

    /// Returns true if `end` is one that the row allows.
    #[must_use]
    pub fn allows(&self, end: &str) -> bool {
        self.ends.split(" or ").any(|allowed| allowed == end)
    }
}

/// Returns the whole table.
#[must_use]
pub fn table() -> Vec<Case> {
    let mut all = Vec::new();
    handshake::add(&mut all);
    both::add(&mut all);
    observer::add(&mut all);
    descriptors::add(&mut all);
    receivers::add(&mut all);
    scribble::add(&mut all);
    senders::add(&mut all);
    sealed::add(&mut all);
    all
}
