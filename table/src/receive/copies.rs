//! Private memory for copies of messages, reused.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_buffer::MutableBuffer;

/// Buffers that are kept for the next copy. More exist only while batches are held.
const KEPT: usize = 8;

type Free = Arc<Mutex<Vec<MutableBuffer>>>;

/// The source of buffers for copies, to which they return.
#[derive(Debug)]
pub(crate) struct Copies {
    free: Free,
}

/// A private copy of a message. Dropping it, on any thread, gives the memory back for the next copy.
#[derive(Debug)]
pub(crate) struct Copy {
    bytes: MutableBuffer,
    home: Free,
}

impl Copies {
    pub(crate) fn new() -> Copies {
        Copies { free: Arc::new(Mutex::new(Vec::with_capacity(KEPT))) }
    }

    /// Returns memory for `len` bytes, which holds an earlier copy or zeroes.
    pub(crate) fn take(&self, len: usize) -> Copy {
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut bytes = kept.unwrap_or_else(|| MutableBuffer::new(len));
        bytes.resize(len, 0);
        Copy { bytes, home: self.free.clone() }
    }
}

impl Copy {
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.as_slice_mut()
    }
}

impl AsRef<[u8]> for Copy {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

impl std::ops::Deref for Copy {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        // Within capacity, so that giving back does not allocate.
        if free.len() < KEPT {
            free.push(bytes);
        }
    }
}
