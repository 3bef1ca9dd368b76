//! The three kinds of channel, and the memory of their messages.

use std::cell::RefCell;
use std::ops::{Deref, Range};

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{
    CopyingReceiver, Credentials, Delivery, Honest, Lease, Meta, Opened, OsError, Past, PooledReceiver,
    ReceiverStats, RecvError, SealedMessage, SealedReceiver, Stats, Wait,
};

use super::copies::{Copies, Copy};

#[derive(Debug)]
pub(super) enum Channel {
    Pooled(PooledReceiver),
    /// The copies are ours and not the transport's, so that they can outlive the next message.
    Copied(CopyingReceiver, Copies),
    /// In a cell, so that all three receive by a shared borrow: a message is owned, and no borrow outlives the call.
    Sealed(RefCell<SealedReceiver>),
}

/// The memory of a message.
#[derive(Debug)]
pub(super) enum Memory<'a> {
    /// Slots of an honest sender.
    Lease(Lease<'a, Honest>),
    /// Memory of our own.
    Copy(Copy),
    /// A file that nobody can change.
    Sealed(SealedMessage),
}

impl Channel {
    pub(super) fn new(opened: Opened) -> Channel {
        match opened {
            Opened::Pooled(receiver) => Channel::Pooled(receiver),
            Opened::Copied(receiver) => Channel::Copied(receiver, Copies::new()),
            Opened::Sealed(receiver) => Channel::Sealed(RefCell::new(receiver)),
        }
    }

    #[inline]
    pub(super) fn receive(&self, wait: Wait) -> Result<(Memory<'_>, Meta), RecvError> {
        match self {
            Channel::Pooled(receiver) => {
                let lease = receiver.recv_with(wait)?;
                let meta = lease.meta();
                Ok((Memory::Lease(lease), meta))
            }
            Channel::Copied(receiver, copies) => {
                let lease = receiver.inner().recv_with(wait)?;
                let mut copy = copies.take(lease.len());
                // The copy has the lease's length, so this cannot fail.
                let _ = lease.copy_into(copy.bytes_mut());
                Ok((Memory::Copy(copy), lease.meta()))
            }
            Channel::Sealed(receiver) => {
                let message = receiver.borrow_mut().recv_with(wait)?;
                let meta = message.meta();
                Ok((Memory::Sealed(message), meta))
            }
        }
    }
}

impl Channel {
    pub(super) fn past(&self) -> Past {
        match self {
            Channel::Pooled(receiver) => receiver.past(),
            Channel::Copied(receiver, _) => receiver.inner().past(),
            Channel::Sealed(receiver) => receiver.borrow().past(),
        }
    }

    /// Returns the reason that a sender that broke off has given.
    pub(super) fn reason(&self) -> String {
        match self {
            Channel::Pooled(receiver) => receiver.reason().to_owned(),
            Channel::Copied(receiver, _) => receiver.inner().reason().to_owned(),
            Channel::Sealed(receiver) => receiver.borrow().reason().to_owned(),
        }
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self {
            Channel::Pooled(_) => Delivery::Pooled,
            Channel::Copied(..) => Delivery::Copied,
            Channel::Sealed(_) => Delivery::Sealed,
        }
    }

    pub(super) fn peer(&self) -> Credentials {
        match self {
            Channel::Pooled(receiver) => receiver.peer(),
            Channel::Copied(receiver, _) => receiver.inner().peer(),
            Channel::Sealed(receiver) => receiver.borrow().peer(),
        }
    }

    pub(super) fn pollable(&self) -> Result<OwnedFd, OsError> {
        match self {
            Channel::Pooled(receiver) => receiver.pollable(),
            Channel::Copied(receiver, _) => receiver.inner().pollable(),
            Channel::Sealed(receiver) => receiver.borrow().pollable(),
        }
    }

    /// Returns true if the caller should sleep; a fault is left for the next receive.
    pub(super) fn arm(&self) -> bool {
        match self {
            Channel::Pooled(receiver) => receiver.arm().unwrap_or(false),
            Channel::Copied(receiver, _) => receiver.inner().arm().unwrap_or(false),
            // Messages are in the socket itself.
            Channel::Sealed(_) => true,
        }
    }

    pub(super) fn disarm(&self) {
        // The end and faults stay with the channel, and the next receive returns them.
        let _ = match self {
            Channel::Pooled(receiver) => receiver.disarm(),
            Channel::Copied(receiver, _) => receiver.inner().disarm(),
            Channel::Sealed(_) => Ok(()),
        };
    }

    pub(super) fn stats(&self) -> ReceiverStats {
        match self {
            Channel::Pooled(receiver) => receiver.stats(),
            Channel::Copied(receiver, _) => receiver.inner().stats(),
            Channel::Sealed(receiver) => receiver.borrow().stats(),
        }
    }

    pub(super) fn sender_stats(&self) -> Option<Stats> {
        match self {
            Channel::Pooled(receiver) => Some(receiver.sender_stats()),
            Channel::Copied(receiver, _) => Some(receiver.inner().sender_stats()),
            Channel::Sealed(_) => None,
        }
    }

    /// Returns the addresses at which the sender's pool is mapped, and the bytes of a slot, if messages are read there.
    pub(super) fn pool(&self) -> Option<(Range<usize>, usize)> {
        match self {
            Channel::Pooled(receiver) => Some((receiver.pool_addresses(), receiver.geometry().slot_size())),
            Channel::Copied(..) | Channel::Sealed(_) => None,
        }
    }
}

impl Memory<'_> {
    /// Returns the same memory, kept beyond the borrow.
    pub(super) fn detach(self) -> Memory<'static> {
        match self {
            Memory::Lease(lease) => Memory::Lease(lease.detach()),
            Memory::Copy(copy) => Memory::Copy(copy),
            Memory::Sealed(message) => Memory::Sealed(message),
        }
    }
}

impl Deref for Memory<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Memory::Lease(lease) => lease,
            Memory::Copy(copy) => copy,
            Memory::Sealed(message) => message,
        }
    }
}
