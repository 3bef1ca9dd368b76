//! A memory file that is written from front to back and then frozen, without its writer ever mapping it.
//!
//! `write` neither faults pages in nor zeroes those that it fills whole, so for long contents this is twice as fast
//! as filling a [`Writable`](super::Writable).

use core::ffi::CStr;

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

use super::memfd::{FROZEN, Frozen, Pages, create_sealable};
use crate::error::{Call, OsError};
use crate::sys;

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
        let end = self.len.checked_add(bytes.len()).filter(|&end| isize::try_from(end).is_ok());
        let end = end.ok_or(OsError::new(Call::Write, Errno::FBIG))?;
        // Exceeding RLIMIT_FSIZE would raise a signal, which kills by default.
        if sys::file_size_limit().is_some_and(|most| end as u64 > most) {
            return Err(OsError::new(Call::Write, Errno::FBIG));
        }
        let mut left = bytes;
        while !left.is_empty() {
            match sys::write_at(self.fd.as_fd(), left, self.len as u64)? {
                0 => return Err(OsError::new(Call::Write, Errno::NOSPC)),
                written => {
                    self.len += written;
                    left = left.get(written..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Returns the bytes written so far.
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
