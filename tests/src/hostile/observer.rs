//! Senders that lie to observers.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use bowstring_transport::session::wire::Kind;

use super::handshake::descriptor_count;
use super::{Case, Victim};
use crate::raw::datagram::{COPIED, POOLED};
use crate::raw::play::GAUGE;
use crate::raw::{Card, Make, Socket};

/// Returns the parameters of the WELCOME for an observer.
fn card() -> Card {
    Card { observer: 1, wants: 0, ..Card::receiver(POOLED) }
}

/// Returns a row that sends these parameters as WELCOME with this many good stats regions.
fn welcome(name: &'static str, ends: impl Into<String>, card: Card, gauges: usize) -> Case {
    Case::new(Victim::Observer, name, ends.into(), move |s: &Socket| {
        let _hello = s.recv();
        let stats_region = Make::published(GAUGE).region().expect("a stats_region");
        s.send(&card.datagram(Kind::Welcome), &vec![stats_region.as_fd(); gauges]);
    })
}

pub(super) fn add(all: &mut Vec<Case>) {
    all.push(welcome("a welcome to a receiver", "Wire(Choice)", Card { observer: 0, ..card() }, 1));
    all.push(welcome("a welcome that offers", "Wire(Choice)", Card { offers: COPIED, ..card() }, 1));
    all.push(welcome("a welcome that wants", "Wire(Choice)", Card { wants: POOLED, ..card() }, 1));
    all.push(welcome("a welcome without a stats_region", descriptor_count(0, 1), card(), 0));
    all.push(welcome("a welcome with two gauges", descriptor_count(2, 1), card(), 2));
    all.push(welcome("a welcome with forty gauges", "Wire(Truncated)", card(), 40));
    all.push(Case::new(Victim::Observer, "a stats_region full of nonsense", "Ok", |s| {
        let _hello = s.recv();
        let stats_region = Make::published(GAUGE).region().expect("a stats_region");
        for at in (0..GAUGE).step_by(8) {
            stats_region.u64_at(at).store(u64::MAX - at as u64, Ordering::Relaxed);
        }
        s.send(&card().datagram(Kind::Welcome), &[stats_region.as_fd()]);
    }));
}
