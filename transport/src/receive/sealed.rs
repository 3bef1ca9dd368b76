//! Receives messages that are files of their own: nobody can change them, so anybody may have sent them.

use core::ops::Deref;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::abi::Closing;
use crate::connect::session::driver::Greeting;
use crate::connect::session::wire::{self, Announcement, Bye, Kind, Past, WireFault, features};
use crate::error::{Call, OsError};
use crate::peer::{Control, Credentials, Vital};
use crate::reason::{BreakOff, Words};
use crate::receive::lease::Meta;
use crate::receive::receiver::{ReceiverStats, RecvError, SenderFault, pollable};
use crate::region::FrozenView;
use crate::sys::{self, Received};
use crate::wait::{Step, Wait, Waiting, Watch};

/// A message in an immutable file. Dropping it unmaps the file.
#[derive(Debug)]
pub struct SealedMessage {
    view: FrozenView,
    fd: OwnedFd,
    meta: Meta,
}

impl SealedMessage {
    /// Returns what accompanies the message.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.meta
    }

    /// Duplicates the descriptor of the file, close-on-exec.
    pub fn duplicate(&self) -> Result<OwnedFd, OsError> {
        sys::duplicate(self.fd.as_fd())
    }

    /// Closes the descriptor and keeps the mapping, for programs that keep many messages.
    #[must_use]
    pub fn into_view(self) -> FrozenView {
        self.view
    }
}

impl Deref for SealedMessage {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.view
    }
}

impl AsRef<[u8]> for SealedMessage {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// The file itself, to pass it on.
impl AsFd for SealedMessage {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The receiving end of a channel of sealed messages.
#[derive(Debug)]
pub struct SealedReceiver {
    control: Control,
    greeting: Greeting,
    past: Past,
    last: u64,
    over: Option<RecvError>,
    /// The features in force.
    features: u64,
    /// The closing reason that was received.
    reason: Words,
    stats: ReceiverStats,
    watch: Watch,
}

impl SealedReceiver {
    pub(crate) fn new(control: Control, greeting: Greeting, features: u64, past: Past) -> SealedReceiver {
        SealedReceiver {
            control,
            greeting,
            past,
            last: 0,
            over: None,
            features,
            reason: Words::NONE,
            stats: ReceiverStats::default(),
            watch: Watch::default(),
        }
    }

    /// Returns the next message, if there is one.
    pub fn try_recv(&mut self) -> Result<Option<SealedMessage>, RecvError> {
        if let Some(over) = self.over {
            return Err(over);
        }
        let mut outcome = self.read();
        if let Ok(None) = outcome
            && self.watch.is_due()
        {
            outcome = self.look_for_the_end();
        }
        self.conclude(outcome)
    }

    /// Remembers the end, so that it stays the end. A message that this process had no descriptor for is lost, and
    /// what comes after it must not pass for the whole.
    fn conclude(
        &mut self,
        outcome: Result<Option<SealedMessage>, RecvError>,
    ) -> Result<Option<SealedMessage>, RecvError> {
        if let Err(end) = outcome
            && !matches!(end, RecvError::Os(e) if e.call() != Call::Receive)
        {
            self.over = Some(end);
        }
        outcome
    }

    fn read(&mut self) -> Result<Option<SealedMessage>, RecvError> {
        // Discard a bounded number of wake-ups in front of a message.
        for _ in 0..16 {
            let mut datagram = [0; wire::MAX_BYE];
            let mut fds = [None, None];
            let mut count = 0;
            let keep = |fd| {
                if let Some(place) = fds.get_mut(count) {
                    *place = Some(fd);
                }
                count += 1;
            };
            let bytes = match sys::receive(self.control.socket(), &mut datagram, keep)? {
                Received::Nothing => return Ok(None),
                Received::HungUp => return Err(RecvError::Crashed),
                Received::Datagram { truncated: true, .. } => return Err(fault(WireFault::Truncated)),
                Received::Datagram { bytes, .. } => bytes,
            };
            let datagram = datagram.get(..bytes).unwrap_or(&[]);
            let kind = wire::kind(datagram).map_err(fault)?;
            let wanted = usize::from(kind == Kind::Message);
            if count != wanted {
                return Err(fault(WireFault::Descriptors { found: count, wanted }));
            }
            let [fd, _] = fds;
            match (kind, fd) {
                (Kind::Message, Some(fd)) => return self.accept(datagram, fd).map(Some),
                (Kind::Bye, _) => {
                    let bye = Bye::decode(datagram, self.features).map_err(fault)?;
                    // A sender that does not count here says 0.
                    self.stats.missed = self.stats.missed.max(bye.missed);
                    self.reason = Words::new(bye.reason);
                    return Err(match Closing::read(bye.code, self.features & features::REASONS != 0) {
                        Some(Closing::Done) => RecvError::Closed,
                        Some(Closing::CutOff) => RecvError::CutOff,
                        Some(Closing::Failed) => RecvError::BrokenOff(BreakOff::Failed),
                        Some(Closing::Interrupted) => RecvError::BrokenOff(BreakOff::Interrupted),
                        None => RecvError::Fault(SenderFault::Closing(bye.code)),
                    });
                }
                (Kind::Wake, _) => {}
                (kind, _) => return Err(fault(WireFault::Unexpected(kind))),
            }
        }
        Ok(None)
    }

    /// Handles an empty queue. If the process has ended as well, the queue stays empty; what was sent between the two
    /// checks is still taken.
    fn look_for_the_end(&mut self) -> Result<Option<SealedMessage>, RecvError> {
        if self.control.vital()? == Vital::Alive {
            return Ok(None);
        }
        self.read()?.map_or(Err(RecvError::Crashed), |message| Ok(Some(message)))
    }

    fn accept(&mut self, datagram: &[u8], fd: OwnedFd) -> Result<SealedMessage, RecvError> {
        let Announcement { number, len, reply_to, tag, skipped } =
            Announcement::decode(datagram).map_err(fault)?;
        if number <= self.last {
            return Err(RecvError::Fault(SenderFault::Number { last: self.last, found: number }));
        }
        let Some(len) = usize::try_from(len).ok().filter(|&len| isize::try_from(len).is_ok()) else {
            return Err(RecvError::Fault(SenderFault::Length(len)));
        };
        let view =
            FrozenView::attach(fd.as_fd(), len).map_err(|e| RecvError::Fault(SenderFault::Region(e)))?;
        self.stats.missed += u64::from(skipped.wrapping_sub(self.stats.missed as u32));
        self.last = number;
        self.stats.messages += 1;
        self.stats.bytes += len as u64;
        Ok(SealedMessage { view, fd, meta: Meta { number, tag, reply_to } })
    }

    /// Returns the next message; waits for it forever.
    pub fn recv(&mut self) -> Result<SealedMessage, RecvError> {
        self.recv_with(Wait::sleeping())
    }

    /// Returns the next message; waits as `wait` says. Each check is a system call, so it spins little.
    pub fn recv_with(&mut self, wait: Wait) -> Result<SealedMessage, RecvError> {
        if let Some(message) = self.try_recv()? {
            return Ok(message);
        }
        let mut waiting = Waiting::begin(wait.spins(0));
        loop {
            let outcome = match waiting.step() {
                Step::Look | Step::Glance => self.read(),
                Step::Watch => self.look_for_the_end(),
                Step::Sleep(nanos) => {
                    self.stats.sleeps += 1;
                    match self.control.wait(PollFlags::IN, nanos)? {
                        (Vital::Alive, true) => self.read(),
                        (Vital::Alive, false) => Ok(None),
                        (Vital::HungUp | Vital::Dead, _) => self.look_for_the_end(),
                    }
                }
                Step::TimedOut => {
                    let last = self.look_for_the_end();
                    return self.conclude(last)?.ok_or(RecvError::TimedOut);
                }
            };
            if let Some(message) = self.conclude(outcome)? {
                return Ok(message);
            }
        }
    }

    /// Returns a new descriptor for `poll`, `epoll` or an async runtime: readable when there is a message or the
    /// sender is gone.
    pub fn pollable(&self) -> Result<OwnedFd, OsError> {
        pollable(&self.control)
    }

    /// Returns the reason of a sender that broke off, in its own words: escape them before printing to a terminal.
    /// Empty before [`RecvError::BrokenOff`], and if the sender gave none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.as_str()
    }

    /// Returns what the sender sent before this channel and will not send on it; zeroes if the sender does not say.
    #[must_use]
    pub fn past(&self) -> Past {
        self.past
    }

    /// Returns the greeting of the sender's application.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns the identity of the sender.
    #[must_use]
    pub fn peer(&self) -> Credentials {
        self.control.credentials()
    }

    /// Returns this receiver's own stats.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }
}

fn fault(fault: WireFault) -> RecvError {
    RecvError::Fault(SenderFault::Datagram(fault))
}

/// Says BYE, so that the sender can tell an end from a crash.
impl Drop for SealedReceiver {
    fn drop(&mut self) {
        let _ = sys::send(self.control.socket(), &[&wire::leaving(), &[]], &[]);
    }
}
