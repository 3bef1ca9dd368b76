//! Senders that lie to observers.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use bowstring_transport::session::wire::Kind;

use super::handshake::descriptor_count;
use super::{Case, Victim};
use crate::raw::datagram::{COPIED, POOLED};
use crate::raw::play::STATS;
use crate::raw::{Make, Parameters, Socket};

/// Returns the parameters of the WELCOME for an observer.
fn parameters() -> Parameters {
    Parameters { observer: 1, wants: 0, ..Parameters::receiver(POOLED) }
}

/// Returns a row that sends these parameters as WELCOME with this many good stats regions.
fn welcome(
    name: &'static str,
    ends: impl Into<String>,
    parameters: Parameters,
    stats_regions: usize,
) -> Case {
    Case::new(Victim::Observer, name, ends.into(), move |s: &Socket| {
        let _hello = s.recv();
        let stats_region = Make::published(STATS).region().expect("a stats_region");
        s.send(&parameters.datagram(Kind::Welcome), &vec![stats_region.as_fd(); stats_regions]);
    })
}

pub(super) fn add(all: &mut Vec<Case>) {
    all.push(welcome(
        "a welcome to a receiver",
        "Wire(Choice)",
        Parameters { observer: 0, ..parameters() },
        1,
    ));
    all.push(welcome(
        "a welcome that offers",
        "Wire(Choice)",
        Parameters { offers: COPIED, ..parameters() },
        1,
    ));
    all.push(welcome(
        "a welcome that wants",
        "Wire(Choice)",
        Parameters { wants: POOLED, ..parameters() },
        1,
    ));
    all.push(welcome("a welcome without stats", descriptor_count(0, 1), parameters(), 0));
    all.push(welcome("a welcome with two stats regions", descriptor_count(2, 1), parameters(), 2));
    all.push(welcome("a welcome with forty stats regions", "Wire(Truncated)", parameters(), 40));
    all.push(Case::new(Victim::Observer, "a stats_region full of nonsense", "Ok", |s| {
        let _hello = s.recv();
        let stats_region = Make::published(STATS).region().expect("a stats_region");
        for at in (0..STATS).step_by(8) {
            stats_region.u64_at(at).store(u64::MAX - at as u64, Ordering::Relaxed);
        }
        s.send(&parameters().datagram(Kind::Welcome), &[stats_region.as_fd()]);
    }));
}
