//! Receives through slots from an untrusted sender: every message is copied before anyone reads it.

use super::{Receiver, RecvError};
use crate::error::OsError;
use crate::receive::lease::{Foreign, Lease, Meta};
use crate::region::private::MapSlice;
use crate::wait::Wait;

/// A receiver that copies each message out of the slots before anyone reads it, for untrusted senders.
#[derive(Debug)]
pub struct CopyingReceiver {
    receiver: Receiver<Foreign>,
    /// As long as the longest message; its pages are allocated as messages need them and then stay.
    buffer: MapSlice<u8>,
    /// Bytes of the buffer that are faulted in.
    ready: usize,
}

/// A private copy of a message.
#[derive(Clone, Copy, Debug)]
pub struct Copied<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The words that accompany it.
    pub meta: Meta,
}

impl Receiver<Foreign> {
    /// Receives by copying every message into private memory; see [`CopyingReceiver`].
    pub fn copying(self) -> Result<CopyingReceiver, OsError> {
        let buffer = MapSlice::lazy(self.channel.geometry.pool_bytes())?;
        Ok(CopyingReceiver { receiver: self, buffer, ready: 0 })
    }
}

impl CopyingReceiver {
    /// Returns the next message, if there is one.
    pub fn try_recv(&mut self) -> Result<Option<Copied<'_>>, RecvError> {
        let Self { receiver, buffer, ready } = self;
        Ok(receiver.try_recv()?.map(|lease| copy(&lease, buffer, ready)))
    }

    /// Returns the next message; waits for it forever.
    pub fn recv(&mut self) -> Result<Copied<'_>, RecvError> {
        self.recv_with(Wait::sleeping())
    }

    /// Returns the next message; waits as `wait` says.
    pub fn recv_with(&mut self, wait: Wait) -> Result<Copied<'_>, RecvError> {
        let Self { receiver, buffer, ready } = self;
        let lease = receiver.recv_with(wait)?;
        Ok(copy(&lease, buffer, ready))
    }

    /// Returns the receiver itself: for its stats, for waiting on a descriptor, for copying elsewhere.
    #[must_use]
    pub fn inner(&self) -> &Receiver<Foreign> {
        &self.receiver
    }
}

fn copy<'b>(lease: &Lease<'_, Foreign>, buffer: &'b mut MapSlice<u8>, ready: &mut usize) -> Copied<'b> {
    if lease.len() > *ready {
        *ready = lease.len().checked_next_power_of_two().unwrap_or(lease.len()).min(buffer.len());
        buffer.populate(*ready);
    }
    // The buffer is as long as the pool, and no message is longer.
    Copied { bytes: lease.copy_into(buffer).unwrap_or(&[]), meta: lease.meta() }
}
