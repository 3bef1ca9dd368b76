//! The core of a receiver: the mappings of one channel through slots, shared by the receiver and its leases.
//!
//! The last of them to be dropped unmaps the memory and closes the socket, on whichever thread that is. So when a
//! sender sees the connection end, nobody reads its slots any more.

use rustix::fd::{AsFd, OwnedFd};

use crate::abi::{Geometry, Sleep};
use crate::error::{OsError, RegionFault, RegionKind};
use crate::peer::Control;
use crate::region::{Mapped, Pages, PeerMap, Published, Writable};
use crate::ring::{self, Board, BoardWords, Ledger, LedgerWords, Note};
use crate::send::fanout::subscriber::ring_socket;
use crate::stats::PeerStats;
use crate::sync::{Ordering, futex};

/// One channel through slots, on the receiver's side.
#[derive(Debug)]
pub(crate) struct Channel {
    pool: PeerMap,
    board: BoardWords<PeerMap>,
    ledger: LedgerWords<Published>,
    pub(crate) stats_region: PeerStats,
    pub(crate) control: Control,
    pub(crate) geometry: Geometry,
    /// True if both sides know closing reasons.
    pub(crate) reasons: bool,
    /// [`wake_sender`](Self::wake_sender), which releasing calls now and then: a pointer for the reason given in
    /// [`cold`](crate::send::fanout::cold).
    wake: fn(&Channel, Sleep),
}

/// An existing slot of the pool, and the byte at which it begins. The default is slot 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    slot: u32,
    start: usize,
}

/// A sender's part of a channel, checked and mapped.
#[derive(Debug)]
pub(crate) struct SenderMaps {
    pool: PeerMap,
    board: BoardWords<PeerMap>,
    stats_region: PeerStats,
}

impl SenderMaps {
    /// Checks and maps the three descriptors of a sender.
    pub(crate) fn attach(
        fds: [OwnedFd; 3],
        geometry: Geometry,
        huge_tlb: bool,
    ) -> Result<SenderMaps, (RegionKind, RegionFault)> {
        let [pool, board, stats_region] = &fds;
        let wrong = |kind| move |e| (kind, e);
        Ok(SenderMaps {
            pool: PeerMap::attach(pool.as_fd(), geometry.pool_bytes(), huge_tlb)
                .map_err(wrong(RegionKind::Pool))?,
            board: PeerMap::attach(board.as_fd(), geometry.board_bytes(), false)
                .map(|region| BoardWords::of(region, geometry))
                .map_err(wrong(RegionKind::Board))?,
            stats_region: PeerStats::attach(stats_region.as_fd()).map_err(wrong(RegionKind::StatsRegion))?,
        })
    }
}

/// Creates the receiver's own part of a channel.
pub(crate) fn new_ledger(geometry: Geometry) -> Result<LedgerWords<Published>, OsError> {
    let region = Writable::create(c"bowstring-ledger", geometry.ledger_bytes(), Pages::Normal)?.publish()?;
    Ok(LedgerWords::of(region, geometry))
}

impl Channel {
    pub(crate) fn new(
        maps: SenderMaps,
        ledger: LedgerWords<Published>,
        control: Control,
        geometry: Geometry,
        reasons: bool,
    ) -> Channel {
        let SenderMaps { pool, board, stats_region } = maps;
        Channel { pool, board, ledger, stats_region, control, geometry, reasons, wake: Channel::wake_sender }
    }

    #[inline(always)]
    pub(crate) fn board(&self) -> Board<'_> {
        self.board.board()
    }

    #[inline(always)]
    pub(crate) fn ledger(&self) -> Ledger<'_> {
        self.ledger.ledger()
    }

    /// Returns the address of a message if its note is valid: the slot exists and the length stays within the pool.
    /// The note is a private copy, so the values checked here are the values used later.
    ///
    /// If the message is where it was `expected`, the result is derived from the expectation and not from the note.
    /// The comparison is a branch, which the processor predicts, and so it fetches the message's first line while the
    /// entry's is still on the way; an address computed from the note would have to wait for it.
    #[inline(always)]
    pub(crate) fn place(&self, note: &Note, expected: Spot) -> Option<*const u8> {
        if note.slot == expected.slot && note.len <= self.geometry.slot_size() as u64 {
            return Some(self.at(expected));
        }
        self.place_elsewhere(note.slot, note.len)
    }

    /// Takes words and not the note, which would have to be in memory for a reference to it.
    #[cold]
    #[inline(never)]
    fn place_elsewhere(&self, slot: u32, len: u64) -> Option<*const u8> {
        let slots = self.geometry.slots();
        if slot >= slots {
            return None;
        }
        // Neither product can overflow: the whole pool's size does not.
        let room = (slots - slot) as u64 * self.geometry.slot_size() as u64;
        (len <= room).then(|| self.at(self.spot(slot)))
    }

    /// Returns a slot that exists.
    #[inline(always)]
    fn spot(&self, slot: u32) -> Spot {
        Spot { slot, start: slot as usize * self.geometry.slot_size() }
    }

    /// Returns the address of a slot.
    #[inline(always)]
    pub(crate) fn at(&self, spot: Spot) -> *const u8 {
        self.pool.mapping().at(spot.start)
    }

    /// Returns the slot after a message whose place was checked.
    #[inline(always)]
    pub(crate) fn spot_after(&self, note: &Note) -> Spot {
        let next = note.slot + self.geometry.span(note.len as usize).unwrap_or(1);
        self.spot(if next < self.geometry.slots() { next } else { 0 })
    }

    /// Gives a message back; callable from any thread.
    #[inline(always)]
    pub(crate) fn release(&self, slot: u32, number: u64) {
        let wake = ring::release(self.board(), self.ledger(), slot, number);
        if wake != Sleep::No {
            (self.wake)(self, wake);
        }
    }

    pub(crate) fn wake_sender(&self, how: Sleep) {
        match how {
            // The bell has been incremented, so a sender that is about to sleep will not.
            Sleep::Futex => _ = futex::wake(&self.ledger().head.bell),
            Sleep::Socket => ring_socket(&self.control),
            Sleep::No | Sleep::Left => {}
        }
    }

    /// Returns the addresses at which the pool is mapped.
    pub(crate) fn pool_addresses(&self) -> core::ops::Range<usize> {
        self.pool.mapping().at(0) as usize..self.pool.mapping().at(self.pool.mapping().len()) as usize
    }

    /// Adds to a counter in the ledger, which only this process writes.
    pub(crate) fn count_copied(&self, bytes: u64) {
        let copied = &self.ledger().head.copied;
        copied.store(copied.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    }
}
