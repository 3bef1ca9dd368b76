//! Connecting on a thread of its own, for callers that wait in slices and may give up.

use std::ffi::{OsStr, OsString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowstring_transport::{Call, HandshakeError, OsError};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::{Receiver, ReceiverBuilder};
use crate::error::SetUpError;

/// A connection that is being made: see [`ReceiverBuilder::connect_in_background`]. Dropping it gives the connection up.
#[derive(Debug)]
pub struct Connecting {
    outcome: mpsc::Receiver<Result<Receiver, SetUpError>>,
    stop: Arc<Stop>,
}

/// The end of a connection that nobody wants any more.
#[derive(Debug, Default)]
pub(super) struct Stop {
    asked: AtomicBool,
    /// The socket of the handshake that is under way.
    socket: Mutex<Option<OwnedFd>>,
}

impl Stop {
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Remembers the socket of the next handshake.
    pub(super) fn will_end(&self, socket: &OwnedFd) -> Result<(), SetUpError> {
        let ours = socket.try_clone().map_err(|error| host(&error))?;
        let mut place = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(ours);
        // Asked for before it was there.
        if self.is_asked() {
            hang_up(place.as_ref());
        }
        Ok(())
    }

    fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
        hang_up(self.socket.lock().unwrap_or_else(PoisonError::into_inner).as_ref());
    }
}

fn hang_up(socket: Option<&OwnedFd>) {
    if let Some(socket) = socket {
        // A socket that is closed already has no handshake to end.
        let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
    }
}

fn host(error: &std::io::Error) -> SetUpError {
    let errno = Errno::from_io_error(error).unwrap_or(Errno::AGAIN);
    SetUpError::Host(OsError::new(Call::Connect, errno))
}

impl ReceiverBuilder {
    /// Connects as [`connect`](Self::connect) does, on a thread of its own, also after a sender that is about to end and
    /// hangs up.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bowstring::{Receiver, SetUpError};
    /// let senders = Receiver::builder().wait_for_sender(Duration::from_secs(60));
    /// let connecting = senders.connect_in_background("ticks")?;
    /// let receiver = loop {
    ///     if let Some(outcome) = connecting.wait(Duration::from_millis(50)) {
    ///         break outcome?;
    ///     }
    ///     // Something else; or leave, which gives the connection up.
    /// };
    /// # Ok::<(), SetUpError>(())
    /// ```
    pub fn connect_in_background(&self, address: impl AsRef<OsStr>) -> Result<Connecting, SetUpError> {
        let address: OsString = address.as_ref().to_owned();
        self.in_background(move |builder, stop| builder.connect_until(&address, true, Some(stop)))
    }

    /// Connects over a socket as [`connect_socket`](Self::connect_socket) does, on a thread of its own.
    pub fn connect_socket_in_background(&self, socket: OwnedFd) -> Result<Connecting, SetUpError> {
        self.in_background(move |builder, stop| {
            stop.will_end(&socket)?;
            builder.connect_socket(socket)
        })
    }

    fn in_background(
        &self,
        connect: impl FnOnce(&ReceiverBuilder, &Stop) -> Result<Receiver, SetUpError> + Send + 'static,
    ) -> Result<Connecting, SetUpError> {
        let (tell, outcome) = mpsc::sync_channel(1);
        let stop = Arc::<Stop>::default();
        let (builder, stopped) = (self.clone(), stop.clone());
        let thread = move || {
            let connected = connect(&builder, &stopped);
            // The duplicate would keep the channel open.
            drop(stopped.socket.lock().unwrap_or_else(PoisonError::into_inner).take());
            // Nobody waits any more if it was given up.
            let _ = tell.send(connected);
        };
        let begun = std::thread::Builder::new().name("bowstring-connect".into()).spawn(thread);
        begun.map_err(|error| host(&error))?;
        Ok(Connecting { outcome, stop })
    }
}

impl Connecting {
    /// Waits up to `patience` for the outcome; `None` if there is none yet. There is one only once.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Option<Result<Receiver, SetUpError>> {
        match self.outcome.recv_timeout(patience) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            // The outcome was taken, or its thread panicked.
            Err(RecvTimeoutError::Disconnected) => Some(Err(HandshakeError::HungUp.into())),
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.stop.ask();
    }
}
