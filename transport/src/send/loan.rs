//! Room for one message, lent by the sender to be written in place.

use core::fmt;
use core::ops::{Deref, DerefMut};

use rustix::io::Errno;

use crate::error::OsError;
use crate::region::Writable;
use crate::send::fanout::Fanout;
use crate::send::fanout::publish::{Label, Receipt};
use crate::wait::Wait;

/// Room for a message. Write into it, then [`commit`](Loan::commit); dropped instead, it is as if it had never been.
///
/// The bytes are those of some earlier message, or zero. Write all that you commit.
///
/// A loan needs no clean-up of its own, so that it never keeps its sender borrowed longer than it is used. One whose bytes
/// are in a file leaves the file with the sender until its next call.
#[must_use = "a loan that is dropped sends nothing"]
pub struct Loan<'a> {
    fanout: &'a mut Fanout,
    /// The first slot, and how many there are: none if the bytes are in the fanout's draft, which is there as long as the
    /// loan is. Numbers of full width, so that the loan moves through registers.
    slot: usize,
    span: usize,
    len: usize,
}

/// A message in a file that has not been sent yet.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) file: Writable,
    /// How long its receivers are waited for.
    pub(crate) wait: Option<Wait>,
}

impl<'a> Loan<'a> {
    #[inline(always)]
    pub(crate) fn in_slots(fanout: &'a mut Fanout, slot: u32, span: u32, len: usize) -> Loan<'a> {
        Loan { fanout, slot: slot as usize, span: span as usize, len }
    }

    pub(crate) fn in_file(fanout: &'a mut Fanout, draft: Draft) -> Loan<'a> {
        let len = draft.file.len();
        fanout.draft = Some(draft);
        Loan { fanout, slot: 0, span: 0, len }
    }

    /// Sends the first `used` bytes to every receiver.
    ///
    /// # Errors
    /// The loan comes back with the error, as it was.
    #[inline(always)]
    pub fn commit(self, used: usize) -> Result<Receipt, CommitError<'a>> {
        self.commit_as(used, Label::default())
    }

    /// Sends the first `used` bytes with a label.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    // Inlined, and the loan taken apart at once: nothing is to be stored between the message's bytes and its ticket, see
    // `Fanout::publish`. Put together again are only the loans that come back.
    #[inline(always)]
    pub fn commit_as(self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        let Loan { fanout, slot, span, len } = self;
        if used > len {
            let loan = Some(Loan { fanout, slot, span, len });
            return Err(CommitError { why: CommitFault::TooLong { used, len }, loan });
        }
        let needed = match span {
            0 => return Loan { fanout, slot, span, len }.commit_file(used, label),
            1 => 1,
            // Slots beyond those used are not occupied.
            lent => {
                let needed = fanout.pool.as_ref().and_then(|pool| pool.geometry.span(used));
                needed.map_or(lent as u32, |needed| needed.min(lent as u32))
            }
        };
        Ok(fanout.publish(slot as u32, needed, used, label))
    }

    #[cold]
    #[inline(never)]
    fn commit_file(mut self, used: usize, label: Label) -> Result<Receipt, CommitError<'a>> {
        match (self.fanout.cold.publish_draft)(self.fanout, used, label) {
            Ok(receipt) => Ok(receipt),
            Err(e) => {
                let why = if e.is(Errno::AGAIN) { CommitFault::Full } else { CommitFault::Os(e) };
                // What is given back is a copy in a new file, of what was to be sent: the old one is frozen for good.
                self.len = used;
                Err(CommitError { why, loan: self.fanout.draft.is_some().then_some(self) })
            }
        }
    }
}

impl Deref for Loan<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match (self.span, &self.fanout.pool, &self.fanout.draft) {
            (1.., Some(pool), _) => {
                pool.region.bytes(self.slot * pool.geometry.slot_size(), self.len).unwrap_or(&[])
            }
            (0, _, Some(draft)) => &draft.file,
            _ => &[],
        }
    }
}

impl DerefMut for Loan<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match (self.span, &mut self.fanout.pool, &mut self.fanout.draft) {
            (1.., Some(pool), _) => {
                pool.region.bytes_mut(self.slot * pool.geometry.slot_size(), self.len).unwrap_or(&mut [])
            }
            (0, _, Some(draft)) => &mut draft.file,
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
