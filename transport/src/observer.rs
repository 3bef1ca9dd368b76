//! Looking at a running sender's figures without disturbing it.

use crate::error::OsError;
use crate::figures::{Figures, LaneFigures, PeerGauge};
use crate::join;
use crate::peer::{Access, Control, Credentials, Vital};
use crate::pool::MAX_LANES;
use crate::session::listen;
use crate::session::parley::{Greeting, MeetError};

/// A view of a sender's figures. It holds a read-only mapping and nothing that the sender waits for.
///
/// ```no_run
/// use bowstring_transport::{Access, Observer};
/// let observer = Observer::attach(b"/run/user/1000/ticks.sock", Access::SameUser)?;
/// println!("{} messages to {} receivers", observer.figures().messages, observer.figures().receivers);
/// # Ok::<(), bowstring_transport::MeetError>(())
/// ```
#[derive(Debug)]
pub struct Observer {
    gauge: PeerGauge,
    control: Control,
    greeting: Greeting,
}

impl Observer {
    /// Attaches to the sender that listens on `path`.
    pub fn attach(path: &[u8], access: Access<'_>) -> Result<Observer, MeetError> {
        Observer::over(listen::connect(path)?, access)
    }

    /// Attaches to the sender that listens on a name in the abstract namespace.
    pub fn attach_abstract(name: &[u8], access: Access<'_>) -> Result<Observer, MeetError> {
        Observer::over(listen::connect_abstract(name)?, access)
    }

    fn over(socket: rustix::fd::OwnedFd, access: Access<'_>) -> Result<Observer, MeetError> {
        let patience = u64::try_from(crate::incoming::PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let (gauge, control, greeting) = join::observe(socket, patience, access)?;
        Ok(Observer { gauge, control, greeting })
    }

    /// Returns what the sender greeted this observer with: for a table, its schema and hints.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// The sender's figures now. They are counted by the sender, one by one: two of them need not be of one moment.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.gauge.read()
    }

    /// The figures of its receivers.
    pub fn receivers(&self) -> impl Iterator<Item = LaneFigures> {
        (0..MAX_LANES).filter_map(|place| self.gauge.lane(place))
    }

    /// The sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.control.credentials()
    }

    /// Whether the sender's process still lives. (The connection itself ends once the figures are handed over.)
    pub fn is_alive(&self) -> Result<bool, OsError> {
        Ok(self.control.vital()? != Vital::Dead)
    }
}
