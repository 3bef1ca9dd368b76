//! The regions of a connection: this side's, made and handed over, and the other's, checked and mapped.

use rustix::fd::{AsFd, BorrowedFd};

use crate::abi::Geometry;
use crate::channel::{self, SenderMaps};
use crate::error::{RegionFault, RegionKind};
use crate::hub::Hub;
use crate::hub::lane::new_board;
use crate::region::{PeerMap, Published};
use crate::ring::{BoardWords, LedgerWords};
use crate::session::MeetError;
use crate::session::machine::{Agreement, Incoming as Direction};
use crate::session::parley::Parley;

/// The regions that this side makes for a connection.
#[derive(Debug)]
pub(super) struct Ours {
    /// Of the outgoing direction, with the shape of its pool.
    pub(super) board: Option<(BoardWords<Published>, Geometry)>,
    /// Of the incoming direction.
    pub(super) ledger: Option<LedgerWords<Published>>,
}

impl Ours {
    pub(super) fn make(agreement: &Agreement, hub: Option<&Hub>) -> Result<Ours, MeetError> {
        let pool = hub.and_then(|hub| Some((hub.pool.as_ref()?.geometry, hub.first_ticket)));
        let board = match (agreement.outgoing, pool) {
            (Some(delivery), Some((geometry, first))) if delivery.uses_slots() => {
                Some((new_board(geometry, first)?, geometry))
            }
            _ => None,
        };
        let ledger = match agreement.incoming {
            Some(Direction::Slots { geometry, .. }) => Some(channel::new_ledger(geometry)?),
            _ => None,
        };
        Ok(Ours { board, ledger })
    }

    /// Calls `f` with the descriptors to hand over, in the order of the protocol.
    pub(super) fn with_descriptors<R>(&self, hub: Option<&Hub>, f: impl FnOnce(&[BorrowedFd<'_>]) -> R) -> R {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.owner().as_fd());
        match (&self.board, hub.and_then(|hub| Some((hub, hub.pool.as_ref()?))), ledger) {
            (Some((board, _)), Some((hub, pool)), Some(ledger)) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), hub.gauge.fd(), ledger])
            }
            (Some((board, _)), Some((hub, pool)), None) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), hub.gauge.fd()])
            }
            (_, _, Some(ledger)) => f(&[ledger]),
            _ => f(&[]),
        }
    }
}

/// The regions that the other side made, checked and mapped.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) maps: Option<SenderMaps>,
    pub(super) ledger: Option<LedgerWords<PeerMap>>,
}

impl Theirs {
    /// Takes the descriptors of a datagram in the order of the protocol. The machine has checked their number.
    pub(super) fn attach(
        parley: &mut Parley,
        agreement: &Agreement,
        ours: &Ours,
    ) -> Result<Theirs, MeetError> {
        let maps = match agreement.incoming {
            Some(Direction::Slots { geometry, huge_tlb, .. }) => {
                let fds = [parley.fds.take()?, parley.fds.take()?, parley.fds.take()?];
                Some(
                    SenderMaps::attach(fds, geometry, huge_tlb)
                        .map_err(|(kind, e)| MeetError::Region(kind, e))?,
                )
            }
            _ => None,
        };
        let ledger = match &ours.board {
            Some((_, geometry)) => {
                let fd = parley.fds.take()?;
                let map = PeerMap::attach(fd.as_fd(), geometry.ledger_bytes(), false);
                let map = map.map_err(|e: RegionFault| MeetError::Region(RegionKind::Ledger, e))?;
                Some(LedgerWords::of(map, *geometry))
            }
            None => None,
        };
        Ok(Theirs { maps, ledger })
    }
}
