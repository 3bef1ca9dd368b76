//! Following: from before an append to when followers that were asleep have it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use bowstring_store::{Client, Event};

use super::{Place, TURNS, batch, report};
use crate::Options;

pub(super) fn run(place: &Place, options: Options) {
    for followers in [1, 8] {
        case(place, options, followers);
    }
}

fn case(place: &Place, options: Options, followers: usize) {
    let mut client = place.client();
    client.put("ticks", &[batch(0).slice(0, 16)]).expect("taken");
    let (tell, seen) = mpsc::channel();
    for _ in 0..followers {
        let (tell, socket) = (tell.clone(), place.socket.clone());
        std::thread::spawn(move || {
            let mut follower =
                Client::connect(&socket).and_then(|c| c.follow("ticks", None)).expect("the table");
            while let Ok(Some(Event::Rows(_))) = follower.next_event(None) {
                if tell.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }
    (0..followers).for_each(|_| {
        let _ = seen.recv();
    });
    let more = batch(0).slice(0, 16);
    let (mut each, mut last, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        // Long enough for all to fall asleep.
        std::thread::sleep(Duration::from_millis(2));
        let begun = Instant::now();
        client.append("ticks", std::slice::from_ref(&more)).expect("taken");
        done.push(begun.elapsed().as_nanos() as f64);
        let seen = (0..followers).filter_map(|_| seen.recv().ok());
        let times: Vec<f64> = seen.map(|seen| (seen - begun).as_nanos() as f64).collect();
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
