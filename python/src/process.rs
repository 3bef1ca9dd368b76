//! Things that belong to this process, and not to a child that was forked from it.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Counts forks, in the child.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Called in every forked child, by `os.register_at_fork`.
#[pyfunction]
pub(crate) fn in_forked_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    bowstring::in_forked_child();
    crate::alias::in_forked_child();
}

/// A value that only the process which made it uses and drops: its threads and mappings are not there in a child.
#[derive(Debug)]
pub(crate) struct Own<T> {
    value: ManuallyDrop<T>,
    generation: u32,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Own<T> {
        Own { value: ManuallyDrop::new(value), generation: GENERATION.load(Ordering::Relaxed) }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.generation == GENERATION.load(Ordering::Relaxed)
    }

    /// The value, for whoever knows that it is ours.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Never drops the value.
    pub(crate) fn forget(&mut self) {
        self.generation = self.generation.wrapping_sub(1);
    }

    /// The value, in the process that made it.
    pub(crate) fn get(&self, what: &str) -> PyResult<&T> {
        if self.is_ours() {
            return Ok(&self.value);
        }
        Err(PyRuntimeError::new_err(format!(
            "this {what} belongs to the process that made it, and this is a forked child: open one of its own here, or \
             hand it an end of bowstring.pair()"
        )))
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            drop_value(&mut self.value);
        }
    }
}

#[allow(unsafe_code)]
fn drop_value<T>(value: &mut ManuallyDrop<T>) {
    // SAFETY: called once, from the drop of the only owner, which does not touch the value afterwards.
    unsafe { ManuallyDrop::drop(value) };
}

impl<T> Deref for Own<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
