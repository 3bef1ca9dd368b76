//! One sender of several.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use bowstring_transport::{Credentials, Delivery};

use super::MergeError;
use crate::{Hints, Missed, Outstanding, ReceiveError, Receiver, ReceiverStats, SchemaMismatch};

/// One of the senders of a [`Merge`](crate::Merge).
#[derive(Debug)]
pub struct MergeSource {
    pub(super) name: String,
    /// The columns of its table, without the one for the names.
    schema: SchemaRef,
    /// `None` after its end, so that a sender that was given up does not wait for this side.
    pub(super) receiver: Option<(Receiver, OwnedFd)>,
    delivery: Delivery,
    peer: Credentials,
    hints: Hints,
    missed_before: Missed,
    outstanding: Arc<Outstanding>,
    /// The counts of the channels that have ended.
    earlier: ReceiverStats,
}

impl MergeSource {
    pub(super) fn new(name: String, receiver: Receiver) -> Result<MergeSource, ReceiveError> {
        let ready = receiver.pollable()?;
        Ok(MergeSource {
            name,
            schema: receiver.schema().clone(),
            delivery: receiver.delivery(),
            peer: receiver.peer(),
            hints: receiver.hints().clone(),
            missed_before: receiver.missed_before(),
            outstanding: receiver.outstanding().clone(),
            earlier: ReceiverStats::default(),
            receiver: Some((receiver, ready)),
        })
    }

    /// Goes on with another sender's table, of the same columns. Returns what that sender had sent before.
    pub(super) fn continue_with(&mut self, place: usize, next: Receiver) -> Result<Missed, MergeError> {
        SchemaMismatch::check(&self.schema, next.schema())
            .map_err(|mismatch| MergeError::Changed { name: self.name.clone(), mismatch })?;
        let before = next.missed_before();
        let ready =
            next.pollable().map_err(|error| MergeError::Receive { place, name: self.name.clone(), error })?;
        self.end();
        (self.delivery, self.peer, self.hints) = (next.delivery(), next.peer(), next.hints().clone());
        self.outstanding = next.outstanding().clone();
        self.missed_before = Missed {
            batches: self.missed_before.batches.saturating_add(before.batches),
            rows: self.missed_before.rows.saturating_add(before.rows),
        };
        self.receiver = Some((next, ready));
        Ok(before)
    }

    /// Ends its part: the channel closes.
    pub(super) fn end(&mut self) {
        self.earlier = self.stats();
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

    /// Returns the delivery agreed to, with the last of its senders.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the identity of the sender, the last one.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.peer
    }

    /// Returns the hints that it gave about its table.
    #[must_use]
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Returns what it had sent before the receiver connected, all its senders together: see
    /// [`Receiver::missed_before`].
    #[must_use]
    pub fn missed_before(&self) -> Missed {
        self.missed_before
    }

    /// Returns what the arrays made of its batches still hold, of its last sender alone.
    #[must_use]
    pub fn outstanding(&self) -> &Arc<Outstanding> {
        &self.outstanding
    }

    /// Returns the batches that it has skipped the receiver for: see [`Receiver::missed_so_far`].
    #[must_use]
    pub fn missed_so_far(&self) -> u64 {
        let now = self.receiver.as_ref().map_or(0, |(receiver, _)| receiver.missed_so_far());
        self.earlier.transport.missed.saturating_add(now)
    }

    /// Returns the counts of what was received from it.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.receiver.as_ref().map_or(self.earlier, |(receiver, _)| self.earlier + receiver.stats())
    }
}
