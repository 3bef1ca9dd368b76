//! A channel towards this program, before it has decided how to receive.

use rustix::fd::AsFd;

use crate::connect::session::Delivery;
use crate::connect::session::driver::Greeting;
use crate::connect::session::wire::Past;
use crate::error::OsError;
use crate::peer::{Control, Credentials};
use crate::receive::channel::Channel;
use crate::receive::lease::{Foreign, Honest};
use crate::receive::receiver::{CopyingReceiver, Receiver};
use crate::receive::sealed::SealedReceiver;
use crate::region::private::MapArc;

/// A channel from a sender. What it opens as depends on the delivery agreed to, and on trust.
#[derive(Debug)]
#[must_use]
pub struct Incoming {
    pub(crate) delivery: Delivery,
    pub(crate) kept: Kept,
    pub(crate) greeting: Greeting,
    pub(crate) past: Past,
}

#[derive(Debug)]
pub(crate) enum Kept {
    Slots {
        channel: MapArc<Channel>,
        first: u64,
    },
    /// With the features in force.
    Sealed(Control, u64),
}

/// A channel, open for receiving.
#[derive(Debug)]
pub enum Opened {
    /// Read in place.
    Pooled(Receiver<Honest>),
    /// Copy, then read.
    Copied(CopyingReceiver),
    /// Read immutable files.
    Sealed(SealedReceiver),
}

impl Incoming {
    /// Returns the delivery agreed to.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the greeting of the sender's application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns what the sender sent before this channel and will not send on it; zeroes if the sender does not say.
    #[must_use]
    pub fn past(&self) -> Past {
        self.past
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        match &self.kept {
            Kept::Slots { channel, .. } => channel.control.credentials(),
            Kept::Sealed(control, _) => control.credentials(),
        }
    }

    /// Opens a channel of pooled delivery: messages are read where the sender wrote them.
    ///
    /// Returns the channel itself if another delivery was agreed to.
    ///
    /// # Safety
    /// The sender is honest: it does not write to a slot between publishing it and seeing it released. The kernel keeps
    /// every other process from writing there, and every other property of the sender is checked.
    #[allow(unsafe_code)]
    pub unsafe fn pooled(self) -> Result<Receiver<Honest>, Incoming> {
        match self {
            Incoming {
                delivery: Delivery::Pooled,
                kept: Kept::Slots { channel, first },
                greeting,
                past,
                ..
            } => Ok(Receiver::new(channel, first, greeting, past)),
            other => Err(other),
        }
    }

    /// Opens a channel through slots without trusting the sender: its leases can only be copied.
    ///
    /// Returns the channel itself if sealed delivery was agreed to.
    pub fn foreign(self) -> Result<Receiver<Foreign>, Incoming> {
        match self {
            Incoming { kept: Kept::Slots { channel, first }, greeting, past, .. } => {
                Ok(Receiver::new(channel, first, greeting, past))
            }
            other => Err(other),
        }
    }

    /// Opens a channel of sealed messages.
    ///
    /// Returns the channel itself if another delivery was agreed to.
    pub fn sealed(self) -> Result<SealedReceiver, Incoming> {
        match self {
            Incoming { kept: Kept::Sealed(control, features), greeting, past, .. } => {
                Ok(SealedReceiver::new(control, greeting, features, past))
            }
            other => Err(other),
        }
    }

    /// Opens the channel with the delivery agreed to.
    ///
    /// # Safety
    /// If pooled delivery was among those wanted: as for [`pooled`](Self::pooled).
    #[allow(unsafe_code)]
    pub unsafe fn open(self) -> Result<Opened, OsError> {
        match self {
            Incoming {
                delivery: Delivery::Pooled,
                kept: Kept::Slots { channel, first },
                greeting,
                past,
                ..
            } => Ok(Opened::Pooled(Receiver::new(channel, first, greeting, past))),
            Incoming { kept: Kept::Slots { channel, first }, greeting, past, .. } => {
                Ok(Opened::Copied(Receiver::new(channel, first, greeting, past).copying()?))
            }
            Incoming { kept: Kept::Sealed(control, features), greeting, past, .. } => {
                Ok(Opened::Sealed(SealedReceiver::new(control, greeting, features, past)))
            }
        }
    }
}

impl AsFd for Incoming {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        match &self.kept {
            Kept::Slots { channel, .. } => channel.control.socket(),
            Kept::Sealed(control, _) => control.socket(),
        }
    }
}
