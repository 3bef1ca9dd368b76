//! Gives a message to receivers that take it as a file.
//!
//! Such a message is committed in this order, so that it reaches either everyone or nobody:
//!
//! 1. Make the file. If that fails, nobody was given anything, and the loan goes back.
//! 2. Number the message and publish it to receivers that take slots, which cannot fail.
//! 3. Send the file. Receivers that cannot take it now and are to be waited for are recorded as [`Pending`].

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::connect::session::wire::Announcement;
use crate::error::OsError;
use crate::region::{Appender, Frozen, Pages, affordable};
use crate::send::file_loan::FileLoan;
use crate::send::loan::{CommitFault, Loan};
use crate::send::pool::subscribers;
use crate::sys;
use crate::wait::Wait;

use super::Fanout;
use super::pending::Pending;
use super::publish::{Label, Receipt};
use super::room::LoanError;
use super::subscriber::{End, OnSlow, Subscriber};

// claim: nothing-lost

/// The name of a message's file.
const MESSAGE: &CStr = c"bowstring-message";

/// The result of offering a file to some subscribers, one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offered {
    pub(super) given: u64,
    /// To be waited for.
    pub(super) lacking: u64,
    /// Passed over by policy.
    pub(super) skipped: u32,
    /// The error of one of `lacking`.
    pub(super) refused: Option<OsError>,
}

/// Returns true if a refusal ends by itself, once the receiver reads or descriptors in flight arrive.
pub(super) fn is_want_of_room(e: OsError) -> bool {
    e.is(Errno::AGAIN) || e.is(Errno::NOBUFS) || e.is(Errno::TOOMANYREFS)
}

impl Fanout {
    /// Lends room for a message of `len` bytes that some receiver takes as a file. A pending message comes first.
    pub(super) fn lend_to_files(&mut self, len: usize, wait: Option<Wait>) -> Result<Loan<'_>, LoanError> {
        self.reap_if_due()?;
        let left = self.finish_for_room(wait)?;
        self.somebody_is_there()?;
        self.wait = wait;
        if self.all_sealed() {
            self.staging.make_ready(len)?;
            return Ok(Loan::in_file(self, len));
        }
        let extent = self.extent(len)?;
        let slot = self.find_room(extent, left)?;
        Ok(Loan::in_slots(self, slot, extent.span, len))
    }

    /// Lends a file for a message of `len` bytes, if every receiver takes messages as files and none of them needs huge
    /// pages. A pending message comes first.
    pub(crate) fn lend_file(&mut self, len: usize) -> Result<Option<FileLoan<'_>>, LoanError> {
        if !self.all_sealed() || self.pages != Pages::Normal {
            return Ok(None);
        }
        self.reap_if_due()?;
        self.finish_for_room(None)?;
        self.somebody_is_there()?;
        self.wait = None;
        let file = affordable(len).and_then(|()| Appender::create(MESSAGE));
        Ok(Some(FileLoan::new(self, len, file)))
    }

    /// Commits the first `used` bytes of `span` slots from `slot` on, or of the staging area if `span` is 0.
    ///
    /// # Errors
    /// [`CommitFault::Unfinished`] if some receiver lacks the message when the loan's wait is over; with any other
    /// error nobody was given it.
    pub(super) fn commit(
        &mut self,
        slot: u32,
        span: u32,
        used: usize,
        label: Label,
    ) -> Result<Receipt, CommitFault> {
        let file = match self.addressed(label.to) & self.sealed {
            0 => None,
            _ => Some(Frozen::copy_of(MESSAGE, self.lent(slot, span, used), self.pages)),
        };
        self.commit_with(file, slot, span, used, label)
    }

    /// Commits a message of which `file` holds a copy, if some receiver takes it as a file.
    pub(crate) fn commit_with(
        &mut self,
        file: Option<Result<Frozen, OsError>>,
        slot: u32,
        span: u32,
        used: usize,
        label: Label,
    ) -> Result<Receipt, CommitFault> {
        let wait = self.wait.take();
        let addressed = self.addressed(label.to);
        let to = addressed & self.sealed;
        let file = match file {
            Some(Err(e)) if self.is_anybody_waited_for(to) => return Err(CommitFault::Os(e)),
            // In case of an error, all of them have agreed to miss it.
            made => made.and_then(Result::ok),
        };
        let what = Announcement {
            number: self.next_number,
            len: used as u64,
            reply_to: label.reply_to,
            tag: label.tag,
            skipped: 0,
        };
        self.required = label.required;
        let Label { tag, reply_to, .. } = label;
        let mut receipt = match span {
            0 => self.number_it(used),
            _ => self.publish_to_each(slot, span, used, tag, reply_to, addressed & !to),
        };
        let offered = match &file {
            Some(file) => self.offer(file, what, to),
            None => Offered { skipped: self.pass_over_all(to), ..Offered::default() },
        };
        self.required = false;
        self.staging.trim();
        receipt.receivers += offered.given.count_ones();
        receipt.skipped += offered.skipped;
        if let Some(file) = file.filter(|_| offered.lacking != 0) {
            self.pending = Some(Pending::new(file, what, offered, label.required));
            receipt.receivers += self.finish(wait).map_err(CommitFault::Unfinished)?;
        }
        Ok(receipt)
    }

    /// Numbers a message that uses no slots.
    fn number_it(&mut self, used: usize) -> Receipt {
        let number = self.next_number;
        self.next_number += 1;
        self.count(0, used);
        // A failure to check the peers now shows again at the next check.
        let _ = self.reap_if_due();
        Receipt { number, receivers: 0, skipped: 0 }
    }

    /// Returns the bytes of a loan.
    fn lent(&self, slot: u32, span: u32, used: usize) -> &[u8] {
        match (span, &self.pool) {
            (0, _) => self.staging.get(..used),
            (_, Some(pool)) => pool.region.bytes(slot as usize * pool.geometry.slot_size(), used),
            (_, None) => None,
        }
        .unwrap_or(&[])
    }

    /// Returns true if a subscriber of `to` must be neither passed over nor cut off.
    fn is_anybody_waited_for(&self, to: u64) -> bool {
        subscribers(to).any(|place| {
            self.subscribers[place].as_ref().is_some_and(|subscriber| subscriber.on_slow == OnSlow::Block)
        })
    }

    fn pass_over_all(&mut self, to: u64) -> u32 {
        subscribers(to & self.live).for_each(|place| self.pass_over(place));
        (to & self.live).count_ones()
    }

    /// Sends the descriptor to each subscriber in `to` that is still there, without waiting.
    pub(super) fn offer(&mut self, file: &Frozen, what: Announcement, to: u64) -> Offered {
        let mut offered = Offered::default();
        for place in subscribers(to & self.live) {
            let Some(subscriber) = &self.subscribers[place] else { continue };
            // The low half: the receiver adds up the differences.
            let datagram = Announcement { skipped: subscriber.skipped() as u32, ..what }.encode();
            match sys::send(subscriber.control.socket(), &[&datagram, &[]], &[file.as_fd()]) {
                Ok(()) => {
                    offered.given |= 1 << place;
                    self.stats_region.sent(place, what.len);
                }
                Err(e) if e.is(Errno::PIPE) || e.is(Errno::CONNRESET) => self.forget_gone(place),
                Err(e) if subscriber.on_slow == OnSlow::Block => {
                    offered.lacking |= 1 << place;
                    // Prefer to report a refusal that does not end by itself.
                    if offered.refused.is_none_or(is_want_of_room) {
                        offered.refused = Some(e);
                    }
                }
                Err(_) => {
                    self.pass_over(place);
                    offered.skipped += u32::from(self.live & 1 << place != 0);
                }
            }
        }
        offered
    }

    /// Ends a subscriber whose socket shows that nobody is there.
    fn forget_gone(&mut self, place: usize) {
        let said_bye = self.subscribers[place].as_mut().is_some_and(|subscriber: &mut Subscriber| {
            subscriber.drain_socket();
            subscriber.has_left()
        });
        self.forget(place, if said_bye { End::Closed } else { End::Crashed });
    }
}
