//! Followers that do not read, beside others that do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// checks: store

mod support;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bowstring_store::{Client, Config, Event, Follower};
use support::{Store, numbers, read};

const APPENDS: i64 = 2000;
/// Segments that may be open beside the table's own: what is on its way, and a merger's.
const BESIDE: u64 = 100;
/// Only tells a store that serves from one that does not.
const PATIENCE: Duration = Duration::from_secs(60);

fn rows(follower: &mut Follower) -> Vec<i64> {
    match follower.next_event(Some(PATIENCE)).unwrap() {
        Some(Event::Rows(table)) => read(&table),
        other => panic!("{other:?}"),
    }
}

/// Held by the test that runs: segments are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Waits until the workers of an earlier store have ended. Until then they may hold segments of it.
fn await_no_workers() {
    let begun = Instant::now();
    let is_worker = |task: std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("store-"))
    };
    while std::fs::read_dir("/proc/self/task").unwrap().flatten().any(is_worker) {
        assert!(begun.elapsed() < PATIENCE, "a worker of an earlier store goes on");
        std::thread::yield_now();
    }
}

/// Returns the number of segments that this process, and so its store, holds open.
fn open_segments() -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("bowstring-segment")).count() as u64
}

fn followers(client: &mut Client) -> u32 {
    client.list().unwrap()[0].followers
}

#[test]
fn some_that_do_not_read_cost_others_nothing_and_the_store_little() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    await_no_workers();
    // They are not given up while this runs, however slowly it does.
    let store = Store::new(Config { request_timeout: 10 * PATIENCE, merge_from: 8, ..Config::default() });
    let mut client = store.client();
    client.put("a", &[numbers(0..1)]).unwrap();
    let deaf: Vec<Follower> = (0..4).map(|_| store.client().follow("a", None).unwrap()).collect();
    let mut awake = store.client().follow("a", None).unwrap();
    assert_eq!(rows(&mut awake), [0]);
    for n in 1..APPENDS {
        client.append("a", &[numbers(n..n + 1)]).unwrap();
        // Each append by itself: nothing waits for those that do not read.
        assert_eq!(rows(&mut awake), [n]);
        if n % 100 == 0 {
            // Between the two, the table's own can only become fewer, by being merged.
            let own = u64::from(client.list().unwrap()[0].segments);
            let open = open_segments();
            // A queue of all that the deaf have not read would hold what was merged since, for each of them.
            assert!(open <= own + BESIDE, "{open} segments are open, {own} of them the table's");
        }
    }
    assert_eq!(followers(&mut client), 5);
    for mut follower in deaf {
        let mut seen = Vec::new();
        while seen.len() < APPENDS as usize {
            seen.extend(rows(&mut follower));
        }
        assert_eq!(seen, (0..APPENDS).collect::<Vec<_>>());
    }
}

#[test]
fn one_that_does_not_read_is_given_up_and_may_go_on_later() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let store = Store::new(Config { request_timeout: Duration::from_millis(300), ..Config::default() });
    let mut client = store.client();
    client.put("a", &[numbers(0..1)]).unwrap();
    let mut deaf = store.client().follow("a", None).unwrap();
    let mut seen = rows(&mut deaf);
    let begun = Instant::now();
    let mut n = 1;
    while followers(&mut client) > 0 {
        client.append("a", &[numbers(n..n + 1)]).unwrap();
        n += 1;
        assert!(begun.elapsed() < PATIENCE, "it is still there after {n} appends");
    }
    // What was on its way still comes.
    while let Ok(Some(Event::Rows(table))) = deaf.next_event(Some(PATIENCE)) {
        seen.extend(read(&table));
    }
    let mut later = store.client().follow("a", deaf.position()).unwrap();
    while seen.len() < n as usize {
        seen.extend(rows(&mut later));
    }
    assert_eq!(seen, (0..n).collect::<Vec<_>>());
}
