//! SIGINT and SIGTERM: the first asks the program to end, a second ends it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// Knows whether a signal has come, on any thread that has a clone of it.
#[derive(Clone, Debug)]
pub struct Signals {
    caught: Arc<AtomicUsize>,
    any: Arc<AtomicBool>,
    /// Readable once a signal has come: a sleep that waits for it too cannot begin just behind the signal.
    wake: Arc<OwnedFd>,
}

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signals {
    /// Catches the signals from now on.
    pub fn catch() -> io::Result<Signals> {
        let caught = Arc::new(AtomicUsize::new(0));
        let any = Arc::new(AtomicBool::new(false));
        let (wake, write) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it, the second finds it up.
            flag::register_conditional_shutdown(signal, 128 + signal, any.clone())?;
            flag::register(signal, any.clone())?;
            flag::register_usize(signal, caught.clone(), signal as usize)?;
            // Last: who wakes up finds the flags up.
            pipe::register(signal, write.try_clone()?)?;
        }
        Ok(Signals { caught, any, wake: Arc::new(wake.into()) })
    }

    /// Returns the flag that the first signal raises, for whoever waits.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.any.clone()
    }

    /// Returns a descriptor that is readable once a signal has come, for whoever sleeps. It is never read.
    #[must_use]
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// The signal that has come, if one has.
    #[must_use]
    pub fn caught(&self) -> Option<Signal> {
        match self.caught.load(Ordering::Relaxed) {
            0 => None,
            signal if signal == SIGINT as usize => Some(Signal::Interrupt),
            _ => Some(Signal::Terminate),
        }
    }
}

impl Signal {
    /// Returns a shell's exit code for "ended by this signal".
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Signal::Interrupt => 128 + SIGINT as u8,
            Signal::Terminate => 128 + SIGTERM as u8,
        }
    }
}
