//! Following: from before an append to when followers that were asleep have it, against the bare system calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bowstring_store::{Client, Event};

use super::{Place, TURNS, batch, relay, report};
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
pub(super) struct Seen {
    events: AtomicU64,
    nanos: AtomicU64,
}

impl Seen {
    /// Notes an event, and its time since `start`.
    pub(super) fn note(&self, start: Instant) {
        self.nanos.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Release);
    }
}

/// The times of one contender.
#[derive(Default)]
struct Times {
    done: Vec<f64>,
    each: Vec<f64>,
    last: Vec<f64>,
}

impl Times {
    /// Measures an append that is the event of this number for all.
    fn take(&mut self, start: Instant, all: &[Arc<Seen>], events: u64, append: impl FnOnce()) {
        let begun = start.elapsed();
        append();
        self.done.push((start.elapsed() - begun).as_nanos() as f64);
        rest(all, events);
        let time = |seen: &Arc<Seen>| seen.nanos.load(Ordering::Relaxed) as f64 - begun.as_nanos() as f64;
        let times: Vec<f64> = all.iter().map(time).collect();
        self.last.push(times.iter().copied().fold(0.0, f64::max));
        self.each.extend(times);
    }

    fn medians(mut self) -> [f64; 3] {
        [&mut self.done, &mut self.each, &mut self.last].map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}

/// Waits until all have had this number of events, and sleep again.
fn rest(all: &[Arc<Seen>], events: u64) {
    std::thread::sleep(REST);
    while all.iter().any(|seen| seen.events.load(Ordering::Acquire) < events) {
        std::thread::sleep(REST);
    }
}

fn follow(place: &Place, start: Instant) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let (tell, socket) = (seen.clone(), place.socket.clone());
    std::thread::spawn(move || {
        let follower = Client::connect(&socket).and_then(|client| client.follow("ticks", None));
        let mut follower = follower.expect("the table");
        while let Ok(Some(Event::Rows(_))) = follower.next_event(None) {
            tell.note(start);
        }
    });
    seen
}

fn case(place: &Place, options: Options, followers: usize) {
    let mut client = place.client();
    client.put("ticks", &[batch(0).slice(0, 16)]).expect("taken");
    let start = Instant::now();
    let all: Vec<Arc<Seen>> = (0..followers).map(|_| follow(place, start)).collect();
    rest(&all, 1);
    let (relay, bare) = relay::start(followers, start);
    let more = batch(0).slice(0, 16);
    let (mut ours, mut floor) = (Times::default(), Times::default());
    for turn in 0..TURNS as u64 {
        ours.take(start, &all, turn + 2, || {
            client.append("ticks", std::slice::from_ref(&more)).expect("taken");
        });
        floor.take(start, &bare, turn + 1, || relay.append());
    }
    let ([done, each, last], [floor_done, floor_each, floor_last]) = (ours.medians(), floor.medians());
    report(
        options,
        &format!("follow, {followers} asleep"),
        &[
            ("append acknowledged", done),
            ("seen by one of them", each),
            ("by the last", last),
            ("floor acknowledged", floor_done),
            ("floor seen by one", floor_each),
            ("floor by the last", floor_last),
        ],
    );
    client.remove("ticks", 0).expect("removed");
}
