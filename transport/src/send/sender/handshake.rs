//! The configuration of a sender's side of the handshake.

use core::fmt;
use core::time::Duration;

use crate::connect::connector::Connector;
use crate::connect::endpoint::{PATIENCE, nanos};
use crate::connect::join::Wants;
use crate::connect::pending::Terms;
use crate::connect::session::{ConnectRequest, Decision};
use crate::peer::Access;
use crate::wait::Wait;

/// The configuration of a sender's side of the handshake.
///
/// ```
/// use bowstring_transport::{Access, HandshakeConfig, Wait};
/// use core::time::Duration;
/// // For receivers of two users; gives up after a minute without one.
/// let config = HandshakeConfig::new(b"ticks")
///     .access(Access::Users(&[1000, 1001]))
///     .wait(Wait::sleeping().at_most(Duration::from_secs(60)));
/// # let _ = config;
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct HandshakeConfig<'a> {
    pub(super) access: Access<'a>,
    pub(super) greeting: &'a [u8],
    pub(super) patience: Duration,
    pub(super) wait: Wait,
    pub(super) wants: Option<Wants>,
    decide: Option<&'a dyn Fn(&ConnectRequest<'_>) -> Decision<'a>>,
}

impl<'a> HandshakeConfig<'a> {
    /// Creates a configuration with a greeting for the other application.
    pub const fn new(greeting: &'a [u8]) -> HandshakeConfig<'a> {
        let access = Access::SameUser;
        let wait = Wait::sleeping();
        HandshakeConfig { access, greeting, patience: PATIENCE, wait, wants: None, decide: None }
    }

    /// Creates a configuration for both directions: this program receives from the other side too. Takes over what
    /// `receiving` says: how to receive, the greeting, the users and the patience.
    pub const fn both_ways(receiving: &Connector<'a>) -> HandshakeConfig<'a> {
        let Connector { wants, access, greeting, patience } = *receiving;
        HandshakeConfig { access, patience, wants: Some(wants), ..HandshakeConfig::new(greeting) }
    }

    /// Sets which users to talk to; by default, the same user only.
    pub const fn access(self, access: Access<'a>) -> HandshakeConfig<'a> {
        HandshakeConfig { access, ..self }
    }

    /// Sets how long the other side may take; two seconds by default.
    pub const fn patience(self, patience: Duration) -> HandshakeConfig<'a> {
        HandshakeConfig { patience, ..self }
    }

    /// Sets how long to wait at a listener until somebody connects; by default, forever.
    pub const fn wait(self, wait: Wait) -> HandshakeConfig<'a> {
        HandshakeConfig { wait, ..self }
    }

    /// Sets a function that decides, while accepting, on each connector of a permitted user. Its greeting replaces that of
    /// the configuration.
    pub const fn decide(
        self,
        decide: &'a dyn Fn(&ConnectRequest<'_>) -> Decision<'a>,
    ) -> HandshakeConfig<'a> {
        HandshakeConfig { decide: Some(decide), ..self }
    }

    pub(super) fn decision(&self, request: &ConnectRequest<'_>) -> Decision<'a> {
        self.decide.map_or(Decision::Welcome(self.greeting), |decide| decide(request))
    }

    pub(super) fn terms(&self) -> Terms<'_> {
        Terms { access: self.access, wants: self.wants.as_ref(), patience: nanos(self.patience) }
    }
}

impl fmt::Debug for HandshakeConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeConfig")
            .field("access", &self.access)
            .field("greeting", &self.greeting)
            .field("patience", &self.patience)
            .field("wait", &self.wait)
            .field("wants", &self.wants)
            .finish_non_exhaustive()
    }
}
