//! A memory file that is written from front to back and then frozen, without its writer ever mapping it.
//!
//! `write` neither faults pages in nor zeroes those that it fills whole, so for long contents this is twice as fast
//! as filling a [`Writable`](super::Writable).

use core::ffi::CStr;

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, IoSlice};

use super::memfd::{FROZEN, Frozen, Pages, create_sealable};
use crate::error::{Call, OsError};
use crate::sys;

/// Parts of one system call.
const AT_ONCE: usize = 16;

/// A region that grows by appending; its descriptor has not left this process.
#[derive(Debug)]
pub struct Appender {
    fd: OwnedFd,
    len: usize,
}

impl Appender {
    /// Creates an empty region. `name` is what `/proc/self/maps` shows.
    ///
    /// ```
    /// use bowstring_transport::region::Appender;
    /// let mut region = Appender::create(c"words")?;
    /// region.append(b"one ")?;
    /// region.append(b"two")?;
    /// assert_eq!(region.freeze()?.len(), 7);
    /// # Ok::<(), bowstring_transport::OsError>(())
    /// ```
    pub fn create(name: &CStr) -> Result<Appender, OsError> {
        Ok(Appender { fd: create_sealable(name, Pages::Normal)?, len: 0 })
    }

    /// Appends `bytes`. After an error the region is unusable.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), OsError> {
        self.write(self.len, &[bytes])
    }

    /// Writes parts one after the other from byte `at` on. Write every byte below the end before you freeze: receivers
    /// refuse a file with holes. After an error the region is unusable.
    ///
    /// ```
    /// use bowstring_transport::region::Appender;
    /// let mut region = Appender::create(c"words")?;
    /// region.write(4, &[b"two ", b"three"])?;
    /// region.write(0, &[b"one "])?;
    /// assert_eq!(region.freeze()?.len(), 13);
    /// # Ok::<(), bowstring_transport::OsError>(())
    /// ```
    pub fn write(&mut self, at: usize, parts: &[&[u8]]) -> Result<(), OsError> {
        let too_long = OsError::new(Call::Write, Errno::FBIG);
        let end = parts.iter().try_fold(at, |end, part| end.checked_add(part.len()));
        let end = end.filter(|&end| isize::try_from(end).is_ok()).ok_or(too_long)?;
        // Exceeding RLIMIT_FSIZE would raise a signal, which kills by default.
        if sys::file_size_limit().is_some_and(|most| end as u64 > most) {
            return Err(too_long);
        }
        let mut at = at;
        for parts in parts.chunks(AT_ONCE) {
            let len: usize = parts.iter().map(|part| part.len()).sum();
            let mut done = 0;
            while done < len {
                match self.write_some(at, parts, done)? {
                    0 => return Err(OsError::new(Call::Write, Errno::NOSPC)),
                    written => done += written,
                }
            }
            at += len;
        }
        self.len = self.len.max(end);
        Ok(())
    }

    /// Writes what is left of up to [`AT_ONCE`] parts after the first `done` bytes; returns how much was written.
    fn write_some(&self, at: usize, parts: &[&[u8]], done: usize) -> Result<usize, OsError> {
        let mut left = [IoSlice::new(&[]); AT_ONCE];
        let mut skip = done;
        for (left, part) in left.iter_mut().zip(parts) {
            let skipped = skip.min(part.len());
            *left = IoSlice::new(part.get(skipped..).unwrap_or_default());
            skip -= skipped;
        }
        let left = left.get(..parts.len()).unwrap_or_default();
        sys::write_parts_at(self.fd.as_fd(), left, (at + done) as u64)
    }

    /// Returns the end of what was written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Seals the region so that nobody ever writes to it again, this process included.
    pub fn freeze(self) -> Result<Frozen, OsError> {
        sys::add_seals(self.fd.as_fd(), FROZEN)?;
        Ok(Frozen::new(self.fd, self.len))
    }
}
