//! Waits for a socket to appear at a path, asleep.

use core::time::Duration;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use crate::error::OsError;
use crate::sys;
use crate::wait::Waits;

/// The first pause after something has appeared: its owner may still be about to listen. Later pauses double.
const FIRST_PAUSE: u64 = 1_000_000;
const PAUSES: u32 = 10;
/// The pause between two checks where the kernel cannot watch.
const BLIND_PAUSE: u64 = 20_000_000;

/// Watches for a socket to appear at a path. Create it before the first attempt to connect, so that nothing that
/// appears in between is missed.
///
/// ```no_run
/// use bowstring_transport::{Appearance, Connector, Deliveries};
/// use std::time::Duration;
/// let path = b"/run/user/1000/ticks.sock";
/// let mut appearance = Appearance::watch(path);
/// let incoming = loop {
///     match Connector::new(Deliveries::ANY).connect(path) {
///         Err(e) if e.is_absence() => appearance.wait(Duration::from_secs(60))?,
///         met => break met?,
///     }
/// };
/// # let _ = incoming;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Appearance<'a> {
    path: &'a [u8],
    inotify: Option<OwnedFd>,
    /// The length of the watched part of the path: the nearest directory that exists.
    watched: usize,
    /// Pauses still to be made instead of a sleep.
    pauses: u32,
}

impl<'a> Appearance<'a> {
    /// Watches for a socket at `path`. Where the kernel cannot watch, waiting polls.
    #[must_use]
    pub fn watch(path: &'a [u8]) -> Appearance<'a> {
        let mut appearance = Appearance { path, inotify: sys::inotify().ok(), watched: 0, pauses: 0 };
        appearance.watch_nearest();
        appearance
    }

    /// Sleeps until it is worth trying again: something has appeared on the way to the path, a signal has arrived, or
    /// `limit` has passed.
    pub fn wait(&mut self, limit: Duration) -> Result<(), OsError> {
        self.wait_with(limit, None)
    }

    /// Sleeps as [`wait`](Self::wait) does, and until `also` is readable.
    pub fn wait_with(&mut self, limit: Duration, also: Option<BorrowedFd<'_>>) -> Result<(), OsError> {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let Some(inotify) = &self.inotify else {
            sys::sleep(limit.min(BLIND_PAUSE));
            return Ok(());
        };
        let mut nanos = limit;
        if self.pauses > 0 {
            nanos = limit.min(FIRST_PAUSE << (PAUSES - self.pauses));
            self.pauses -= 1;
        }
        let mut waits = Waits::new();
        waits.add(inotify.as_fd());
        also.into_iter().for_each(|fd| waits.add(fd));
        waits.sleep(nanos)?;
        let mut events = [0; 4096];
        let mut appeared = false;
        while sys::read(inotify.as_fd(), &mut events).is_ok_and(|bytes| bytes > 0) {
            appeared = true;
        }
        if appeared {
            self.pauses = PAUSES;
            self.watch_nearest();
        }
        Ok(())
    }

    /// Watches the nearest directory that exists, until there is no nearer one.
    fn watch_nearest(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let mut end = self.path.len();
        loop {
            let directory = match self.path.get(..end).and_then(|path| path.iter().rposition(|&b| b == b'/'))
            {
                Some(at) => {
                    end = at;
                    self.path.get(..at.max(1)).unwrap_or(b"/")
                }
                None => {
                    end = 0;
                    b"."
                }
            };
            match sys::watch_directory(inotify.as_fd(), directory) {
                Ok(()) => {
                    // The content of a nearer directory may have appeared before the watch did.
                    if end > self.watched {
                        self.pauses = PAUSES;
                    }
                    self.watched = end;
                    return;
                }
                Err(e) if e.is(Errno::NOENT) && end > 0 => {}
                Err(_) => {
                    self.inotify = None;
                    return;
                }
            }
        }
    }
}
