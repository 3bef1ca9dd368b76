//! Senders that lie on the boards of an open channel, or change what they have published.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use bowstring_transport::session::wire::{Kind, MAX_DATAGRAM};

use super::{Case, Victim};
use crate::raw::Socket;
use crate::raw::datagram::{SLOT_SIZE, SLOTS, bare, with};
use crate::raw::memory::View;
use crate::raw::play::{Entry, LEDGER, Offered, POOL, board, send};

/// A good first message.
const FIRST: Entry = Entry { ticket: 1, number: 1, len: 64, slot: 0 };

/// The ledger's count of messages taken.
const TAKEN: usize = 136;

pub(super) fn add(all: &mut Vec<Case>) {
    entries(all);
    tickets(all);
    heads(all);
    changes(all);
    sockets(all);
}

/// Returns a row that opens a channel, misbehaves, and waits to be disconnected.
fn row(name: &'static str, ends: impl Into<String>, act: fn(&Offered)) -> Case {
    Case::new(Victim::Receiver, name, ends.into(), move |s: &Socket| {
        let (offered, _ledger) = send(s);
        act(&offered);
        let _ = s.await_hang_up();
    })
}

fn entries(all: &mut Vec<Case>) {
    let place = |slot: u32, len: u64| format!("Fault(Place {{ slot: {slot}, len: {len} }})");
    all.push(row("a slot that does not exist", place(SLOTS, 64), |o| {
        o.publish(Entry { slot: SLOTS, ..FIRST })
    }));
    all.push(row("the last slot of all numbers", place(u32::MAX, 64), |o| {
        o.publish(Entry { slot: u32::MAX, ..FIRST });
    }));
    all.push(row("a message longer than the pool", place(0, POOL as u64 + 1), |o| {
        o.publish(Entry { len: POOL as u64 + 1, ..FIRST });
    }));
    all.push(row("a message over the pool's end", place(SLOTS - 1, SLOT_SIZE + 1), |o| {
        o.publish(Entry { slot: SLOTS - 1, len: SLOT_SIZE + 1, ..FIRST });
    }));
    all.push(row("a message longer than memory", place(1, u64::MAX), |o| {
        o.publish(Entry { slot: 1, len: u64::MAX, ..FIRST });
    }));
    all.push(row("a length that overflows with its slot", place(1, u64::MAX - SLOT_SIZE + 1), |o| {
        o.publish(Entry { slot: 1, len: u64::MAX - SLOT_SIZE + 1, ..FIRST });
    }));
    all.push(row("message number 0", "Fault(Number { last: 0, found: 0 })", |o| {
        o.publish(Entry { number: 0, ..FIRST });
    }));
    all.push(row("a message number again", "Fault(Number { last: 5, found: 5 })", |o| {
        o.publish(Entry { number: 5, ..FIRST });
        o.publish(Entry { number: 5, ticket: 2, ..FIRST });
    }));
    all.push(row("a message number going back", "Fault(Number { last: 5, found: 4 })", |o| {
        o.publish(Entry { number: 5, ..FIRST });
        o.publish(Entry { number: 4, ticket: 2, ..FIRST });
    }));
    all.push(row(
        "the last message number of all and then the first",
        "Fault(Number { last: 18446744073709551615, found: 1 })",
        |o| {
            o.publish(Entry { number: u64::MAX, ..FIRST });
            o.publish(Entry { ticket: 2, ..FIRST });
        },
    ));
}

fn tickets(all: &mut Vec<Case>) {
    all.push(row("a ticket from the future", "Fault(Ticket { awaited: 1, found: 9 })", |o| {
        o.write_at(1, Entry { ticket: 9, ..FIRST });
    }));
    all.push(row(
        "the last ticket of all",
        "Fault(Ticket { awaited: 1, found: 18446744073709551615 })",
        |o| {
            o.write_at(1, Entry { ticket: u64::MAX, ..FIRST });
        },
    ));
    all.push(row("a ticket in another's place", "Fault(Ticket { awaited: 2, found: 1 })", |o| {
        o.publish(FIRST);
        o.write_at(2, FIRST);
    }));
    let replayed = "Fault(Ticket { awaited: 9, found: 7 })";
    all.push(Case::new(Victim::Receiver, "a replayed ticket after a round", replayed, |s| {
        let (o, ledger) = send(s);
        for ticket in 1..=8 {
            o.publish(Entry { ticket, number: ticket, len: 64, slot: ticket as u32 - 1 });
        }
        // The entry of ticket 9 is that of ticket 1, and holds 1 until 9 comes.
        await_taken(&View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read"), 8);
        o.write_at(9, Entry { ticket: 7, ..FIRST });
        let _ = s.await_hang_up();
    }));
}

fn heads(all: &mut Vec<Case>) {
    let head = |awaited: u32, found: u32| format!("Fault(Head {{ awaited: {awaited}, found: {found} }})");
    all.push(row("a head that jumps", head(2, 10), |o| o.head(5 << 1)));
    all.push(row("a head that goes back before the first", head(2, 0), |o| o.head(0)));
    all.push(row("a head that stays two behind", head(6, 2), |o| {
        o.write(FIRST);
        o.write(Entry { ticket: 2, number: 2, ..FIRST });
    }));
    all.push(row("a head that goes far back", head(6, 2), |o| {
        o.publish(FIRST);
        o.publish(Entry { ticket: 2, number: 2, ..FIRST });
        o.head(1 << 1);
    }));
    all.push(row("closing with messages outstanding", head(4, 9), |o| {
        o.publish(FIRST);
        o.head(4 << 1 | 1);
    }));
    all.push(row("closing behind what was taken", head(6, 3), |o| {
        o.write(FIRST);
        o.write(Entry { ticket: 2, number: 2, ..FIRST });
        o.head(1 << 1 | 1);
    }));
    all.push(row("closing for no reason that exists", "Fault(Closing(77))", |o| {
        o.board.u32_at(board::CLOSING).store(77, Ordering::Relaxed);
        o.head(1 << 1 | 1);
    }));
    all.push(row("closing with a reason that was not agreed to", "Fault(Closing(2))", |o| {
        o.board.u32_at(board::CLOSING).store(2, Ordering::Relaxed);
        o.head(1 << 1 | 1);
    }));
    all.push(row("cutting off without cause", "CutOff", |o| {
        o.board.u32_at(board::CLOSING).store(1, Ordering::Relaxed);
        o.head(1 << 1 | 1);
    }));
    all.push(Case::new(Victim::Receiver, "a head that stays one behind, and death", "Crashed", |s| {
        let (offered, ledger) = send(s);
        offered.write(FIRST);
        await_taken(&View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read"), 1);
    }));
}

fn await_taken(ledger: &View, count: u64) {
    while ledger.u64_at(TAKEN).load(Ordering::Acquire) < count {
        std::thread::yield_now();
    }
}

fn changes(all: &mut Vec<Case>) {
    all.push(Case::new(Victim::Receiver, "entries that change while they are read", "Crashed", |s| {
        let (o, ledger) = send(s);
        let ledger = View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read");
        for ticket in 1..=500 {
            let at = board::ENTRIES + 64 * (ticket as usize & (SLOTS as usize - 1));
            o.publish(Entry { ticket, number: ticket, ..FIRST });
            // Any mixture of these is a valid message.
            while ledger.u64_at(TAKEN).load(Ordering::Acquire) < ticket {
                for (slot, len) in [(SLOTS - 1, SLOT_SIZE), (0, 64), (3, 0)] {
                    o.board.u32_at(at + 32).store(slot, Ordering::Relaxed);
                    o.board.u64_at(at + 16).store(len, Ordering::Relaxed);
                }
            }
        }
    }));
    let bad = [(u32::MAX, 64), (0, u64::MAX), (u32::MAX, u64::MAX)]
        .map(|(slot, len)| format!("Fault(Place {{ slot: {slot}, len: {len} }})"))
        .join(" or ");
    all.push(Case::new(Victim::Receiver, "entries that turn bad while they are read", bad, |s| {
        let (o, ledger) = send(s);
        let ledger = View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read");
        for ticket in 1..=500 {
            let at = board::ENTRIES + 64 * (ticket as usize & (SLOTS as usize - 1));
            o.publish(Entry { ticket, number: ticket, ..FIRST });
            let hung_up = || rustix::net::recv(s, &mut [0; 16], rustix::net::RecvFlags::DONTWAIT).is_ok();
            while ledger.u64_at(TAKEN).load(Ordering::Acquire) < ticket {
                for (slot, len) in [(u32::MAX, u64::MAX), (0, 64)] {
                    o.board.u32_at(at + 32).store(slot, Ordering::Relaxed);
                    o.board.u64_at(at + 16).store(len, Ordering::Relaxed);
                }
                if hung_up() {
                    return;
                }
            }
        }
        // A receiver that never meets the change meets what follows.
        o.publish(Entry { ticket: 501, number: 501, len: 64, slot: u32::MAX });
        let _ = s.await_hang_up();
    }));
    all.push(Case::new(Victim::Receiver, "bytes that change while they are copied", "Crashed", |s| {
        let (o, ledger) = send(s);
        let ledger = View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read");
        for ticket in 1..=50 {
            o.publish(Entry { ticket, number: ticket, len: POOL as u64, slot: 0 });
            while ledger.u64_at(TAKEN).load(Ordering::Acquire) < ticket {
                for at in (0..POOL).step_by(8) {
                    o.pool.u64_at(at).fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }));
    all.push(Case::new(Victim::Receiver, "a wait for room that never is one", "Crashed", |s| {
        let (o, ledger) = send(s);
        let ledger = View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read");
        for ticket in 1..=500 {
            o.board.u32_at(board::WANT_ROOM).store(ticket as u32, Ordering::Relaxed);
            o.publish(Entry { ticket, number: ticket, ..FIRST });
            await_taken(&ledger, ticket);
        }
    }));
    all.push(Case::new(
        Victim::Receiver,
        "a head that flickers",
        "Fault(Head { awaited: 2, found: 100 })",
        |s| {
            let (o, _ledger) = send(s);
            for _ in 0..100_000 {
                o.head(1 << 1);
            }
            o.head(100);
            let _ = s.await_hang_up();
        },
    ));
}

/// Datagrams that are not allowed on the socket of an open channel, however the receiver sleeps.
fn sockets(all: &mut Vec<Case>) {
    let mut row = |name: String, fault: String, bytes: Vec<u8>, fds: usize| {
        for victim in [Victim::PollingReceiver, Victim::Receiver] {
            let ends = format!("Fault(Datagram({fault}))");
            let bytes = bytes.clone();
            all.push(Case::new(victim, name.clone(), ends, move |s| {
                let _offered = send(s);
                s.send(&bytes, &vec![s.as_fd(); fds]);
                let _ = s.await_hang_up();
            }));
        }
    };
    for kind in
        [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Refuse, Kind::Message, Kind::Bye]
    {
        row(format!("{kind:?} on the open channel"), format!("Unexpected({kind:?})"), bare(kind), 0);
    }
    row("a wake-up with a word too many".into(), "Truncated".into(), with(Kind::Wake, &[0]), 0);
    row("garbage on the open channel".into(), "Magic".into(), b"0123456789abcdef".to_vec(), 0);
    row("a book on the open channel".into(), "Truncated".into(), vec![b'b'; MAX_DATAGRAM], 0);
    let counted = "Descriptors { found: 1, wanted: 0 }";
    row("a wake-up with a descriptor".into(), counted.into(), bare(Kind::Wake), 1);
    row("a wake-up with forty descriptors".into(), "Truncated".into(), bare(Kind::Wake), 40);
    all.push(Case::new(Victim::PollingReceiver, "a flood of wake-ups, and a message", "Crashed", |s| {
        let (o, ledger) = send(s);
        for _ in 0..2000 {
            s.send(&bare(Kind::Wake), &[]);
        }
        o.publish(FIRST);
        s.send(&bare(Kind::Wake), &[]);
        await_taken(&View::of(ledger.as_fd(), LEDGER).expect("a ledger can be read"), 1);
    }));
}
