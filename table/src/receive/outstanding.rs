//! Counts the batches that are still held, and their memory.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The memory that a receiver's arrays hold: counted when arrays are made over shared memory, and uncounted when the
/// last of them is dropped, on any thread.
#[derive(Debug, Default)]
pub struct Outstanding {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Outstanding {
    /// Returns the number of messages held: leases of slots, or mappings of sealed files.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }

    /// Returns the bytes that they take: whole slots, where they lie in slots.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Changes in a forked child that reports itself: see [`in_forked_child`].
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Tells this crate that the process is a forked child.
///
/// Leases belong to the parent. Arrays that the child inherits no longer give anything back when they are dropped:
/// the parent does that.
pub fn in_forked_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The memory of a message, kept while arrays refer to it.
#[derive(Debug)]
pub(super) struct Held<M: AsRef<[u8]>> {
    memory: ManuallyDrop<M>,
    /// The bytes that it takes.
    taken: usize,
    outstanding: Arc<Outstanding>,
    generation: u32,
}

impl<M: AsRef<[u8]>> Held<M> {
    pub(super) fn new(memory: M, taken: usize, outstanding: &Arc<Outstanding>) -> Held<M> {
        outstanding.messages.fetch_add(1, Ordering::Relaxed);
        outstanding.bytes.fetch_add(taken, Ordering::Relaxed);
        Held {
            memory: ManuallyDrop::new(memory),
            taken,
            outstanding: outstanding.clone(),
            generation: GENERATION.load(Ordering::Relaxed),
        }
    }
}

impl<M: AsRef<[u8]>> AsRef<[u8]> for Held<M> {
    fn as_ref(&self) -> &[u8] {
        (*self.memory).as_ref()
    }
}

impl<M: AsRef<[u8]>> Drop for Held<M> {
    fn drop(&mut self) {
        // In a forked child the lease is not ours to give back, and its ledger is not mapped.
        if self.generation != GENERATION.load(Ordering::Relaxed) {
            return;
        }
        self.outstanding.messages.fetch_sub(1, Ordering::Relaxed);
        self.outstanding.bytes.fetch_sub(self.taken, Ordering::Relaxed);
        drop_memory(&mut self.memory);
    }
}

#[allow(unsafe_code)]
fn drop_memory<M>(memory: &mut ManuallyDrop<M>) {
    // SAFETY: called once, from the drop of the only owner, which does not touch the memory afterwards.
    unsafe { ManuallyDrop::drop(memory) };
}
