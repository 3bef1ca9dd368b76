//! Handshake violations: malformed datagrams, wrong parameters, wrong order, silence.

use std::os::fd::{AsFd, BorrowedFd};

use bowstring_transport::session::wire::{Kind, MAX_DATAGRAM, MAX_GREETING, PARAMETERS, PREFIX, VERSION};

use super::{Case, Victim};
use crate::raw::datagram::{COPIED, POOLED, SEALED, bare, prefix, with};
use crate::raw::play::{LEDGER, Offered, descriptors};
use crate::raw::{Make, Parameters, Socket};

pub(super) fn add(all: &mut Vec<Case>) {
    garbage(all);
    first_words(all);
    hellos(all);
    attaches(all);
    welcomes(all);
    starts(all);
}

/// Datagrams that are malformed for either side.
fn garbage(all: &mut Vec<Case>) {
    for victim in [
        Victim::ListeningSender,
        Victim::ConnectingSender,
        Victim::ListeningReceiver,
        Victim::ConnectingReceiver,
        Victim::ListeningBoth,
        Victim::ConnectingBoth,
        Victim::Observer,
    ] {
        let mut row = |name: &'static str, ends: &'static str, bytes: Vec<u8>| {
            all.push(Case::new(victim, name, ends, move |s| s.send(&bytes, &[])));
        };
        row("an empty datagram", "HungUp", vec![]);
        row("one byte", "Wire(Short { found: 1, wanted: 16 })", b"b".to_vec());
        row("fifteen bytes", "Wire(Short { found: 15, wanted: 16 })", bare(Kind::Hello)[..15].to_vec());
        row("another protocol", "Wire(Magic)", b"GET / HTTP/1.1\r\n\r\n".to_vec());
        row("another version", "Wire(Version(2))", prefix(2, 1, PREFIX));
        row("an unknown kind", "Wire(Kind(99))", prefix(VERSION, 99, PREFIX));
        row("a length that is not its own", "Wire(Length { found: 16, said: 17 })", prefix(VERSION, 1, 17));
        row("longer than any", "Wire(Truncated)", vec![b'b'; MAX_DATAGRAM + 1]);
        all.push(Case::new(victim, "hanging up at once", "HungUp", |s| {
            rustix::net::shutdown(s, rustix::net::Shutdown::Both).expect("a connected socket");
        }));
    }
}

/// Each kind of datagram as the first one, where it is out of turn.
fn first_words(all: &mut Vec<Case>) {
    let kinds = [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Wake, Kind::Message, Kind::Bye];
    for kind in kinds {
        for (victim, awaited) in [
            (Victim::ListeningSender, Kind::Hello),
            (Victim::ListeningReceiver, Kind::Hello),
            (Victim::ConnectingReceiver, Kind::Welcome),
            (Victim::ConnectingSender, Kind::Welcome),
            (Victim::ListeningBoth, Kind::Hello),
            (Victim::ConnectingBoth, Kind::Welcome),
            (Victim::Observer, Kind::Welcome),
        ] {
            if kind != awaited {
                let ends = format!("Wire(Unexpected({kind:?}))");
                all.push(Case::new(victim, format!("{kind:?} as the first word"), ends, move |s| {
                    s.send(&bare(kind), &[]);
                }));
            }
        }
    }
    for (victim, awaited) in [
        (Victim::ListeningSender, "HELLO"),
        (Victim::ConnectingReceiver, "WELCOME"),
        (Victim::ListeningBoth, "HELLO"),
        (Victim::ConnectingBoth, "WELCOME"),
        (Victim::Observer, "WELCOME"),
    ] {
        all.push(Case::new(victim, "silence", format!("TimedOut({awaited:?})"), |_| {}));
        all.push(Case::new(
            victim,
            "REFUSE as the first word",
            "Refused(Refusal { code: Full, reason: \"\" })",
            |s| s.send(&with(Kind::Refuse, &[8, 0]), &[]),
        ));
        all.push(Case::new(
            victim,
            "REFUSE with an unknown code",
            "Refused(Refusal { code: Unknown, reason: \"\" })",
            |s| s.send(&with(Kind::Refuse, &[4000, 0]), &[]),
        ));
        all.push(Case::new(victim, "REFUSE whose reason is not text", "Wire(Reason)", |s| {
            s.send(&with(Kind::Refuse, &[9, 4, 0xFFFF_FFFF]), &[]);
        }));
        all.push(Case::new(victim, "REFUSE whose reason is not as long as it says", "Wire(Reason)", |s| {
            s.send(&with(Kind::Refuse, &[9, 5, 0x2020_2020]), &[]);
        }));
        all.push(Case::new(victim, "REFUSE with a descriptor", descriptor_count(1, 0), |s| {
            s.send(&with(Kind::Refuse, &[8, 0]), &[s.as_fd()]);
        }));
    }
}

pub(super) fn descriptor_count(found: usize, wanted: usize) -> String {
    format!("Wire(Descriptors {{ found: {found}, wanted: {wanted} }})")
}

/// Returns a row that sends these parameters as HELLO.
fn hello(name: &'static str, ends: &'static str, parameters: Parameters) -> Case {
    Case::new(Victim::ListeningSender, name, ends, move |s| s.send(&parameters.datagram(Kind::Hello), &[]))
}

fn hellos(all: &mut Vec<Case>) {
    let good = Parameters::receiver(POOLED);
    let victim = Victim::ListeningSender;
    all.push(Case::new(victim, "parameters cut short", "Wire(Short { found: 95, wanted: 96 })", {
        let parameters = good.clone();
        move |s| s.send(&parameters.cut(Kind::Hello, PARAMETERS - 1), &[])
    }));
    all.push(hello("an observer bit of 7", "Wire(Flags(7))", Parameters { observer: 7, ..good.clone() }));
    all.push(hello("unknown deliveries", "Wire(Flags(9))", Parameters { wants: 9, ..good.clone() }));
    for (place, name) in [(0, "reserved bits at 68"), (1, "reserved bits at 88"), (2, "reserved bits at 92")]
    {
        let mut parameters = good.clone();
        parameters.reserved[place] = 1 << 31;
        all.push(hello(name, "Wire(Flags(2147483648))", parameters));
    }
    all.push(hello("a wish for nothing", "Declined(NoReceiver)", Parameters { wants: 0, ..good.clone() }));
    all.push(hello("sending to a sender", "Declined(NoReceiver)", Parameters::sender(POOLED)));
    all.push(hello(
        "sending to a sender and receiving",
        "Declined(NoReceiver)",
        Parameters { wants: POOLED, max_pool: 1 << 30, ..Parameters::sender(POOLED) },
    ));
    all.push(hello(
        "no room for the pool",
        "Declined(Geometry)",
        Parameters { max_pool: 4096, ..good.clone() },
    ));
    all.push(hello("a greeting shorter than it says", "Wire(Greeting(9))", {
        Parameters { greeting: b"hello".into(), greeting_says: 9, ..good.clone() }
    }));
    all.push(hello("a greeting longer than it says", "Wire(Greeting(3))", {
        Parameters { greeting: b"hello".into(), greeting_says: 3, ..good.clone() }
    }));
    all.push(hello("a greeting in a descriptor that is not there", &*descriptor_count(0, 1).leak(), {
        Parameters { greeting_says: 50, greeting_in_descriptor: 1, ..good.clone() }
    }));
    all.push(hello("a greeting of no bytes in a descriptor", "Wire(Greeting(0))", {
        Parameters { greeting_in_descriptor: 1, ..good.clone() }
    }));
    all.push(hello("a greeting beyond all bounds", "Wire(Greeting(67108865))", {
        Parameters { greeting_says: MAX_GREETING as u32 + 1, greeting_in_descriptor: 1, ..good.clone() }
    }));
    all.push(hello("a greeting in both places", "Wire(Greeting(5))", {
        Parameters { greeting: b"hello".into(), greeting_says: 5, greeting_in_descriptor: 1, ..good.clone() }
    }));
    for surplus in [1, 8, 40] {
        // Up to the possible number they are counted; beyond that the kernel drops what does not fit, and reports it.
        let ends = if surplus <= 8 { descriptor_count(surplus, 0) } else { "Wire(Truncated)".into() };
        let parameters = good.clone();
        all.push(Case::new(victim, format!("HELLO with {surplus} surplus descriptors"), ends, move |s| {
            s.send(&parameters.datagram(Kind::Hello), &vec![s.as_fd(); surplus]);
        }));
    }
}

/// Sends HELLO and reads the WELCOME.
fn exchange_hello(s: &Socket) {
    s.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
    drop(descriptors::<3>(s.recv()));
}

fn attaches(all: &mut Vec<Case>) {
    let victim = Victim::ListeningSender;
    all.push(Case::new(victim, "silence after WELCOME", "TimedOut(\"ATTACH\")", exchange_hello));
    all.push(Case::new(victim, "hanging up after WELCOME", "HungUp", |s| {
        exchange_hello(s);
        rustix::net::shutdown(s, rustix::net::Shutdown::Both).expect("a connected socket");
    }));
    for count in [0, 2, 8, 40] {
        let ends = if count <= 8 { descriptor_count(count, 1) } else { "Wire(Truncated)".into() };
        all.push(Case::new(victim, format!("ATTACH with {count} descriptors"), ends, move |s| {
            exchange_hello(s);
            let ledger = Make::published(LEDGER).region().expect("a ledger");
            s.send(&bare(Kind::Attach), &vec![ledger.as_fd(); count]);
        }));
    }
    all.push(Case::new(victim, "ATTACH with a word too many", "Wire(Long { found: 20, wanted: 16 })", |s| {
        exchange_hello(s);
        let ledger = Make::published(LEDGER).region().expect("a ledger");
        s.send(&with(Kind::Attach, &[0]), &[ledger.as_fd()]);
    }));
    for kind in [Kind::Hello, Kind::Welcome, Kind::Start, Kind::Wake, Kind::Message, Kind::Bye] {
        let ends = format!("Wire(Unexpected({kind:?}))");
        all.push(Case::new(victim, format!("{kind:?} in place of ATTACH"), ends, move |s| {
            exchange_hello(s);
            s.send(&bare(kind), &[]);
        }));
    }
    all.push(Case::new(
        victim,
        "REFUSE in place of ATTACH",
        "Refused(Refusal { code: Full, reason: \"\" })",
        |s| {
            exchange_hello(s);
            s.send(&with(Kind::Refuse, &[8, 0]), &[]);
        },
    ));
}

/// Returns a row that sends these parameters as WELCOME with good regions.
fn welcome(name: &'static str, ends: &'static str, parameters: Parameters) -> Case {
    Case::new(Victim::ConnectingReceiver, name, ends, move |s| {
        let _hello = s.recv();
        let o = Offered::new();
        s.send(
            &parameters.datagram(Kind::Welcome),
            &[o.pool.as_fd(), o.board.as_fd(), o.stats_region.as_fd()],
        );
    })
}

/// Parameters of a sender that a receiver must refuse, whichever of the two connected.
fn welcomes(all: &mut Vec<Case>) {
    let good = Parameters::sender(COPIED);
    let geometries: [(&str, &str, Parameters); 8] = [
        ("no slots", "Geometry(Slots(0))", Parameters { slots: 0, ..good.clone() }),
        (
            "more slots than there may be",
            "Geometry(Slots(65537))",
            Parameters { slots: 65537, ..good.clone() },
        ),
        ("slots of no bytes", "Geometry(SlotSize(0))", Parameters { slot_size: 0, ..good.clone() }),
        ("slots out of line", "Geometry(SlotSize(4097))", Parameters { slot_size: 4097, ..good.clone() }),
        (
            "a pool that overflows",
            "Geometry(TooLarge { bytes: 18446744073709551615, most: 1073741824 })",
            Parameters { slot_size: 1 << 62, ..good.clone() },
        ),
        (
            "a pool beyond the limit",
            "Geometry(TooLarge { bytes: 2147483648, most: 1073741824 })",
            Parameters { slot_size: 1 << 28, ..good.clone() },
        ),
        ("a first ticket of 0", "FirstTicket(0)", Parameters { first: 0, ..good.clone() }),
        (
            "a first ticket near the end of the numbers",
            "FirstTicket(18446744073709551615)",
            Parameters { first: u64::MAX, ..good.clone() },
        ),
    ];
    for (name, fault, parameters) in geometries {
        all.push(welcome(name, format!("Wire({fault})").leak(), parameters.clone()));
        all.push(Case::new(Victim::ListeningReceiver, name, "Declined(Geometry)", move |s| {
            s.send(&parameters.datagram(Kind::Hello), &[]);
        }));
    }
    all.push(welcome("no delivery chosen", "Wire(Choice)", Parameters { offers: 0, ..good.clone() }));
    all.push(welcome("two deliveries chosen", "Wire(Choice)", Parameters { offers: 3, ..good.clone() }));
    all.push(welcome(
        "a delivery that was not wanted",
        "Wire(Choice)",
        Parameters { offers: SEALED, ..good.clone() },
    ));
    all.push(welcome(
        "a direction that was not offered",
        "Wire(Choice)",
        Parameters { wants: COPIED, ..good.clone() },
    ));
    all.push(welcome("an observer's welcome", "Wire(Choice)", Parameters { observer: 1, ..good.clone() }));
    all.push(welcome(
        "huge pages that were not agreed to",
        "Wire(Choice)",
        Parameters { pool_is_huge: 1, ..good.clone() },
    ));
    all.push(welcome("a welcome whose greeting is longer than it says", "Wire(Greeting(0))", {
        Parameters { greeting: b"hello".into(), ..good.clone() }
    }));
    for count in [0, 2, 4, 8, 40] {
        let parameters = good.clone();
        let ends = if count <= 8 { descriptor_count(count, 3) } else { "Wire(Truncated)".into() };
        let name = format!("WELCOME with {count} descriptors");
        all.push(Case::new(Victim::ConnectingReceiver, name, ends, move |s| {
            let _hello = s.recv();
            let o = Offered::new();
            let three = [o.pool.as_fd(), o.board.as_fd(), o.stats_region.as_fd()];
            let fds: Vec<BorrowedFd<'_>> = three.into_iter().cycle().take(count).collect();
            s.send(&parameters.datagram(Kind::Welcome), &fds);
        }));
    }
    all.push(Case::new(
        Victim::ConnectingSender,
        "a receiver that welcomes with a pool",
        "Wire(Choice)",
        |s| {
            let _hello = s.recv();
            s.send(
                &Parameters { offers: POOLED, ..Parameters::receiver(POOLED) }.datagram(Kind::Welcome),
                &[],
            );
        },
    ));
    all.push(Case::new(
        Victim::ConnectingSender,
        "a receiver without a ledger",
        descriptor_count(0, 1),
        |s| {
            let _hello = s.recv();
            s.send(&Parameters::receiver(POOLED).datagram(Kind::Welcome), &[]);
        },
    ));
}

/// Sends a receiver a correct WELCOME, and reads its ATTACH.
fn up_to_start(s: &Socket) -> Offered {
    let _hello = s.recv();
    let o = Offered::new();
    let parameters = Parameters::sender(COPIED);
    s.send(&parameters.datagram(Kind::Welcome), &[o.pool.as_fd(), o.board.as_fd(), o.stats_region.as_fd()]);
    drop(descriptors::<1>(s.recv()));
    o
}

fn starts(all: &mut Vec<Case>) {
    let victim = Victim::ConnectingReceiver;
    all.push(Case::new(victim, "silence after ATTACH", "TimedOut(\"START\")", |s| drop(up_to_start(s))));
    for kind in [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Wake, Kind::Message, Kind::Bye] {
        let ends = format!("Wire(Unexpected({kind:?}))");
        all.push(Case::new(victim, format!("{kind:?} in place of START"), ends, move |s| {
            let _offered = up_to_start(s);
            s.send(&bare(kind), &[]);
        }));
    }
    all.push(Case::new(victim, "START with a word too many", "Wire(Long { found: 20, wanted: 16 })", |s| {
        let _offered = up_to_start(s);
        s.send(&with(Kind::Start, &[0]), &[]);
    }));
    all.push(Case::new(victim, "START with a descriptor", descriptor_count(1, 0), |s| {
        let _offered = up_to_start(s);
        s.send(&bare(Kind::Start), &[s.as_fd()]);
    }));
    all.push(Case::new(
        victim,
        "REFUSE in place of START",
        "Refused(Refusal { code: Full, reason: \"\" })",
        |s| {
            let _offered = up_to_start(s);
            s.send(&with(Kind::Refuse, &[8, 0]), &[]);
        },
    ));
}
