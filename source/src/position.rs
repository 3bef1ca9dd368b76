//! The position in files of known size that are read from front to back.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes read of the inputs, as they are stored, and their size if all of them are files.
///
/// Reading ahead, as the inference of types does, does not count.
#[derive(Debug, Default)]
pub struct Position {
    read: AtomicU64,
    /// 0 if it is not known.
    size: AtomicU64,
}

impl Position {
    /// Returns the part of the inputs that was read, from 0 to 1; `None` if their size is not known.
    #[must_use]
    pub fn part(&self) -> Option<f64> {
        let (read, size) = (self.read.load(Ordering::Relaxed), self.size.load(Ordering::Relaxed));
        // A file may grow meanwhile.
        (size > 0).then(|| (read as f64 / size as f64).min(1.0))
    }

    pub(crate) fn set_size(&self, size: Option<u64>) {
        self.size.store(size.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn go_to(&self, read: u64) {
        self.read.store(read, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}
