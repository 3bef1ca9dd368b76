//! Following: from before an append to when followers that were asleep have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bowstring_store::{Client, Event};

use super::{Place, TURNS, batch, report};
use crate::Options;

/// Long enough for all to have it and to fall asleep again.
const REST: Duration = Duration::from_millis(2);

pub(super) fn run(place: &Place, options: Options) {
    for followers in [1, 8] {
        case(place, options, followers);
    }
}

/// The last event of a follower: how many it has had, and the time of the last. Nobody is woken to hear of it: that would
/// take the processor from those that have not seen it yet.
#[derive(Default)]
struct Seen {
    events: AtomicU64,
    nanos: AtomicU64,
}

fn follow(place: &Place, start: Instant) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let (tell, socket) = (seen.clone(), place.socket.clone());
    std::thread::spawn(move || {
        let follower = Client::connect(&socket).and_then(|client| client.follow("ticks", None));
        let mut follower = follower.expect("the table");
        while let Ok(Some(Event::Rows(_))) = follower.next_event(None) {
            tell.nanos.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            tell.events.fetch_add(1, Ordering::Release);
        }
    });
    seen
}

fn case(place: &Place, options: Options, followers: usize) {
    let mut client = place.client();
    client.put("ticks", &[batch(0).slice(0, 16)]).expect("taken");
    let start = Instant::now();
    let all: Vec<Arc<Seen>> = (0..followers).map(|_| follow(place, start)).collect();
    let rest = |events: u64| {
        std::thread::sleep(REST);
        while all.iter().any(|seen| seen.events.load(Ordering::Acquire) < events) {
            std::thread::sleep(REST);
        }
    };
    rest(1);
    let more = batch(0).slice(0, 16);
    let (mut each, mut last, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS as u64 {
        let begun = start.elapsed();
        client.append("ticks", std::slice::from_ref(&more)).expect("taken");
        done.push((start.elapsed() - begun).as_nanos() as f64);
        rest(turn + 2);
        let time = |seen: &Arc<Seen>| seen.nanos.load(Ordering::Relaxed) as f64 - begun.as_nanos() as f64;
        let times: Vec<f64> = all.iter().map(time).collect();
        last.push(times.iter().copied().fold(0.0, f64::max));
        each.extend(times);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    report(
        options,
        &format!("follow, {followers} asleep"),
        &[
            ("append acknowledged", median(&mut done)),
            ("seen by one of them", median(&mut each)),
            ("by the last", median(&mut last)),
        ],
    );
    client.remove("ticks", 0).expect("removed");
}
