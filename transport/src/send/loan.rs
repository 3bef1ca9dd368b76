//! Room for one message, lent by the sender to be written in place.

use core::fmt;
use core::ops::{Deref, DerefMut, Range};

use crate::error::OsError;
use crate::send::fanout::Fanout;
use crate::send::fanout::pending::Unfinished;
use crate::send::fanout::publish::{Label, Receipt};

/// Room for a message. Write into it, then [`commit`](Loan::commit); dropping it instead has no effect.
///
/// The bytes are those of an earlier message, or zero. Write all that you commit.
///
/// A loan has no destructor, so it never keeps its sender borrowed longer than it is used.
#[must_use = "a loan that is dropped sends nothing"]
pub struct Loan<'a> {
    fanout: &'a mut Fanout,
    /// The first slot and the number of slots: none if the bytes are in the fan-out's staging area. Full-width
    /// numbers, so that the loan moves through registers.
    slot: usize,
    span: usize,
    len: usize,
}

impl<'a> Loan<'a> {
    #[inline(always)]
    pub(crate) fn in_slots(fanout: &'a mut Fanout, slot: u32, span: u32, len: usize) -> Loan<'a> {
        Loan { fanout, slot: slot as usize, span: span as usize, len }
    }

    pub(crate) fn in_file(fanout: &'a mut Fanout, len: usize) -> Loan<'a> {
        Loan { fanout, slot: 0, span: 0, len }
    }

    /// Returns the first of the slots that the room is in, if it is in slots.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        (self.span > 0).then_some(self.slot as u32)
    }

    /// Returns the addresses of the whole pool, if the room is in slots of it.
    #[must_use]
    pub fn pool_addresses(&self) -> Option<Range<usize>> {
        let pool = self.fanout.pool.as_ref().filter(|_| self.span > 0)?;
        let start = pool.region.bytes(0, pool.region.len())?.as_ptr().addr();
        Some(start..start + pool.region.len())
    }

    /// Sends the first `used` bytes to every receiver. Receivers that take files and are to be waited for get as much
    /// time as the loan had: forever, a limit, or none.
    ///
    /// # Errors
    /// - [`CommitFault::Unfinished`]: the message is sent, and some receiver still lacks it. Do not commit it again:
    ///   it reaches those receivers before anything else is sent. [`Sender::finish`](crate::Sender::finish) waits for
    ///   that, and so does the next loan.
    /// - Any other: nobody was given anything. [`try_commit`](Self::try_commit) returns the loan in that case.
    #[inline(always)]
    pub fn commit(self, used: usize) -> Result<Receipt, CommitFault> {
        self.try_commit_as(used, Label::default()).map_err(|error| error.why)
    }

    /// Sends the first `used` bytes with a label.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    #[inline(always)]
    pub fn commit_as(self, used: usize, label: Label) -> Result<Receipt, CommitFault> {
        self.try_commit_as(used, label).map_err(|error| error.why)
    }

    /// Sends the first `used` bytes; returns the loan unchanged if nobody was given anything.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    #[inline(always)]
    pub fn try_commit(self, used: usize) -> Result<Receipt, CommitError<'a>> {
        self.try_commit_as(used, Label::default())
    }

    /// Sends the first `used` bytes with a label; returns the loan unchanged if nobody was given anything.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    // Inlined, and the loan taken apart at once: nothing is to be stored between the message's bytes and its ticket, see
    // `Fanout::publish`. Put together again are only the loans that come back.
    #[inline(always)]
    pub fn try_commit_as(self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        let Loan { fanout, slot, span, len } = self;
        if used > len {
            let loan = Some(Loan { fanout, slot, span, len });
            return Err(CommitError { why: CommitFault::TooLong { used, len }, loan });
        }
        let needed = match span {
            _ if fanout.sealed != 0 || label.required => {
                return Loan { fanout, slot, span, len }.commit_cold(used, label);
            }
            0 => return Loan { fanout, slot, span, len }.commit_cold(used, label),
            1 => 1,
            // Slots beyond those used are not occupied.
            lent => {
                let needed = fanout.pool.as_ref().and_then(|pool| pool.geometry.span(used));
                needed.map_or(lent as u32, |needed| needed.min(lent as u32))
            }
        };
        Ok(fanout.publish(slot as u32, needed, used, label))
    }

    /// Sends the first `used` bytes of the loan in `kept`, for callers that keep a loan in memory between two calls. Takes
    /// it out. `None`, and nothing is done, if there is no loan, or one that only [`try_commit`](Self::try_commit) can send.
    ///
    /// The loan is read where it lies, word by word. Moved out as a whole, its words would be read in pairs, which waits
    /// until the processor has carried out the stores of the message.
    #[inline(always)]
    pub fn commit_kept(kept: &mut Option<Loan<'a>>, used: usize) -> Option<Receipt> {
        let loan =
            kept.as_mut().filter(|loan| loan.span == 1 && used <= loan.len && loan.fanout.sealed == 0)?;
        let receipt = loan.fanout.publish(loan.slot as u32, 1, used, Label::default());
        *kept = None;
        Some(receipt)
    }

    #[cold]
    #[inline(never)]
    fn commit_cold(self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        let pool = self.fanout.pool.as_ref().filter(|_| self.span > 0);
        let needed = pool.and_then(|pool| pool.geometry.span(used)).unwrap_or(0);
        match (self.fanout.cold.commit)(self.fanout, self.slot as u32, needed, used, label) {
            Ok(receipt) => Ok(receipt),
            Err(why @ CommitFault::Unfinished(_)) => Err(CommitError { why, loan: None }),
            Err(why) => Err(CommitError { why, loan: Some(self) }),
        }
    }
}

impl Deref for Loan<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match (self.span, &self.fanout.pool) {
            (1.., Some(pool)) => {
                pool.region.bytes(self.slot * pool.geometry.slot_size(), self.len).unwrap_or(&[])
            }
            (0, _) => self.fanout.staging.get(..self.len).unwrap_or(&[]),
            _ => &[],
        }
    }
}

impl DerefMut for Loan<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match (self.span, &mut self.fanout.pool) {
            (1.., Some(pool)) => {
                pool.region.bytes_mut(self.slot * pool.geometry.slot_size(), self.len).unwrap_or(&mut [])
            }
            (0, _) => self.fanout.staging.get_mut(..self.len).unwrap_or(&mut []),
            _ => &mut [],
        }
    }
}

impl fmt::Debug for Loan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.span == 0 { "a file" } else { "slots" };
        write!(f, "Loan({} bytes in {place})", self.len)
    }
}

/// Reasons why a message did not reach everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitFault {
    /// More bytes were committed than were lent.
    TooLong {
        /// The bytes committed.
        used: usize,
        /// The bytes lent.
        len: usize,
    },
    /// The message is sent, and some receiver still lacks it.
    Unfinished(Unfinished),
    /// A system call failed.
    Os(OsError),
}

impl fmt::Display for CommitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitFault::TooLong { used, len } => write!(f, "{used} bytes committed of a loan of {len}"),
            CommitFault::Unfinished(unfinished) => unfinished.fmt(f),
            CommitFault::Os(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for CommitFault {}

/// A message that did not reach everyone; if it reached nobody, with the loan to try again.
#[derive(Debug)]
pub struct CommitError<'a> {
    /// The reason.
    pub why: CommitFault,
    /// The loan; `None` if the message is [`Unfinished`](CommitFault::Unfinished).
    pub loan: Option<Loan<'a>>,
}

impl fmt::Display for CommitError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl core::error::Error for CommitError<'_> {}

/// Drops the loan, so that the error can leave the function that borrowed the sender.
impl From<CommitError<'_>> for CommitFault {
    fn from(e: CommitError<'_>) -> CommitFault {
        e.why
    }
}
