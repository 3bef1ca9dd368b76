//! Where messages go: the transport's sender, and how to wait for it.

use std::time::{Duration, Instant};

use bowstring_transport::{CommitFault, Label, Loan, LoanError, OnSlow, Receipt, Sender, To, Wait};

use super::{Interrupt, SLICE};
use crate::error::SendError;

#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) sender: Sender,
    pub(super) wait: Wait,
    /// The longest wait for room; `None` is without end.
    pub(super) patience: Option<Duration>,
    pub(super) interrupt: Interrupt,
    /// Bytes that a message may have: half the pool, so that one can be written while another is read. `None` if there
    /// is no pool.
    most: Option<usize>,
}

impl Outlet {
    pub(super) fn new(sender: Sender) -> Outlet {
        let stats = sender.stats();
        // The product is the size of a mapping that exists.
        let pool = usize::try_from(stats.slots * stats.slot_size).unwrap_or(usize::MAX);
        let most = (pool > 0).then(|| (pool / 2).max(stats.slot_size as usize));
        let (wait, patience) = (Wait::sleeping(), None);
        Outlet { sender, wait, patience, interrupt: Interrupt::default(), most }
    }

    pub(super) fn most(&self) -> Option<usize> {
        self.most
    }

    pub(super) fn set_all_on_slow(&mut self, on_slow: OnSlow) {
        let mut next = 0;
        // One at a time: the list borrows the sender.
        loop {
            let Some(subscriber) = self.sender.subscribers().nth(next) else { return };
            self.sender.set_on_slow(subscriber, on_slow);
            next += 1;
        }
    }

    /// Waits for a slice of time until there is room for `len` bytes. `deadline` is the caller's to keep over the slices
    /// of one wait, and begins empty.
    #[inline]
    pub(super) fn has_room(&mut self, len: usize, deadline: &mut Option<Instant>) -> Result<bool, SendError> {
        self.go_on(deadline)?;
        match self.sender.await_room(len, self.wait.at_most(SLICE)) {
            Ok(()) => Ok(true),
            Err(LoanError::TimedOut) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether to go on waiting.
    fn go_on(&self, deadline: &mut Option<Instant>) -> Result<(), SendError> {
        if self.interrupt.is_set() {
            return Err(SendError::Interrupted);
        }
        // Who waits without end need not read the clock for every message.
        let Some(patience) = self.patience else { return Ok(()) };
        let now = Instant::now();
        match *deadline {
            None => *deadline = now.checked_add(patience),
            Some(end) if now >= end => return Err(SendError::TimedOut),
            Some(_) => {}
        }
        Ok(())
    }

    /// Sends a message of `len` bytes that `fill` writes.
    #[inline]
    pub(super) fn publish(
        &mut self,
        len: usize,
        tag: u32,
        to: To,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, SendError>,
    ) -> Result<Receipt, SendError> {
        let mut deadline = None;
        loop {
            match self.sender.loan_with(len, self.wait.at_most(SLICE)) {
                Ok(mut loan) => {
                    let used = fill(&mut loan)?;
                    let label = Label { tag, to, ..Label::default() };
                    return commit(loan, used, label, &self.interrupt, self.patience);
                }
                Err(LoanError::TimedOut) => self.go_on(&mut deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Commits a loan. One in slots has its room; one in a file waits for the receivers' sockets, a slice of time each turn.
#[inline]
fn commit(
    loan: Loan<'_>,
    used: usize,
    label: Label,
    interrupt: &Interrupt,
    patience: Option<Duration>,
) -> Result<Receipt, SendError> {
    let mut refused = match loan.commit_as(used, label) {
        Ok(receipt) => return Ok(receipt),
        Err(refused) => refused,
    };
    let until = patience.and_then(|patience| Instant::now().checked_add(patience));
    loop {
        let (CommitFault::Full, Some(loan)) = (refused.why, refused.loan.take()) else {
            return Err(refused.why.into());
        };
        if interrupt.is_set() {
            return Err(SendError::Interrupted);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(SendError::TimedOut);
        }
        refused = match loan.commit_as(used, label) {
            Ok(receipt) => return Ok(receipt),
            Err(refused) => refused,
        };
    }
}
