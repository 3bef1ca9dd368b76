//! The handshake for both directions, in which each side brings a pool and a ledger, and the connector a second
//! socket.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bowstring_transport::session::wire::Kind;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};

use super::handshake::descriptor_count;
use super::{Case, Victim};
use crate::raw::datagram::{COPIED, POOLED, bare, with};
use crate::raw::play::{BOARD, LEDGER, Offered, POOL, descriptors};
use crate::raw::{Make, Parameters, Region, Socket};

/// Returns parameters for sending and receiving.
fn parameters() -> Parameters {
    Parameters { wants: POOLED, max_pool: 1 << 30, ..Parameters::sender(COPIED) }
}

/// The regions that a side brings, all of them good.
struct Brought {
    offered: Offered,
    ledger: Region,
}

const POOL_BOARD_STATS_LEDGER: &[usize] = &[0, 1, 2, 3];

impl Brought {
    fn new() -> Brought {
        Brought { offered: Offered::new(), ledger: Make::published(LEDGER).region().expect("a ledger") }
    }

    /// Returns those at the given places in the order of the protocol.
    fn pick(&self, places: &[usize]) -> Vec<BorrowedFd<'_>> {
        let Offered { pool, board, stats_region } = &self.offered;
        let all = [pool.as_fd(), board.as_fd(), stats_region.as_fd(), self.ledger.as_fd()];
        places.iter().map(|&place| all[place]).collect()
    }
}

pub(super) fn add(all: &mut Vec<Case>) {
    hellos(all);
    attaches(all);
    second_sockets(all);
    welcomes(all);
    starts(all);
}

fn hellos(all: &mut Vec<Case>) {
    let mut hello = |name: &'static str, ends: &'static str, parameters: Parameters| {
        all.push(Case::new(Victim::ListeningBoth, name, ends, move |s| {
            s.send(&parameters.datagram(Kind::Hello), &[]);
        }));
    };
    hello("one that only receives", "Declined(NoSender)", Parameters::receiver(POOLED));
    hello("one that only sends", "Declined(NoReceiver)", Parameters::sender(COPIED));
    hello("a pool without slots", "Declined(Geometry)", Parameters { slots: 0, ..parameters() });
    hello("no room for the pool", "Declined(Geometry)", Parameters { max_pool: 4096, ..parameters() });
}

/// Sends HELLO and reads the WELCOME.
fn exchange_hello(s: &Socket) {
    s.send(&parameters().datagram(Kind::Hello), &[]);
    drop(descriptors::<4>(s.recv()));
}

/// Returns a connected socket of the right kind, and its other end.
fn second() -> (OwnedFd, OwnedFd) {
    bowstring_transport::socket_pair().expect("a pair")
}

/// Faults in the regions of a side that must bring all four, and their names.
const WRONG: [(&str, &[usize], Wrong); 7] = [
    ("no descriptors", &[], Wrong::Count),
    ("no ledger", &[0, 1, 2], Wrong::Count),
    ("a ledger alone", &[3], Wrong::Count),
    ("two ledgers", &[0, 1, 2, 3, 3], Wrong::Count),
    ("the ledger first", &[3, 0, 1, 2], Wrong::Size("Pool", LEDGER, POOL)),
    ("the pool for a ledger", &[0, 1, 2, 0], Wrong::Size("Ledger", POOL, LEDGER)),
    ("the board for a ledger", &[0, 1, 2, 1], Wrong::Size("Ledger", BOARD, LEDGER)),
];

#[derive(Clone, Copy)]
enum Wrong {
    /// Their number.
    Count,
    /// One region's size: the actual and the required one.
    Size(&'static str, usize, usize),
}

impl Wrong {
    /// Returns the expected error, if `found` descriptors came and `due` should have.
    fn ends(self, found: usize, due: usize) -> String {
        match self {
            Wrong::Count => descriptor_count(found, due),
            Wrong::Size(kind, found, wanted) => {
                format!("Region({kind}, Size {{ found: {found}, wanted: {wanted} }})")
            }
        }
    }
}

fn attaches(all: &mut Vec<Case>) {
    let victim = Victim::ListeningBoth;
    all.push(Case::new(victim, "silence after WELCOME", "TimedOut(\"ATTACH\")", exchange_hello));
    for (name, places, wrong) in WRONG {
        let ends = wrong.ends(places.len() + 1, 5);
        all.push(Case::new(victim, format!("ATTACH with {name}"), ends, move |s| {
            exchange_hello(s);
            let (near, _far) = second();
            let brought = Brought::new();
            let fds = [vec![near.as_fd()], brought.pick(places)].concat();
            s.send(&bare(Kind::Attach), &fds);
        }));
    }
    all.push(Case::new(victim, "ATTACH without a second socket", descriptor_count(4, 5), |s| {
        exchange_hello(s);
        s.send(&bare(Kind::Attach), &Brought::new().pick(POOL_BOARD_STATS_LEDGER));
    }));
}

/// Makes a descriptor to pass as a socket.
type MakeSocket = fn() -> OwnedFd;

fn second_sockets(all: &mut Vec<Case>) {
    let makes: [(&str, MakeSocket); 7] = [
        ("a memory file", || Make::published(64).descriptor().expect("a file")),
        ("an end of a pipe", || rustix::pipe::pipe().expect("a pipe").0),
        ("a stream", || unix_pair(SocketType::STREAM)),
        ("of single datagrams", || unix_pair(SocketType::DGRAM)),
        ("not connected", || unix(SocketType::SEQPACKET)),
        ("listening", || {
            let socket = unix(SocketType::SEQPACKET);
            // Without a name the kernel chooses one.
            let unnamed = rustix::net::SocketAddrUnix::new_unnamed();
            rustix::net::bind(&socket, &unnamed).expect("a name");
            rustix::net::listen(&socket, 1).expect("it listens");
            socket
        }),
        ("of the internet", || {
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .expect("a socket")
        }),
    ];
    for (name, make) in makes {
        let name = format!("a second socket that is {name}");
        all.push(Case::new(Victim::ListeningBoth, name, "Wire(Socket)", move |s| {
            exchange_hello(s);
            let (brought, second) = (Brought::new(), make());
            let fds = [vec![second.as_fd()], brought.pick(POOL_BOARD_STATS_LEDGER)].concat();
            s.send(&bare(Kind::Attach), &fds);
        }));
    }
}

fn unix(kind: SocketType) -> OwnedFd {
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("a socket")
}

/// Returns one end of a pair; the other is closed.
fn unix_pair(kind: SocketType) -> OwnedFd {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("a pair").0
}

fn welcomes(all: &mut Vec<Case>) {
    let victim = Victim::ConnectingBoth;
    let mut welcome = |name: String, ends: String, parameters: Parameters, places: &'static [usize]| {
        all.push(Case::new(victim, name, ends, move |s| {
            let _hello = s.recv();
            s.send(&parameters.datagram(Kind::Welcome), &Brought::new().pick(places));
        }));
    };
    for (name, parameters) in [
        ("a welcome that only sends", Parameters { wants: 0, ..parameters() }),
        ("a welcome that only receives", Parameters { offers: 0, ..parameters() }),
        ("a welcome that chooses twice", Parameters { wants: POOLED | COPIED, ..parameters() }),
    ] {
        welcome(name.into(), "Wire(Choice)".into(), parameters, POOL_BOARD_STATS_LEDGER);
    }
    for (name, places, wrong) in WRONG {
        welcome(format!("WELCOME with {name}"), wrong.ends(places.len(), 4), parameters(), places);
    }
}

/// Sends a correct WELCOME, and reads the ATTACH with its second socket.
fn up_to_start(s: &Socket) -> Brought {
    let _hello = s.recv();
    let brought = Brought::new();
    s.send(&parameters().datagram(Kind::Welcome), &brought.pick(POOL_BOARD_STATS_LEDGER));
    drop(descriptors::<5>(s.recv()));
    brought
}

fn starts(all: &mut Vec<Case>) {
    let victim = Victim::ConnectingBoth;
    all.push(Case::new(victim, "silence after ATTACH", "TimedOut(\"START\")", |s| drop(up_to_start(s))));
    all.push(Case::new(victim, "hanging up after ATTACH", "HungUp", |s| {
        let _brought = up_to_start(s);
        rustix::net::shutdown(s, rustix::net::Shutdown::Both).expect("a connected socket");
    }));
    all.push(Case::new(victim, "START with a socket", descriptor_count(1, 0), |s| {
        let _brought = up_to_start(s);
        s.send(&bare(Kind::Start), &[s.as_fd()]);
    }));
    all.push(Case::new(victim, "START with a word too many", "Wire(Long { found: 20, wanted: 16 })", |s| {
        let _brought = up_to_start(s);
        s.send(&with(Kind::Start, &[0]), &[]);
    }));
    all.push(Case::new(victim, "ATTACH in place of START", "Wire(Unexpected(Attach))", |s| {
        let _brought = up_to_start(s);
        s.send(&bare(Kind::Attach), &[]);
    }));
}
