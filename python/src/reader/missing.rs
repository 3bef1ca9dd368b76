//! The rows that a reader was not given, in words.

use bowstring::Missed;

/// The rows that a reader was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Sent before it came.
    pub(crate) before: Missed,
    /// Batches that writers skipped it for, as far as is known.
    pub(crate) skipped: u64,
    /// Writers that broke off, where another one went on.
    pub(crate) interruptions: u64,
}

impl Missing {
    pub(super) fn add_before(&mut self, before: Missed) {
        self.before.batches = self.before.batches.saturating_add(before.batches);
        self.before.rows = self.before.rows.saturating_add(before.rows);
    }

    /// Leaves out what the program has said that it accepts.
    pub(super) fn without(mut self, from_now: bool, allow_gaps: bool) -> Missing {
        if from_now {
            self.before = Missed::default();
        }
        if allow_gaps {
            (self.skipped, self.interruptions) = (0, 0);
        }
        self
    }

    /// Returns what is missing, and how to accept it; `None` if nothing is.
    pub(crate) fn words(self) -> Option<String> {
        let mut parts = Vec::new();
        if self.before.batches > 0 {
            parts.push(format!(
                "the beginning: {} rows in {} batches were sent before this reader came (from_now=True accepts that; \
                 Writer(keep=N) keeps the last N batches)",
                self.before.rows, self.before.batches
            ));
        }
        if self.skipped > 0 {
            parts.push(format!(
                "{} batches that the writer skipped this reader for, because it was slow (allow_gaps=True accepts that)",
                self.skipped
            ));
        }
        if self.interruptions > 0 {
            parts.push(format!(
                "rows between one writer and the next, {} times, or they came twice (allow_gaps=True accepts that)",
                self.interruptions
            ));
        }
        (!parts.is_empty()).then(|| format!("this table is not whole; missing: {}", parts.join("; ")))
    }
}
