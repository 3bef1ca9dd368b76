//! The table of protocol violations. Each row names the victim, the violation, and the error that the victim must end
//! with, as `Debug` prints it.

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

/// The victim, and where its error shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A sender that listens: the outcome of `Sender::accept`.
    ListeningSender,
    /// A sender that connects: the outcome of `Sender::connect`.
    ConnectingSender,
    /// A receiver that listens: the outcome of `Connector::accept`.
    ListeningReceiver,
    /// A receiver that connects: the outcome of `Connector::connect`.
    ConnectingReceiver,
    /// A side that listens to send and to receive: the outcome of `Sender::accept`, both ways.
    ListeningBoth,
    /// A side that connects to send and to receive: the outcome of `Sender::connect`, both ways.
    ConnectingBoth,
    /// An observer: the outcome of `Observer::attach`, whose stats are read if it attached.
    Observer,
    /// A sender with an open channel that may skip the hostile receiver: how the channel ends.
    Sender,
    /// A sender with an open channel that cuts the hostile receiver off for holding too much: how the channel ends.
    ImpatientSender,
    /// A receiver that copies out of slots: the error of `recv`.
    Receiver,
    /// Like `Receiver`, but it sleeps by `arm` and `disarm`, which read the socket.
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
    /// The violation, in words; unique among the rows of the same victim.
    pub name: Cow<'static, str>,
    /// The victim.
    pub victim: Victim,
    /// Plays the hostile process on its end of the connection. When it returns, the test waits until the victim ends
    /// the handshake, or leaves an open channel without a word.
    pub act: Box<dyn Fn(&Socket) + Send + Sync>,
    /// The victim's error as `Debug` prints it, or several with `" or "` between them.
    pub ends: Cow<'static, str>,
    /// The reason, if this host cannot play it.
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

    /// Returns victim and name: unique in the table.
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
