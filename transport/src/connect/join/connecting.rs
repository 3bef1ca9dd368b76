//! The connecting side of a handshake; it waits for the other.

use rustix::fd::{AsFd, OwnedFd};

use super::regions::{Ours, Theirs};
use super::{Joined, Wants, build, parameters};
use crate::connect::observer::RegionId;
use crate::connect::session::HandshakeError;
use crate::connect::session::driver::{Driver, Greeting};
use crate::connect::session::machine::{Agreement, Connector, ConnectorHeard};
use crate::connect::session::wire::{Kind, Past};
use crate::error::RegionKind;
use crate::peer::{Access, Process};
use crate::send::fanout::Fanout;
use crate::stats::PeerStats;
use crate::sys;

/// The machine accepts each datagram only in its turn.
const OUT_OF_TURN: HandshakeError =
    HandshakeError::Internal("the connector's machine let a datagram through out of turn");

/// Performs the handshake as the connecting side; waits for the other.
pub(crate) fn connect(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
    greeting: &[u8],
    fanout: Option<&mut Fanout>,
    wants: Option<&Wants>,
) -> Result<Joined, HandshakeError> {
    if fanout.as_ref().is_some_and(|fanout| !fanout.has_place()) {
        return Err(HandshakeError::Full);
    }
    let ours = parameters(fanout.as_deref(), wants, false);
    let mut driver = Driver::new(socket, Connector::new(ours), patience)?;
    access.check(driver.control.credentials().uid)?;
    driver.introduce(Kind::Hello, ours, greeting, &[]).map_err(|e| driver.or_last_words(e))?;
    let (agreement, ours, theirs, second) = answer_welcome(&mut driver, fanout.as_deref())
        .map_err(|e| driver.or_last_words(e))
        .inspect_err(|e| driver.tell(e))?;
    let ConnectorHeard::Start(past) = driver.await_word()? else { return Err(OUT_OF_TURN) };
    let Driver { control, greeting, .. } = driver;
    // For the connector, the first socket carries the incoming direction, if there is one.
    let sockets = match second {
        Some(second) => (Some(control.beside(second)?), Some(control)),
        None if agreement.incoming.is_some() => (None, Some(control)),
        None => (Some(control), None),
    };
    build(&agreement, ours, theirs, greeting, past, sockets, fanout.as_deref())?.open(fanout)
}

/// Reads the WELCOME, attaches its regions, and sends this side's descriptors.
fn answer_welcome(
    driver: &mut Driver<Connector>,
    fanout: Option<&Fanout>,
) -> Result<(Agreement, Ours, Theirs, Option<OwnedFd>), HandshakeError> {
    let ConnectorHeard::Welcome(agreement) = driver.await_word()? else { return Err(OUT_OF_TURN) };
    let ours = Ours::make(&agreement, fanout)?;
    let theirs = Theirs::attach(driver, &agreement, &ours)?;
    let (second, far) = match agreement.is_duplex() {
        true => {
            let (near, far) = sys::socket_pair()?;
            (Some(near), Some(far))
        }
        false => (None, None),
    };
    let (features, past) = (agreement.features, fanout.map_or(Past::default(), |fanout| fanout.past));
    ours.with_descriptors(fanout, |fds| match &far {
        None => driver.say(Kind::Attach, features, past, fds),
        Some(far) => {
            let mut all = [far.as_fd(); sys::MAX_FDS];
            for (place, fd) in all[1..].iter_mut().zip(fds) {
                *place = *fd;
            }
            driver.say(Kind::Attach, features, past, &all[..=fds.len()])
        }
    })?;
    Ok((agreement, ours, theirs, second))
}

/// Asks a sender for its stats.
pub(crate) fn observe(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
) -> Result<(PeerStats, RegionId, Process, Greeting), HandshakeError> {
    let ours = parameters(None, None, true);
    let mut driver = Driver::new(socket, Connector::new(ours), patience)?;
    access.check(driver.control.credentials().uid)?;
    driver.introduce(Kind::Hello, ours, &[], &[]).map_err(|e| driver.or_last_words(e))?;
    let ConnectorHeard::Welcome(_) = driver.await_word()? else { return Err(OUT_OF_TURN) };
    let fd = driver.fds.take()?;
    let stats_region = PeerStats::attach(fd.as_fd())
        .map_err(|e| HandshakeError::Region(RegionKind::StatsRegion, e))
        .inspect_err(|e| driver.tell(e))?;
    let id = RegionId::of(fd.as_fd())?;
    let Driver { control, greeting, .. } = driver;
    Ok((stats_region, id, control.into_process(), greeting))
}
