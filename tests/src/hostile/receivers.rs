//! Receivers that lie in their ledgers and on the socket of an open channel.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use bowstring_transport::session::wire::{Kind, MAX_DATAGRAM, PREFIX, VERSION};
use rustix::net::{Shutdown, shutdown};

use super::{Case, Victim};
use crate::raw::datagram::{SLOTS, bare, prefix, with};
use crate::raw::memory::View;
use crate::raw::play::{BOARD, Lent, STATS, board, ledger, receive, receive_sealed};

/// The number of times that a lie is repeated. In between the victim has served its honest peer, or has had the
/// chance to.
const ROUNDS: u64 = 20_000;

/// Waits until `done` returns true.
fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

/// The counter of skipped messages, in the stats region.
const SKIPS: usize = 48 + 4 * 8;
/// The process of the second subscriber, in the stats region; the first is the honest peer's.
const SECOND_SUBSCRIBER: usize = 128 + 64;

/// Random numbers, the same in every run.
fn noise() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

fn released(lent: &Lent, slot: u32) -> &AtomicU64 {
    lent.ledger.u64_at(ledger::RELEASED + 8 * slot as usize)
}

/// Returns the next ticket according to the board.
fn head(view: &View) -> u32 {
    view.u32_at(board::HEAD).load(Ordering::Acquire) >> 1
}

fn view(lent: &Lent) -> View {
    View::of(lent.board.as_fd(), BOARD).expect("a board can be mapped to read")
}

pub(super) fn add(all: &mut Vec<Case>) {
    lies(all);
    datagrams(all);
    sealed(all);
}

fn lies(all: &mut Vec<Case>) {
    let victim = Victim::Sender;
    all.push(Case::new(victim, "releases full of noise", "Crashed", |s| {
        let (lent, mut noise) = (receive(s), noise());
        for _ in 0..ROUNDS {
            released(&lent, noise() as u32 % SLOTS).store(noise(), Ordering::Relaxed);
            lent.ledger.u32_at(ledger::BELL).store(noise() as u32, Ordering::Relaxed);
        }
    }));
    all.push(Case::new(victim, "releases of what was never sent", "Crashed", |s| {
        let lent = receive(s);
        for slot in 0..SLOTS {
            released(&lent, slot).store(u64::MAX, Ordering::Release);
        }
        let board = view(&lent);
        until(|| head(&board) > 2);
    }));
    all.push(Case::new(victim, "releases of what is about to be sent", "Crashed", |s| {
        let lent = receive(s);
        for number in 0..ROUNDS {
            (0..SLOTS).for_each(|slot| released(&lent, slot).store(number, Ordering::Release));
        }
    }));
    all.push(Case::new(victim, "a counting of takes that goes wild", "Crashed", |s| {
        let (lent, mut noise) = (receive(s), noise());
        for round in 0..ROUNDS {
            lent.ledger.u64_at(136 + 8 * (round as usize % 4)).store(noise(), Ordering::Relaxed);
        }
    }));
    for (name, how) in [("futex", 1), ("socket", 2)] {
        let name = format!("a sleep on the {name} that never is one");
        all.push(Case::new(victim, name, "Crashed", move |s| {
            let lent = receive(s);
            for episode in 0..ROUNDS as u32 {
                lent.ledger.u32_at(ledger::WAITING).store(episode << 2 | how, Ordering::Release);
            }
        }));
    }
    all.push(Case::new(victim, "never releasing", "Crashed", |s| {
        let lent = receive(s);
        let stats_region =
            View::of(lent.stats_region.as_fd(), STATS).expect("a stats_region can be mapped to read");
        until(|| stats_region.u64_at(SKIPS).load(Ordering::Relaxed) > 100);
    }));
    all.push(Case::new(Victim::ImpatientSender, "never releasing", "CutOff", |s| {
        let board = view(&receive(s));
        until(|| board.u32_at(board::HEAD).load(Ordering::Acquire) & 1 == 1);
        assert_eq!(board.u32_at(board::CLOSING).load(Ordering::Relaxed), 1, "the closing code is set");
    }));
    all.push(Case::new(victim, "leaving, with nothing given back", "Closed", |s| {
        let lent = receive(s);
        let board = view(&lent);
        until(|| head(&board) > 1);
        lent.ledger.u32_at(ledger::WAITING).store(3, Ordering::Release);
        let stats_region =
            View::of(lent.stats_region.as_fd(), STATS).expect("a stats_region can be mapped to read");
        // The victim now serves the other alone.
        let sent = stats_region.u64_at(48).load(Ordering::Relaxed);
        until(|| stats_region.u64_at(48).load(Ordering::Relaxed) > sent + 100);
    }));
    all.push(Case::new(victim, "hanging up and reading on", "Crashed", |s| {
        let lent = receive(s);
        shutdown(s, Shutdown::Both).expect("a connected socket");
        let stats_region =
            View::of(lent.stats_region.as_fd(), STATS).expect("a stats_region can be mapped to read");
        until(|| stats_region.u64_at(SECOND_SUBSCRIBER).load(Ordering::Acquire) == 0);
        let pool = View::of(lent.pool.as_fd(), 64).expect("a pool can be mapped to read");
        let _ = pool.u64_at(0).load(Ordering::Relaxed);
    }));
}

fn datagrams(all: &mut Vec<Case>) {
    let mut row = |name: String, bytes: Vec<u8>, fds: usize| {
        all.push(Case::new(Victim::Sender, name, "Faulty", move |s| {
            let _lent = receive(s);
            s.send(&bytes, &vec![s.as_fd(); fds]);
            let _ = s.await_hang_up();
        }));
    };
    for kind in
        [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Refuse, Kind::Message, Kind::Bye]
    {
        row(format!("{kind:?} on the open channel"), bare(kind), 0);
    }
    row("garbage on the open channel".into(), vec![b'x'; 20], 0);
    row("one byte on the open channel".into(), vec![b'b'], 0);
    row("another version on the open channel".into(), prefix(7, Kind::Wake as u16, PREFIX), 0);
    row("an unknown kind on the open channel".into(), prefix(VERSION, 77, PREFIX), 0);
    row("a book on the open channel".into(), vec![b'b'; MAX_DATAGRAM], 0);
    row("a wake-up with a descriptor".into(), bare(Kind::Wake), 1);
    row("a wake-up with forty descriptors".into(), bare(Kind::Wake), 40);
    all.push(Case::new(Victim::Sender, "a flood of wake-ups", "Crashed", |s| {
        let _lent = receive(s);
        for _ in 0..2000 {
            s.send(&bare(Kind::Wake), &[]);
        }
    }));
    all.push(Case::new(Victim::Sender, "a flood of garbage", "Faulty", |s| {
        let _lent = receive(s);
        for _ in 0..2000 {
            s.send(b"garbage", &[]);
        }
        let _ = s.await_hang_up();
    }));
}

fn sealed(all: &mut Vec<Case>) {
    let victim = Victim::Sender;
    all.push(Case::new(victim, "sealed: never reading", "Crashed", |s| {
        receive_sealed(s);
        s.await_word();
    }));
    all.push(Case::new(victim, "sealed: a good-bye that says more than it may", "Faulty", |s| {
        receive_sealed(s);
        s.send(&with(Kind::Bye, &[7, 0]), &[]);
        let _ = s.await_hang_up();
    }));
    all.push(Case::new(victim, "sealed: a good-bye cut short", "Faulty", |s| {
        receive_sealed(s);
        s.send(&bare(Kind::Bye), &[]);
        let _ = s.await_hang_up();
    }));
    all.push(Case::new(victim, "sealed: a message to the sender", "Faulty", |s| {
        receive_sealed(s);
        s.send(&bare(Kind::Message), &[]);
        let _ = s.await_hang_up();
    }));
    all.push(Case::new(victim, "sealed: a good-bye and a good-bye", "Closed", |s| {
        receive_sealed(s);
        s.send(&with(Kind::Bye, &[0, 0]), &[]);
        s.send(&with(Kind::Bye, &[0, 0]), &[]);
        let _ = s.await_hang_up();
    }));
}
