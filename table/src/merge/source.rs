//! One sender of several.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bowstring_transport::{Credentials, Delivery};

use crate::{Hints, Missed, Outstanding, Receiver, ReceiverStats};

/// One of the senders of a [`Merge`](crate::Merge).
#[derive(Debug)]
pub struct MergeSource {
    pub(super) name: String,
    /// `None` after its end, so that a sender that was given up does not wait for this side.
    pub(super) receiver: Option<(Receiver, OwnedFd)>,
    pub(super) delivery: Delivery,
    pub(super) peer: Credentials,
    pub(super) hints: Hints,
    pub(super) missed_before: Missed,
    pub(super) outstanding: Arc<Outstanding>,
    /// The counts at its end.
    pub(super) stats: ReceiverStats,
}

impl MergeSource {
    /// Ends its part: the channel closes.
    pub(super) fn end(&mut self) {
        self.stats = self.stats();
        self.receiver = None;
    }

    /// Returns the name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if more may come from it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.receiver.is_some()
    }

    /// Returns the delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.peer
    }

    /// Returns the hints that it gave about its table.
    #[must_use]
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Returns what it had sent before the receiver connected: see [`Receiver::missed_before`].
    #[must_use]
    pub fn missed_before(&self) -> Missed {
        self.missed_before
    }

    /// Returns what the arrays made of its batches still hold.
    #[must_use]
    pub fn outstanding(&self) -> &Arc<Outstanding> {
        &self.outstanding
    }

    /// Returns the batches that it has skipped the receiver for: see [`Receiver::missed_so_far`].
    #[must_use]
    pub fn missed_so_far(&self) -> u64 {
        self.receiver.as_ref().map_or(self.stats.transport.missed, |(receiver, _)| receiver.missed_so_far())
    }

    /// Returns the counts of what was received from it.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.receiver.as_ref().map_or(self.stats, |(receiver, _)| receiver.stats())
    }
}
