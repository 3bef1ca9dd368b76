//! The side that speaks first; it waits for the other.

use rustix::fd::{AsFd, OwnedFd};

use super::regions::{Ours, Theirs};
use super::{Joined, Wants, build, card};
use crate::error::RegionKind;
use crate::figures::PeerGauge;
use crate::hub::Hub;
use crate::peer::{Access, Control};
use crate::session::MeetError;
use crate::session::machine::{Agreement, Heard, Side};
use crate::session::parley::{Greeting, Parley};
use crate::session::wire::Kind;
use crate::sys;

/// Meets as the side that speaks first; waits for the other.
pub(crate) fn connect(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
    greeting: &[u8],
    hub: Option<&mut Hub>,
    wants: Option<&Wants>,
) -> Result<Joined, MeetError> {
    if hub.as_ref().is_some_and(|hub| !hub.has_place()) {
        return Err(MeetError::Full);
    }
    let ours = card(hub.as_deref(), wants, false);
    let mut parley = Parley::new(socket, Side::Connector, ours, patience)?;
    let uid = parley.control.credentials().uid;
    if !access.permits(uid) {
        return Err(MeetError::Denied { uid });
    }
    parley.introduce(Kind::Hello, ours, greeting, &[]).map_err(|e| parley.or_last_words(e))?;
    let (agreement, ours, theirs, second) = answer_welcome(&mut parley, hub.as_deref())
        .map_err(|e| parley.or_last_words(e))
        .inspect_err(|e| parley.tell(e))?;
    let Heard::Start(_) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let Parley { control, greeting, .. } = parley;
    // From the connector's side, the first socket carries what comes in, unless nothing does.
    let sockets = match second {
        Some(second) => (Some(control.beside(second)?), Some(control)),
        None if agreement.incoming.is_some() => (None, Some(control)),
        None => (Some(control), None),
    };
    build(&agreement, ours, theirs, greeting, sockets, hub.as_deref())?.open(hub)
}

/// Hears the WELCOME, attaches what came with it, and answers with this side's descriptors.
fn answer_welcome(
    parley: &mut Parley,
    hub: Option<&Hub>,
) -> Result<(Agreement, Ours, Theirs, Option<OwnedFd>), MeetError> {
    let Heard::Welcome(agreement) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let ours = Ours::make(&agreement, hub)?;
    let theirs = Theirs::attach(parley, &agreement, &ours)?;
    let (second, far) = match agreement.is_duplex() {
        true => {
            let (near, far) = sys::socket_pair()?;
            (Some(near), Some(far))
        }
        false => (None, None),
    };
    ours.with_descriptors(hub, |fds| match &far {
        None => parley.say(Kind::Attach, fds),
        Some(far) => {
            let mut all = [far.as_fd(); sys::MAX_FDS];
            for (place, fd) in all[1..].iter_mut().zip(fds) {
                *place = *fd;
            }
            parley.say(Kind::Attach, &all[..=fds.len()])
        }
    })?;
    Ok((agreement, ours, theirs, second))
}

/// Asks a sender for its figures.
pub(crate) fn observe(
    socket: OwnedFd,
    patience: u64,
    access: Access<'_>,
) -> Result<(PeerGauge, Control, Greeting), MeetError> {
    let ours = card(None, None, true);
    let mut parley = Parley::new(socket, Side::Connector, ours, patience)?;
    let uid = parley.control.credentials().uid;
    if !access.permits(uid) {
        return Err(MeetError::Denied { uid });
    }
    parley.introduce(Kind::Hello, ours, &[], &[]).map_err(|e| parley.or_last_words(e))?;
    let Heard::Welcome(_) = parley.await_word()? else { return Err(MeetError::HungUp) };
    let fd = parley.fds.take()?;
    let gauge = PeerGauge::attach(fd.as_fd())
        .map_err(|e| MeetError::Region(RegionKind::Gauge, e))
        .inspect_err(|e| parley.tell(e))?;
    let Parley { control, greeting, .. } = parley;
    Ok((gauge, control, greeting))
}
