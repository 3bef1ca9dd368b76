//! Senders of sealed messages that announce something false.

use std::os::fd::AsFd;

use bowstring_transport::session::wire::{Kind, MAX_DATAGRAM, PREFIX};

use super::{Case, Victim};
use crate::raw::datagram::{bare, message, prefix, with};
use crate::raw::play::send_sealed;
use crate::raw::{Make, Socket};

/// Returns a row that opens a channel, misbehaves, and waits to be disconnected.
fn row(
    name: impl Into<String>,
    ends: impl Into<String>,
    act: impl Fn(&Socket) + Send + Sync + 'static,
) -> Case {
    Case::new(Victim::SealedReceiver, name.into(), ends.into(), move |s: &Socket| {
        send_sealed(s);
        act(s);
        let _ = s.await_hang_up();
    })
}

/// Sends a good file of 64 bytes under an announcement of `len`.
fn announce(s: &Socket, number: u64, len: u64) {
    let file = Make::frozen(64).descriptor().expect("a file");
    s.send(&message(number, len), &[file.as_fd()]);
}

pub(super) fn add(all: &mut Vec<Case>) {
    for kind in [Kind::Hello, Kind::Welcome, Kind::Attach, Kind::Start, Kind::Refuse] {
        let ends = format!("Fault(Datagram(Unexpected({kind:?})))");
        all.push(row(format!("{kind:?} on the open channel"), ends, move |s| s.send(&bare(kind), &[])));
    }
    let counted =
        |found, wanted| format!("Fault(Datagram(Descriptors {{ found: {found}, wanted: {wanted} }}))");
    for count in [0, 2, 8] {
        all.push(row(format!("a message with {count} descriptors"), counted(count, 1), move |s| {
            let file = Make::frozen(64).descriptor().expect("a file");
            s.send(&message(1, 64), &vec![file.as_fd(); count]);
        }));
    }
    all.push(row("a message with forty descriptors", "Fault(Datagram(Truncated))", |s| {
        s.send(&message(1, 64), &[s.as_fd(); 40]);
    }));
    all.push(row("a wake-up with a descriptor", counted(1, 0), |s| s.send(&bare(Kind::Wake), &[s.as_fd()])));
    all.push(row("a good-bye with a descriptor", counted(1, 0), |s| {
        s.send(&with(Kind::Bye, &[0, 0]), &[s.as_fd()]);
    }));
    all.push(row("a good-bye of another sort", "Fault(Closing(7))", |s| {
        s.send(&with(Kind::Bye, &[7, 0]), &[]);
    }));
    let short = |found, wanted| format!("Fault(Datagram(Short {{ found: {found}, wanted: {wanted} }}))");
    all.push(row("a reason that was not agreed to", "Fault(Closing(2))", |s| {
        s.send(&with(Kind::Bye, &[2, 0]), &[]);
    }));
    all.push(row("a good-bye cut short", short(16, 24), |s| s.send(&bare(Kind::Bye), &[])));
    all.push(row("an announcement cut short", short(16, 48), |s| s.send(&bare(Kind::Message), &[s.as_fd()])));
    let long = |found, wanted| format!("Fault(Datagram(Long {{ found: {found}, wanted: {wanted} }}))");
    all.push(row("a wake-up with a word too many", long(20, 16), |s| s.send(&with(Kind::Wake, &[0]), &[])));
    all.push(row("a good-bye with a word too many", long(28, 24), |s| {
        s.send(&with(Kind::Bye, &[0, 0, 0]), &[]);
    }));
    all.push(row("an announcement with a word too many", long(52, 48), |s| {
        let file = Make::frozen(64).descriptor().expect("a file");
        // A whole announcement, and a good file, and four bytes more.
        s.send(&with(Kind::Message, &[1, 0, 64, 0, 0, 0, 0, 0, 0]), &[file.as_fd()]);
    }));
    all.push(row("garbage", "Fault(Datagram(Magic))", |s| s.send(&[b'x'; 48], &[])));
    all.push(row("a book", "Fault(Datagram(Truncated))", |s| s.send(&[b'b'; MAX_DATAGRAM], &[])));
    all.push(row("another version", "Fault(Datagram(Version(9)))", |s| s.send(&prefix(9, 17, PREFIX), &[])));
    all.push(row("an unknown kind", "Fault(Datagram(Kind(99)))", |s| s.send(&prefix(1, 99, PREFIX), &[])));
    all.push(row("message number 0", "Fault(Number { last: 0, found: 0 })", |s| announce(s, 0, 64)));
    all.push(row("a message number again", "Fault(Number { last: 3, found: 3 })", |s| {
        announce(s, 3, 64);
        announce(s, 3, 64);
    }));
    all.push(row("a message number going back", "Fault(Number { last: 3, found: 2 })", |s| {
        announce(s, 3, 64);
        announce(s, 2, 64);
    }));
    let size = |wanted: u64| format!("Fault(Region(Size {{ found: 64, wanted: {wanted} }}))");
    all.push(row("a length beyond the file", size(65), |s| announce(s, 1, 65)));
    all.push(row("a length of petabytes", size(1 << 50), |s| announce(s, 1, 1 << 50)));
    all.push(row("a length that no address has", format!("Fault(Length({}))", u64::MAX), |s| {
        announce(s, 1, u64::MAX);
    }));
    all.push(row("an empty datagram", "Crashed", |s| s.send(&[], &[])));
    all.push(Case::new(Victim::SealedReceiver, "death with messages queued", "Crashed", |s| {
        send_sealed(s);
        (1..=5).for_each(|number| announce(s, number, 64));
    }));
    all.push(row("a flood of wake-ups, a message and a good-bye", "Closed", |s| {
        for _ in 0..500 {
            s.send(&bare(Kind::Wake), &[]);
        }
        announce(s, 1, 64);
        s.send(&with(Kind::Bye, &[0, 0]), &[]);
    }));
}
