//! A file for one message, lent by the sender to be written to.

use core::fmt;

use crate::error::OsError;
use crate::region::Appender;
use crate::send::fanout::Fanout;
use crate::send::fanout::publish::{Label, Receipt};
use crate::send::loan::CommitFault;

/// A file for a message. [`write`](FileLoan::write) to it, then [`commit_as`](FileLoan::commit_as); dropping it instead
/// sends nothing.
#[must_use = "a loan that is dropped sends nothing"]
pub struct FileLoan<'a> {
    fanout: &'a mut Fanout,
    /// The first error, if there was one: whether it matters is known at the end.
    file: Result<Appender, OsError>,
    len: usize,
}

impl<'a> FileLoan<'a> {
    pub(crate) fn new(fanout: &'a mut Fanout, len: usize, file: Result<Appender, OsError>) -> FileLoan<'a> {
        FileLoan { fanout, file, len }
    }

    /// Writes parts one after the other from byte `at` of the message on. Write every byte of it before you commit. The
    /// error of a write is that of the commit.
    pub fn write(&mut self, at: usize, parts: &[&[u8]]) {
        if let Ok(file) = &mut self.file
            && let Err(error) = file.write(at, parts)
        {
            self.file = Err(error);
        }
    }

    /// Sends what was written to every receiver, without waiting.
    ///
    /// # Errors
    /// - [`CommitFault::Unfinished`]: the message is sent, and some receiver still lacks it. It reaches those receivers
    ///   before anything else is sent; [`Sender::finish`](crate::Sender::finish) waits for that.
    /// - [`CommitFault::Os`]: the file could not be made, and nobody was given anything.
    pub fn commit_as(self, label: Label) -> Result<Receipt, CommitFault> {
        let used = self.file.as_ref().map_or(self.len, Appender::len);
        let file = self.file.and_then(Appender::freeze);
        self.fanout.commit_with(Some(file), 0, 0, used, label)
    }
}

impl fmt::Debug for FileLoan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLoan").field("file", &self.file).finish_non_exhaustive()
    }
}
