//! Plays a side by hand up to the open channel; offsets of its words.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use bowstring_transport::session::wire::Kind;

use super::datagram::{COPIED, POOLED, SEALED, SLOT_SIZE, SLOTS, bare};
use super::{Letter, Make, Parameters, Region, Socket};

/// The size of the pool in these tests.
pub const POOL: usize = SLOTS as usize * SLOT_SIZE as usize;
/// The size of its board.
pub const BOARD: usize = 256 + SLOTS as usize * 64;
/// The size of its ledger.
pub const LEDGER: usize = 256 + SLOTS as usize * 8;
/// The size of a stats region.
pub const STATS: usize = 128 + 64 * 64;

/// Offsets of a board's words.
pub mod board {
    /// The futex word that counts publications.
    pub const HEAD: usize = 0;
    /// The closing code.
    pub const CLOSING: usize = 4;
    /// The word that says whether the sender waits for room.
    pub const WANT_ROOM: usize = 128;
    /// The first entry; each has 64 bytes.
    pub const ENTRIES: usize = 256;
}

/// Offsets of a ledger's words.
pub mod ledger {
    /// The word that says how the receiver sleeps.
    pub const WAITING: usize = 0;
    /// The futex word that counts the bells rung.
    pub const BELL: usize = 128;
    /// The first slot's release.
    pub const RELEASED: usize = 256;
}

/// A sender's part of the channel.
#[derive(Debug)]
pub struct Lent {
    /// The sender's slots.
    pub pool: OwnedFd,
    /// Its publications.
    pub board: OwnedFd,
    /// Its stats.
    pub stats_region: OwnedFd,
    /// The receiver's own part.
    pub ledger: Region,
}

/// Returns the descriptors of a datagram, which must be exactly `N`.
#[must_use]
pub fn descriptors<const N: usize>(letter: Letter) -> [OwnedFd; N] {
    <[OwnedFd; N]>::try_from(letter.fds).expect("a WELCOME or ATTACH with its descriptors")
}

/// Connects as a receiver through slots, up to START.
#[must_use]
pub fn receive(socket: &Socket) -> Lent {
    socket.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
    finish(socket)
}

/// Like [`receive`], after a HELLO that was already sent.
#[must_use]
pub fn finish(socket: &Socket) -> Lent {
    let [pool, board, stats_region] = descriptors(socket.recv());
    let ledger = Make::published(LEDGER).region().expect("a ledger");
    socket.send(&bare(Kind::Attach), &[ledger.as_fd()]);
    assert_eq!(socket.recv().kind(), Some(Kind::Start as u16));
    Lent { pool, board, stats_region, ledger }
}

/// Connects as a receiver of sealed messages, up to START.
pub fn receive_sealed(socket: &Socket) {
    socket.send(&Parameters::receiver(SEALED).datagram(Kind::Hello), &[]);
    let [] = descriptors(socket.recv());
    socket.send(&bare(Kind::Attach), &[]);
    assert_eq!(socket.recv().kind(), Some(Kind::Start as u16));
}

/// The regions of a sender.
#[derive(Debug)]
pub struct Offered {
    /// Its slots.
    pub pool: Region,
    /// Its publications.
    pub board: Region,
    /// Its stats.
    pub stats_region: Region,
}

/// The words of an entry.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are those of the protocol")]
pub struct Entry {
    pub ticket: u64,
    pub number: u64,
    pub len: u64,
    pub slot: u32,
}

impl Offered {
    /// Creates good regions, with the board ready for the first ticket.
    #[must_use]
    pub fn new() -> Offered {
        let make = |len| Make::published(len).region().expect("a region");
        let this = Offered { pool: make(POOL), board: make(BOARD), stats_region: make(STATS) };
        this.head(1 << 1);
        this
    }

    /// Sets the head word.
    pub fn head(&self, word: u32) {
        self.board.u32_at(board::HEAD).store(word, Ordering::Release);
    }

    /// Writes an entry where its ticket belongs, the ticket last; does not move the head.
    pub fn write(&self, entry: Entry) {
        self.write_at(entry.ticket, entry);
    }

    /// Writes an entry where `place` belongs.
    pub fn write_at(&self, place: u64, entry: Entry) {
        let at = board::ENTRIES + 64 * (place as usize & (SLOTS as usize - 1));
        self.board.u64_at(at + 8).store(entry.number, Ordering::Relaxed);
        self.board.u64_at(at + 16).store(entry.len, Ordering::Relaxed);
        self.board.u64_at(at + 24).store(0, Ordering::Relaxed);
        self.board.u32_at(at + 32).store(entry.slot, Ordering::Relaxed);
        self.board.u64_at(at).store(entry.ticket, Ordering::Release);
    }

    /// Publishes in the order of an honest sender, but any entry.
    pub fn publish(&self, entry: Entry) {
        self.write(entry);
        self.head((entry.ticket as u32 + 1) << 1);
    }
}

impl Default for Offered {
    fn default() -> Offered {
        Offered::new()
    }
}

/// Replies to a receiver as a sender through slots, up to START; returns the receiver's ledger too.
#[must_use]
pub fn send(socket: &Socket) -> (Offered, OwnedFd) {
    let _hello = socket.recv();
    let offered = Offered::new();
    let all = [offered.pool.as_fd(), offered.board.as_fd(), offered.stats_region.as_fd()];
    socket.send(&Parameters::sender(COPIED).datagram(Kind::Welcome), &all);
    let [ledger] = descriptors(socket.recv());
    socket.send(&bare(Kind::Start), &[]);
    (offered, ledger)
}

/// Replies to a receiver as a sender of sealed messages, up to START.
pub fn send_sealed(socket: &Socket) {
    let _hello = socket.recv();
    socket.send(&Parameters::sender(SEALED).datagram(Kind::Welcome), &[]);
    let [] = descriptors(socket.recv());
    socket.send(&bare(Kind::Start), &[]);
}
