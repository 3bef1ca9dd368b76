//! The wishes of the receivers, and what follows from all of them together.
//!
//! A batch is encoded once for all, so a column is left out only if nobody reads it. Who comes while a batch waits for
//! room may want more than those before: the batch is then measured again.

use bowstring_transport::{OnSlow, ReceiverId};

use super::Sender;

/// The wishes of the receivers that are there.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    all: Vec<Wanted>,
    /// True if somebody came since [`mark`](Self::mark).
    has_grown: bool,
}

#[derive(Debug)]
struct Wanted {
    receiver: ReceiverId,
    /// By column; all if `None`.
    columns: Option<Box<[bool]>>,
    /// The count of rows sent at which it has enough.
    until: Option<u64>,
}

impl Wishes {
    pub(super) fn add(&mut self, receiver: ReceiverId, columns: Option<Box<[bool]>>, until: Option<u64>) {
        self.all.push(Wanted { receiver, columns, until });
        self.has_grown = true;
    }

    /// Forgets receivers that are gone; returns true if there were some.
    pub(super) fn forget(&mut self, is_there: impl Fn(ReceiverId) -> bool) -> bool {
        let before = self.all.len();
        self.all.retain(|wanted| is_there(wanted.receiver));
        self.all.len() < before
    }

    /// Begins to look out for newcomers.
    pub(super) fn mark(&mut self) {
        self.has_grown = false;
    }

    pub(super) fn has_grown(&self) -> bool {
        self.has_grown
    }

    /// Returns for each of the `columns` whether nobody reads it.
    pub(super) fn unwanted(&self, columns: usize) -> impl Iterator<Item = bool> {
        let nobody = self.all.is_empty();
        (0..columns).map(move |column| {
            let reads = |wanted: &Wanted| {
                wanted.columns.as_ref().is_none_or(|columns| columns.get(column).copied().unwrap_or(true))
            };
            !nobody && !self.all.iter().any(reads)
        })
    }

    /// Returns the count of rows sent at which everybody has enough; `None` if somebody never has, or nobody is there.
    pub(super) fn until(&self) -> Option<u64> {
        let mut most = None;
        for wanted in &self.all {
            most = most.max(Some(wanted.until?));
        }
        most
    }
}

impl Sender {
    /// Returns the number of rows that are still wanted, if every receiver has said [how many](crate::Wish) it wants and
    /// none may be skipped. Once that is 0, a program may stop. `None` while messages are [kept](Self::set_keep) for others.
    #[must_use]
    pub fn rows_wanted(&self) -> Option<u64> {
        if self.history.is_on() || self.on_slow != OnSlow::Block {
            return None;
        }
        self.wishes.until().map(|until| until.saturating_sub(self.stats.rows))
    }

    /// Forgets the wishes of receivers that are gone.
    #[inline]
    pub(super) fn forget_wishes(&mut self) {
        let Self { wishes, outlet, encoder, .. } = self;
        if wishes.forget(|receiver| outlet.sender.peer(receiver).is_some()) {
            encoder.leave_out(wishes.unwanted(encoder.plan().schema().fields().len()));
        }
    }
}
