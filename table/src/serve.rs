//! A sender that serves its receivers between calls.
//!
//! A [`Sender`] does its housekeeping while it sends. In a program that pauses (a stream that is silent, a user at a
//! prompt) nobody could connect meanwhile. [`Served`] has a thread for that: it sleeps until somebody connects,
//! speaks or hangs up, takes the sender for its turn, accepts newcomers, takes back what the dead held, and sleeps
//! again.
//!
//! Without a receiver, what is sent waits for the next one, if there is room. A sender that [keeps](Sender::set_keep)
//! its last messages never waits for a first receiver: later receivers get what is kept.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{Int64Array, RecordBatch};
//! use bowstring::{Receiver, Sender, serve::Served, transport};
//! use transport::{Deliveries, Listener, Connector, SenderConfig};
//!
//! let path = std::env::temp_dir().join(format!("bowstring-served-{}.sock", std::process::id()));
//! let path = path.as_os_str().as_encoded_bytes();
//! let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
//! let batch = RecordBatch::try_from_iter([("n", column)])?;
//!
//! let sender = Sender::new(batch.schema(), SenderConfig::new())?;
//! let served = Served::new(sender, Some(Listener::bind(path)?), 1 << 20)?;
//! served.send(&batch, None)?; // There is no receiver yet: the batch waits.
//!
//! // This thread calls nothing of the sender's from here on.
//! let mut receiver = Receiver::open(Connector::new(Deliveries::ANY).connect(path)?)?;
//! assert_eq!(receiver.next_batch()?.unwrap().into_record_batch()?, batch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod thread;
mod waiting_room;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bowstring_codec::build::Fields;
use bowstring_codec::{BuildError, Shape};
use bowstring_transport::{Call, End, HandshakeError, Listener, OsError};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fd::{AsFd, OwnedFd};

use self::waiting_room::WaitingRoom;
use crate::error::{SendError, SetUpError};
use crate::send::{Draft, Interrupt, Sender};
use crate::turn::{Taken, Turn};

/// The time to wait for a turn before checking for interruptions.
const SLICE: Duration = Duration::from_millis(50);

/// A sender with a thread that serves its receivers between calls. Any thread may send.
///
/// Dropping it ends the table at once: batches that wait for a first receiver are lost. Call [`finish`](Self::finish)
/// first if somebody may still connect.
#[derive(Debug)]
pub struct Served {
    turn: Turn<Serving>,
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

/// Signals to the thread.
#[derive(Debug)]
struct Signals {
    /// Wakes the thread.
    bell: OwnedFd,
    /// Hand over what waits, then end.
    finish: AtomicBool,
    /// End now.
    stop: Arc<AtomicBool>,
}

/// The sender, for one turn.
#[derive(Debug)]
pub struct Serving {
    sender: Sender,
    waiting: WaitingRoom,
    /// True if a receiver has crashed and no caller knows of it.
    crashed: bool,
    /// True if something kept was sent without a receiver, and none has come since.
    unseen: bool,
    /// The error of a waiting batch that could not be sent, until a caller knows of it.
    lost: Option<SendError>,
    /// True if there was such a batch.
    incomplete: bool,
}

impl Served {
    /// Serves `sender` on a thread of its own. Batches sent without a receiver are kept for the next one, up to
    /// `room` bytes of them.
    pub fn new(mut sender: Sender, listener: Option<Listener>, room: usize) -> Result<Served, SetUpError> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(host)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(host)?;
        thread::watch(&set, bell.as_fd(), thread::BELL).map_err(host)?;
        if let Some(listener) = listener {
            thread::watch(&set, listener.as_fd(), thread::LISTENER).map_err(host)?;
            sender.listen(listener);
        }
        let signals = Arc::new(Signals { bell, finish: AtomicBool::new(false), stop: Arc::default() });
        let turn = Turn::new(Serving {
            sender,
            waiting: WaitingRoom::new(room),
            crashed: false,
            unseen: false,
            lost: None,
            incomplete: false,
        });
        let thread = std::thread::Builder::new()
            .name("bowstring-serve".into())
            .spawn({
                let (turn, signals) = (turn.clone(), signals.clone());
                move || thread::serve(&turn, &signals, &set)
            })
            .map_err(|error| {
                let code = rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::AGAIN);
                host(code)
            })?;
        Ok(Served { turn, signals, thread: Some(thread) })
    }

    /// Takes the sender for a turn; waits up to `patience` while another thread has it. Nobody is served until it is
    /// dropped.
    pub fn take(&self, patience: Duration) -> Option<Taken<Serving>> {
        self.turn.take(patience)
    }

    /// Sends a batch; waits up to `patience` for its turn and for room. See [`Serving::send`].
    pub fn send(&self, batch: &RecordBatch, patience: Option<Duration>) -> Result<(), SendError> {
        self.send_unless(batch, patience, &Interrupt::default())
    }

    /// Sends a batch as [`send`](Self::send) does, unless `interrupt` is set meanwhile.
    pub fn send_unless(
        &self,
        batch: &RecordBatch,
        patience: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<(), SendError> {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut serving = self.turn_before(until, interrupt)?;
        serving.send(batch, until, interrupt)
    }

    /// Takes the sender for a turn that begins before `until`, unless `interrupt` is set meanwhile.
    pub fn turn_before(
        &self,
        until: Option<Instant>,
        interrupt: &Interrupt,
    ) -> Result<Taken<Serving>, SendError> {
        loop {
            let left =
                until.map_or(SLICE, |until| until.saturating_duration_since(Instant::now()).min(SLICE));
            if let Some(serving) = self.turn.take(left) {
                return Ok(serving);
            }
            if self.is_finished() {
                return Err(SendError::NoReceiver(None));
            }
            if interrupt.is_set() {
                return Err(SendError::Interrupted);
            }
            if left.is_zero() {
                return Err(SendError::TimedOut);
            }
        }
    }

    /// Ends the table once the waiting batches have been handed over. Does not wait for that: see
    /// [`wait_finished`](Self::wait_finished).
    pub fn finish(&self) {
        self.signals.finish.store(true, Ordering::Release);
        self.signals.ring();
    }

    /// Returns true if the table has ended: everything was handed over, and the path is gone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits up to `patience` for the end requested by [`finish`](Self::finish). Returns true if it came.
    pub fn wait_finished(&self, patience: Duration) -> bool {
        let until = Instant::now().checked_add(patience);
        let mut pause = Duration::from_micros(100);
        while !self.is_finished() {
            if until.is_some_and(|until| Instant::now() >= until) {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
        true
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::Release);
        self.signals.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Signals {
    fn ring(&self) {
        // A bell that is full has been noticed already.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

impl Serving {
    /// Returns the sender itself.
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// Finds room for a batch that is computed in place: see [`Sender::draft`]. There is none while batches wait for a
    /// receiver, or an error for a caller.
    pub fn draft(
        &mut self,
        shape: Shape,
        patience: Duration,
        look: impl FnOnce(&mut Fields<'_>) -> Result<(), BuildError>,
    ) -> Result<Option<Draft>, SendError> {
        if self.lost.is_some() || self.waiting.len() > 0 {
            return Ok(None);
        }
        self.sender.draft(shape, patience, look)
    }

    /// Gives up the table before its end, and what waits with it: see [`Sender::abandon`].
    pub fn abandon(self) {
        self.sender.abandon();
    }

    /// Returns the number of batches that wait for a receiver, or for a newcomer to make room for them.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let kept = if self.unseen { self.sender.kept() } else { 0 };
        let unfinished = usize::from(!self.sender.is_finished());
        self.waiting.len() + kept + self.sender.newcomers() + unfinished
    }

    /// Records that a receiver has everything that is kept.
    fn note_seen(&mut self) {
        self.unseen &= self.sender.receivers() == 0 || self.sender.newcomers() > 0;
    }

    /// Sends a batch to the connected receivers. If there are none it is copied and waits for the next one; without
    /// room for it, this waits until one connects. A sender that keeps its last messages keeps this one.
    ///
    /// Unless messages are kept, the crash of the last receiver is reported once, by [`SendError::NoReceiver`], and
    /// the batch is not kept then.
    pub fn send(
        &mut self,
        batch: &RecordBatch,
        until: Option<Instant>,
        interrupt: &Interrupt,
    ) -> Result<(), SendError> {
        self.sender.interrupt_by(interrupt.clone());
        let sent = self.send_until(batch, until);
        self.sender.interrupt_by(Interrupt::default());
        sent
    }

    /// Waits until the connected receivers were given everything that was sent.
    pub fn flush(&mut self, until: Option<Instant>, interrupt: &Interrupt) -> Result<(), SendError> {
        self.sender.interrupt_by(interrupt.clone());
        self.set_patience(until);
        let flushed = match self.sender.receivers() {
            0 => Ok(()),
            _ => self.waiting.hand_over(&mut self.sender).and_then(|()| self.sender.resume()),
        };
        self.sender.interrupt_by(Interrupt::default());
        match flushed {
            // The last one left during the wait; the next call that sends reports a crash.
            Err(SendError::NoReceiver(_)) => Ok(()),
            flushed => flushed,
        }
    }

    fn send_until(&mut self, batch: &RecordBatch, until: Option<Instant>) -> Result<(), SendError> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        self.sender.poll_accept_if_due()?;
        self.note_seen();
        loop {
            self.hear_of_the_departed();
            if self.sender.keeps() {
                self.crashed = false;
                self.set_patience(until);
                self.unseen |= self.sender.receivers() == 0;
                match self.sender.send(batch) {
                    // A newcomer left before anything of this batch was sent.
                    Err(SendError::NoReceiver(_)) => continue,
                    sent => return sent,
                }
            }
            if self.sender.receivers() == 0 {
                if std::mem::take(&mut self.crashed) {
                    return Err(SendError::NoReceiver(Some(End::Crashed)));
                }
                self.sender.check(batch)?;
                if self.waiting.keep(batch)? {
                    return Ok(());
                }
                self.await_receiver(until)?;
            }
            self.crashed = false;
            self.set_patience(until);
            let sent = match self.waiting.hand_over(&mut self.sender) {
                Ok(()) => self.sender.send(batch),
                Err(error) => {
                    self.incomplete |= waiting_room::is_hopeless(&error);
                    Err(error)
                }
            };
            match sent {
                // The last one left during the wait.
                Err(SendError::NoReceiver(_)) => {}
                sent => return sent,
            }
        }
    }

    fn set_patience(&mut self, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        self.sender.set_wait(bowstring_transport::Wait::sleeping(), left);
    }

    fn await_receiver(&mut self, until: Option<Instant>) -> Result<(), SendError> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self.sender.wait_for_receivers(1, left) {
            Ok(()) => Ok(()),
            Err(SetUpError::Interrupted) => Err(SendError::Interrupted),
            Err(SetUpError::Meet(HandshakeError::TimedOut(_))) => Err(SendError::TimedOut),
            Err(SetUpError::Host(error)) => Err(SendError::Host(error)),
            // An error of a newcomer concerns nobody else.
            Err(_) => Ok(()),
        }
    }

    fn hear_of_the_departed(&mut self) {
        while let Some((_, end)) = self.sender.next_departed() {
            self.crashed = end == End::Crashed;
        }
        // It may not have read what it was sent, so what is kept waits for somebody else.
        self.unseen |= self.crashed && self.sender.receivers() == 0 && self.sender.kept() > 0;
    }
}

fn host(errno: rustix::io::Errno) -> SetUpError {
    SetUpError::Host(OsError::new(Call::Epoll, errno))
}

#[cfg(test)]
mod tests;
