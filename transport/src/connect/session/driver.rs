//! The handshake over a socket: carries the machine's datagrams, enforces the deadline, and closes unexpected
//! descriptors.

use core::ops::Deref;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::error::HandshakeError;
use super::machine::{Connector, ConnectorHeard, ListenerHeard, ListenerSide, Stop};
use super::refusal::{RefusalCode, fit};
use super::wire::{self, Kind, Parameters, Past, WireFault};
use crate::error::RegionKind;
use crate::peer::{Control, Credentials, Vital};
use crate::region::private::MapSlice;
use crate::region::{FrozenView, Pages, Writable};
use crate::sys::{self, Received};

/// A connector's request, which the listening application decides on.
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'a> {
    /// The identity of the connector.
    pub peer: Credentials,
    /// Its greeting: bytes that belong to the application.
    pub greeting: &'a [u8],
    /// True if it only wants to read the stats.
    pub observer: bool,
}

/// The listening application's decision.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// Accept, with a greeting.
    Welcome(&'a [u8]),
    /// Refuse, with a reason.
    Refuse(&'a str),
}

/// The descriptors that came with a datagram, in order; any that are not taken are closed.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    slots: [Option<OwnedFd>; sys::MAX_FDS],
    count: usize,
    taken: usize,
}

impl Descriptors {
    fn keep(&mut self, fd: OwnedFd) {
        if let Some(slot) = self.slots.get_mut(self.count) {
            *slot = Some(fd);
        }
        // One beyond the last is counted and closed: the wrong count is then the error.
        self.count += 1;
    }

    /// Takes the next one. The machine has already checked the count, so this only fails on a bug.
    pub(crate) fn take(&mut self) -> Result<OwnedFd, WireFault> {
        let at = self.taken;
        self.taken += 1;
        let missing = WireFault::Descriptors { found: self.count, wanted: self.taken };
        self.slots.get_mut(at).and_then(Option::take).ok_or(missing)
    }
}

/// The other side's greeting, kept as long as the channel.
#[derive(Debug)]
pub(crate) enum Greeting {
    None,
    Inline(MapSlice<u8>),
    Sealed(FrozenView),
}

impl Deref for Greeting {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Greeting::None => &[],
            Greeting::Inline(bytes) => bytes,
            Greeting::Sealed(view) => view,
        }
    }
}

/// The state machine of one side, as the socket drives it.
pub(crate) trait Machine {
    type Heard: Copy;
    fn hear(&mut self, datagram: &[u8], descriptors: usize) -> Result<Self::Heard, Stop>;
    fn awaiting(&self) -> &'static str;
    /// Returns the peer's parameters if the datagram carried them.
    fn parameters(heard: &Self::Heard) -> Option<Parameters>;
}

impl Machine for Connector {
    type Heard = ConnectorHeard;
    fn hear(&mut self, datagram: &[u8], descriptors: usize) -> Result<ConnectorHeard, Stop> {
        self.hear(datagram, descriptors)
    }
    fn awaiting(&self) -> &'static str {
        self.awaiting()
    }
    fn parameters(heard: &ConnectorHeard) -> Option<Parameters> {
        match heard {
            ConnectorHeard::Welcome(agreement) => Some(agreement.theirs),
            ConnectorHeard::Start(_) => None,
        }
    }
}

impl Machine for ListenerSide {
    type Heard = ListenerHeard;
    fn hear(&mut self, datagram: &[u8], descriptors: usize) -> Result<ListenerHeard, Stop> {
        self.hear(datagram, descriptors)
    }
    fn awaiting(&self) -> &'static str {
        self.awaiting()
    }
    fn parameters(heard: &ListenerHeard) -> Option<Parameters> {
        match heard {
            ListenerHeard::Hello(parameters) => Some(*parameters),
            ListenerHeard::Attach(..) => None,
        }
    }
}

/// A handshake in progress on a socket.
#[derive(Debug)]
pub(crate) struct Driver<M> {
    pub(crate) control: Control,
    pub(crate) machine: M,
    pub(crate) fds: Descriptors,
    pub(crate) greeting: Greeting,
    inbox: MapSlice<u8>,
    /// The time at which this side gives up, by the monotonic clock.
    deadline: u64,
}

impl<M: Machine> Driver<M> {
    /// Starts a handshake on a connected socket. Refuses a peer that this side lacks the resources for.
    pub(crate) fn new(socket: OwnedFd, machine: M, patience: u64) -> Result<Driver<M>, HandshakeError> {
        let mut control = Control::new(socket)?;
        let prepared = control.watch().and_then(|()| MapSlice::lazy(wire::MAX_DATAGRAM));
        let inbox = prepared.inspect_err(|_| refuse_for_want(control.socket()))?;
        let (fds, greeting) = (Descriptors::default(), Greeting::None);
        let deadline = sys::now().saturating_add(patience);
        Ok(Driver { control, machine, fds, greeting, inbox, deadline })
    }

    /// Sends the parameters with the greeting and `fds`.
    pub(crate) fn introduce(
        &self,
        kind: Kind,
        mut parameters: Parameters,
        greeting: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), HandshakeError> {
        if greeting.len() > wire::MAX_GREETING {
            return Err(HandshakeError::GreetingTooLong(greeting.len()));
        }
        parameters.greeting = greeting.len() as u32;
        parameters.greeting_in_descriptor = greeting.len() > wire::INLINE_GREETING;
        if !parameters.greeting_in_descriptor {
            return self.send(&[&parameters.encode(kind), greeting], fds);
        }
        let mut region = Writable::create(c"bowstring-greeting", greeting.len(), Pages::Normal)?;
        region.copy_from_slice(greeting);
        let region = region.freeze()?;
        let mut all = [region.as_fd(); sys::MAX_FDS];
        for (place, fd) in all[1..].iter_mut().zip(fds) {
            *place = *fd;
        }
        self.send(&[&parameters.encode(kind), &[]], &all[..=fds.len()])
    }

    fn send(&self, bytes: &[&[u8]; 2], fds: &[BorrowedFd<'_>]) -> Result<(), HandshakeError> {
        match sys::send(self.control.socket(), bytes, fds) {
            Err(e) if e.is(Errno::PIPE) || e.is(Errno::CONNRESET) => Err(HandshakeError::HungUp),
            outcome => Ok(outcome?),
        }
    }

    /// Returns the refusal that a peer left before it hung up, if there is one; otherwise `error`.
    pub(crate) fn or_last_words(&mut self, error: HandshakeError) -> HandshakeError {
        if error != HandshakeError::HungUp {
            return error;
        }
        match self.hear() {
            Err(refused @ HandshakeError::Refused(_)) => refused,
            _ => error,
        }
    }

    /// Sends ATTACH or START.
    pub(crate) fn say(
        &self,
        kind: Kind,
        features: u64,
        past: Past,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), HandshakeError> {
        let (datagram, len) = wire::opening(kind, features, past);
        self.send(&[datagram.get(..len).unwrap_or(&[]), &[]], fds)
    }

    /// Tells the other side why this one will not go on. It may already be gone, which changes nothing.
    pub(crate) fn refuse(&self, code: RefusalCode, reason: &str) {
        refuse(self.control.socket(), code, reason);
    }

    /// Reads one datagram if there is one. A refusal by the other side and every fault are errors; a fault is
    /// reported to the other side.
    pub(crate) fn hear(&mut self) -> Result<Option<M::Heard>, HandshakeError> {
        self.hear_untold().inspect_err(|e| self.tell(e))
    }

    fn hear_untold(&mut self) -> Result<Option<M::Heard>, HandshakeError> {
        let mut fds = Descriptors::default();
        let bytes = match sys::receive(self.control.socket(), &mut self.inbox, |fd| fds.keep(fd))? {
            Received::Nothing => return self.nothing_heard(),
            Received::HungUp => return Err(HandshakeError::HungUp),
            Received::Datagram { truncated: true, .. } => return Err(WireFault::Truncated.into()),
            Received::Datagram { bytes, .. } => bytes,
        };
        let datagram = self.inbox.get(..bytes).ok_or(WireFault::Truncated)?;
        let heard = self.machine.hear(datagram, fds.count)?;
        self.fds = fds;
        if let Some(parameters) = M::parameters(&heard) {
            self.note_parameters(parameters, bytes)?;
        }
        Ok(Some(heard))
    }

    /// Keeps the peer's greeting and its own word for its process.
    fn note_parameters(&mut self, parameters: Parameters, bytes: usize) -> Result<(), HandshakeError> {
        self.control.trust_pid(i32::try_from(parameters.pid).unwrap_or(0))?;
        let len = parameters.greeting as usize;
        self.greeting = if len == 0 {
            Greeting::None
        } else if parameters.greeting_in_descriptor {
            let fd = self.fds.take()?;
            let view = FrozenView::attach(fd.as_fd(), len);
            Greeting::Sealed(view.map_err(|e| HandshakeError::Region(RegionKind::Greeting, e))?)
        } else {
            let mut kept = MapSlice::lazy(len)?;
            kept.copy_from_slice(self.inbox.get(wire::PARAMETERS..bytes).unwrap_or(&[]));
            Greeting::Inline(kept)
        };
        Ok(())
    }

    /// Returns the nanoseconds until this side gives up.
    pub(crate) fn left(&self) -> u64 {
        self.deadline.saturating_sub(sys::now())
    }

    fn nothing_heard(&self) -> Result<Option<M::Heard>, HandshakeError> {
        if sys::now() >= self.deadline {
            return Err(HandshakeError::TimedOut(self.machine.awaiting()));
        }
        // A dead process whose child still holds the socket would otherwise cost the whole patience.
        if self.control.vital()? == Vital::Dead { Err(HandshakeError::HungUp) } else { Ok(None) }
    }

    /// Reports an error to the other side, if it can learn from it.
    pub(crate) fn tell(&self, error: &HandshakeError) {
        match error {
            HandshakeError::Wire(WireFault::Version(_)) => {
                self.refuse(RefusalCode::Version, "this side speaks version 1")
            }
            HandshakeError::Wire(WireFault::Socket) => {
                self.refuse(RefusalCode::Descriptor, "the second socket was refused")
            }
            HandshakeError::Wire(_) => {
                self.refuse(RefusalCode::Malformed, "a datagram of the handshake made no sense")
            }
            HandshakeError::Region(kind, _) => {
                let reason = match kind {
                    RegionKind::Pool => "the pool's descriptor was refused",
                    RegionKind::Board => "the board's descriptor was refused",
                    RegionKind::Ledger => "the ledger's descriptor was refused",
                    RegionKind::StatsRegion => "the statistics region's descriptor was refused",
                    RegionKind::Sealed | RegionKind::Greeting => "the greeting's descriptor was refused",
                };
                self.refuse(RefusalCode::Descriptor, reason);
            }
            HandshakeError::Denied { is_mapped: true, .. } => {
                self.refuse(RefusalCode::Denied, "this user is not let in");
            }
            HandshakeError::Denied { is_mapped: false, .. } => {
                self.refuse(
                    RefusalCode::Denied,
                    "this user is not mapped in the user namespace of the other side",
                );
            }
            HandshakeError::TimedOut(_) => self.refuse(RefusalCode::Malformed, "the handshake took too long"),
            HandshakeError::Os(_) => refuse_for_want(self.control.socket()),
            HandshakeError::Full => self.refuse(RefusalCode::Full, "every place is taken"),
            HandshakeError::Declined(code) => {
                let reason = match code {
                    RefusalCode::NoSender => "both sides want to receive",
                    RefusalCode::NoReceiver => "both sides want to send",
                    RefusalCode::NoDelivery => "no delivery suits both sides",
                    RefusalCode::Geometry => "the pool is not of a shape that suits both sides",
                    _ => "refused",
                };
                self.refuse(*code, reason);
            }
            _ => {}
        }
    }

    /// Reads one datagram, waiting for it until the deadline.
    pub(crate) fn await_word(&mut self) -> Result<M::Heard, HandshakeError> {
        loop {
            if let Some(heard) = self.hear()? {
                return Ok(heard);
            }
            let left = self.left().max(1);
            self.control.wait(PollFlags::IN, left)?;
        }
    }
}

/// Sends a refusal, after which this side reads no more.
fn refuse(socket: BorrowedFd<'_>, code: RefusalCode, reason: &str) {
    let reason = fit(reason).as_bytes();
    let _ = sys::send(socket, &[&wire::refuse(code as u32, reason.len()), reason], &[]);
    // Closing with something unread makes the peer read a reset ahead of the refusal. What it sends from now on fails
    // at its end; what came before is taken out.
    let _ = sys::stop_reading(socket);
    while let Ok(Received::Datagram { .. }) = sys::receive(socket, &mut [0; wire::PREFIX], drop) {}
}

/// Refuses a peer because this side has no memory or descriptors left.
pub(crate) fn refuse_for_want(socket: BorrowedFd<'_>) {
    refuse(socket, RefusalCode::Resources, "this side ran out of memory or descriptors");
}
