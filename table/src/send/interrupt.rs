//! A flag that ends a sender's waits.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that ends every wait of the sender it was given to. Setting it is safe in a signal handler.
///
/// ```
/// use bowstring::Interrupt;
/// let interrupt = Interrupt::default();
/// interrupt.set();
/// assert!(interrupt.is_set());
/// ```
#[derive(Clone, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    /// Also checked, if there is one.
    question: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Readable once the flag is raised, if there is such a descriptor.
    wake: Option<Arc<OwnedFd>>,
}

impl Interrupt {
    /// Calls `question` about twenty times a second during a wait, which ends once it returns true: for programs that
    /// poll for signals, as Python does.
    pub fn asking(question: impl Fn() -> bool + Send + Sync + 'static) -> Interrupt {
        Interrupt { question: Some(Arc::new(question)), ..Interrupt::default() }
    }

    /// Also wakes up who sleeps when `wake` becomes readable, as a pipe does that a signal handler writes to once it has
    /// raised the flag. Without it, a sleep that waits for receivers ends each second to look at the flag.
    #[must_use]
    pub fn waking(self, wake: OwnedFd) -> Interrupt {
        Interrupt { wake: Some(Arc::new(wake)), ..self }
    }

    /// Returns what to sleep on, if the flag need not be asked for meanwhile.
    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().filter(|_| self.question.is_none()).map(|wake| wake.as_fd())
    }

    /// Ends the waits. It cannot be undone.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Returns true if it was set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.question.as_ref().is_some_and(|question| question())
    }
}

/// A flag that something else sets, such as a signal handler.
impl From<Arc<AtomicBool>> for Interrupt {
    fn from(flag: Arc<AtomicBool>) -> Interrupt {
        Interrupt { flag, ..Interrupt::default() }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("flag", &self.flag).finish_non_exhaustive()
    }
}
