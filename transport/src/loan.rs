//! Room for one message, lent by the sender to be written in place.

use core::fmt;
use core::ops::{Deref, DerefMut};

use rustix::io::Errno;

use crate::error::OsError;
use crate::hub::Hub;
use crate::hub::publish::{Label, Receipt};
use crate::region::Writable;
use crate::wait::Wait;

/// Room for a message. Write into it, then [`commit`](Loan::commit); dropped instead, it is as if it had never been.
///
/// The bytes are those of some earlier message, or zero. Write all that you commit.
#[must_use = "a loan that is dropped sends nothing"]
pub struct Loan<'a> {
    hub: &'a mut Hub,
    room: Room,
    len: usize,
    wait: Option<Wait>,
}

/// Where the bytes are.
enum Room {
    Slots { slot: u32, span: u32 },
    File(Writable),
}

impl<'a> Loan<'a> {
    #[inline]
    pub(crate) fn in_slots(hub: &'a mut Hub, slot: u32, span: u32, len: usize) -> Loan<'a> {
        Loan { hub, room: Room::Slots { slot, span }, len, wait: None }
    }

    pub(crate) fn in_file(hub: &'a mut Hub, file: Writable, len: usize, wait: Option<Wait>) -> Loan<'a> {
        Loan { hub, room: Room::File(file), len, wait }
    }

    /// Sends the first `used` bytes to every receiver.
    ///
    /// # Errors
    /// The loan comes back with the error, as it was.
    #[inline]
    pub fn commit(self, used: usize) -> Result<Receipt, CommitError<'a>> {
        self.commit_as(used, Label::default())
    }

    /// Sends the first `used` bytes with a label.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    #[inline]
    pub fn commit_as(self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        if used > self.len {
            return Err(CommitError { why: CommitFault::TooLong { used, len: self.len }, loan: Some(self) });
        }
        let (slot, span) = match self.room {
            Room::Slots { slot, span } => (slot, span),
            Room::File(_) => return self.commit_file(used, label),
        };
        // Slots beyond those used are not occupied; a geometry exists wherever slots do.
        let span = self.hub.pool.as_ref().and_then(|p| p.geometry.span(used)).map_or(span, |s| s.min(span));
        Ok(self.hub.publish(slot, span, used, label))
    }

    #[cold]
    fn commit_file(self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        let Loan { hub, room: Room::File(file), len, wait } = self else {
            unreachable!("asked for a file's loan only")
        };
        let file = match file.freeze_first(used) {
            Ok(file) => file,
            Err(e) => return Err(CommitError { why: CommitFault::Os(e), loan: None }),
        };
        match hub.publish_file(&file, label, wait) {
            Ok(receipt) => Ok(receipt),
            Err(e) => {
                // Frozen for good by now: what is given back is a copy in a new file.
                let again = file.thaw().ok().map(|file| Loan {
                    hub,
                    room: Room::File(file),
                    len: used.min(len),
                    wait,
                });
                let why = if e.is(Errno::AGAIN) { CommitFault::Full } else { CommitFault::Os(e) };
                Err(CommitError { why, loan: again })
            }
        }
    }
}

impl Deref for Loan<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match (&self.room, &self.hub.pool) {
            (&Room::Slots { slot, .. }, Some(pool)) => {
                let start = slot as usize * pool.geometry.slot_size();
                pool.region.bytes(start..start + self.len)
            }
            (Room::File(file), _) => file,
            (Room::Slots { .. }, None) => &[],
        }
    }
}

impl DerefMut for Loan<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match (&mut self.room, &mut self.hub.pool) {
            (&mut Room::Slots { slot, .. }, Some(pool)) => {
                let start = slot as usize * pool.geometry.slot_size();
                pool.region.bytes_mut(start..start + self.len)
            }
            (Room::File(file), _) => file,
            (Room::Slots { .. }, None) => &mut [],
        }
    }
}

impl fmt::Debug for Loan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.room {
            Room::Slots { .. } => "slots",
            Room::File(_) => "a file",
        };
        write!(f, "Loan({} bytes in {place})", self.len)
    }
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitFault {
    /// More was committed than was lent.
    TooLong {
        /// What was committed.
        used: usize,
        /// What was lent.
        len: usize,
    },
    /// The receiver of a sealed message did not make room in time.
    Full,
    /// The host would not do it.
    Os(OsError),
}

impl fmt::Display for CommitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitFault::TooLong { used, len } => write!(f, "{used} bytes committed of a loan of {len}"),
            CommitFault::Full => f.write_str("the receiver did not make room in time"),
            CommitFault::Os(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for CommitFault {}

/// A message that was not sent, and the loan with its bytes, to try again.
#[derive(Debug)]
pub struct CommitError<'a> {
    /// Why.
    pub why: CommitFault,
    /// The loan; `None` if the host could not even keep that.
    pub loan: Option<Loan<'a>>,
}

impl fmt::Display for CommitError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl core::error::Error for CommitError<'_> {}

/// Lets go of the loan, so that the error can leave the function that borrowed the sender.
impl From<CommitError<'_>> for CommitFault {
    fn from(e: CommitError<'_>) -> CommitFault {
        e.why
    }
}
