//! The regions of a connection: this side's, made and handed over, and the other's, checked and mapped.

use rustix::fd::{AsFd, BorrowedFd};

use crate::abi::Geometry;
use crate::connect::session::HandshakeError;
use crate::connect::session::driver::{Driver, Machine};
use crate::connect::session::machine::{Agreement, Incoming as Direction};
use crate::error::{RegionFault, RegionKind};
use crate::receive::channel::{self, SenderMaps};
use crate::region::{PeerMap, Published};
use crate::ring::{BoardWords, LedgerWords};
use crate::send::fanout::Fanout;
use crate::send::fanout::subscriber::new_board;

/// The regions that this side makes for a connection.
#[derive(Debug)]
pub(super) struct Ours {
    /// For the outgoing direction, with the shape of its pool.
    pub(super) board: Option<(BoardWords<Published>, Geometry)>,
    /// For the incoming direction.
    pub(super) ledger: Option<LedgerWords<Published>>,
}

impl Ours {
    pub(super) fn make(agreement: &Agreement, fanout: Option<&Fanout>) -> Result<Ours, HandshakeError> {
        let pool = fanout.and_then(|fanout| Some((fanout.pool.as_ref()?.geometry, fanout.first_ticket)));
        let board = match (agreement.outgoing, pool) {
            (Some(delivery), Some((geometry, first))) if delivery.uses_slots() => {
                // The pool is allocated for its first receiver.
                fanout.and_then(|fanout| fanout.pool.as_ref()).map_or(Ok(()), |pool| pool.region.back())?;
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
    pub(super) fn with_descriptors<R>(
        &self,
        fanout: Option<&Fanout>,
        f: impl FnOnce(&[BorrowedFd<'_>]) -> R,
    ) -> R {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.owner().as_fd());
        match (&self.board, fanout.and_then(|fanout| Some((fanout, fanout.pool.as_ref()?))), ledger) {
            (Some((board, _)), Some((fanout, pool)), Some(ledger)) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), fanout.stats_region.fd(), ledger])
            }
            (Some((board, _)), Some((fanout, pool)), None) => {
                f(&[pool.region.as_fd(), board.owner().as_fd(), fanout.stats_region.fd()])
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
    /// Takes the descriptors of a datagram in the order of the protocol. The machine has checked the count.
    pub(super) fn attach<M: Machine>(
        driver: &mut Driver<M>,
        agreement: &Agreement,
        ours: &Ours,
    ) -> Result<Theirs, HandshakeError> {
        let maps = match agreement.incoming {
            Some(Direction::Slots { geometry, huge_tlb, .. }) => {
                let fds = [driver.fds.take()?, driver.fds.take()?, driver.fds.take()?];
                Some(
                    SenderMaps::attach(fds, geometry, huge_tlb)
                        .map_err(|(kind, e)| HandshakeError::Region(kind, e))?,
                )
            }
            _ => None,
        };
        let ledger = match &ours.board {
            Some((_, geometry)) => {
                let fd = driver.fds.take()?;
                let map = PeerMap::attach(fd.as_fd(), geometry.ledger_bytes(), false);
                let map = map.map_err(|e: RegionFault| HandshakeError::Region(RegionKind::Ledger, e))?;
                Some(LedgerWords::of(map, *geometry))
            }
            None => None,
        };
        Ok(Theirs { maps, ledger })
    }
}
