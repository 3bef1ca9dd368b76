//! Reads a running sender's stats without disturbing it.

use rustix::fd::BorrowedFd;

use crate::connect::endpoint::{Endpoint, PATIENCE, nanos};
use crate::connect::join;
use crate::connect::session::HandshakeError;
use crate::connect::session::driver::Greeting;
use crate::error::OsError;
use crate::peer::{Access, Credentials, Process};
use crate::send::pool::MAX_RECEIVERS;
use crate::stats::{PeerStats, Stats, SubscriberStats};
use crate::sys;

/// A view of a sender's stats. It holds a read-only mapping and nothing that the sender waits for.
///
/// ```no_run
/// use bowstring_transport::{Access, Observer};
/// let observer = Observer::attach(b"/run/user/1000/ticks.sock", Access::SameUser)?;
/// println!("{} messages to {} receivers", observer.stats().messages, observer.stats().receivers);
/// # Ok::<(), bowstring_transport::HandshakeError>(())
/// ```
#[derive(Debug)]
pub struct Observer {
    stats_region: PeerStats,
    id: RegionId,
    process: Process,
    greeting: Greeting,
}

/// Tells the stats of one sender from those of another, whichever way they were found. Compare it only with those of
/// senders that still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegionId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl RegionId {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<RegionId, OsError> {
        let stat = sys::stat(fd)?;
        Ok(RegionId { device: stat.st_dev as u64, inode: stat.st_ino as u64 })
    }
}

impl Observer {
    /// Attaches to the sender that listens there.
    pub fn attach<'e>(to: impl Into<Endpoint<'e>>, access: Access<'_>) -> Result<Observer, HandshakeError> {
        let socket = to.into().open(PATIENCE)?;
        let (stats_region, id, process, greeting) = join::observe(socket, nanos(PATIENCE), access)?;
        Ok(Observer { stats_region, id, process, greeting })
    }

    /// Observes a sender that was found without connecting to it.
    #[cfg(feature = "std")]
    pub(crate) fn of_region(stats_region: PeerStats, id: RegionId, process: Process) -> Observer {
        Observer { stats_region, id, process, greeting: Greeting::None }
    }

    /// Returns the identity of the region that holds the stats.
    #[must_use]
    pub fn id(&self) -> RegionId {
        self.id
    }

    /// Returns the sender's greeting: for a table, its schema and hints. Empty if the sender was found by its
    /// [process](crate::running).
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns the sender's stats now. The sender updates them one by one, so two of them need not be of one moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats_region.read()
    }

    /// Returns the stats of its receivers.
    pub fn receivers(&self) -> impl Iterator<Item = SubscriberStats> {
        (0..MAX_RECEIVERS).filter_map(|place| self.stats_region.subscriber(place))
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.process.credentials()
    }

    /// Returns true if the sender's process is alive. (The connection itself ends once the stats are handed over.)
    pub fn is_alive(&self) -> Result<bool, OsError> {
        self.process.is_alive()
    }
}
