//! The occupation of a pool, compared with a list of runs.

use std::vec::Vec;

use proptest::prelude::*;

use super::{Extent, Held, MAX_RECEIVERS, Occupation};

/// A message in the pool, in the simplest possible form.
#[derive(Clone, Debug)]
struct Run {
    start: u32,
    span: u32,
    number: u64,
    /// Subscribers that the sender has not seen release it.
    holders: u64,
    /// Subscribers that have released it, seen or not.
    released: u64,
}

#[derive(Clone, Debug)]
enum Op {
    /// Finds room, and occupies `less` slots fewer for `holders`.
    Place {
        span: u32,
        long: bool,
        less: u32,
        holders: u64,
    },
    Release {
        run: prop::sample::Index,
        subscriber: usize,
    },
    /// Checks the runs that come next, which changes only what is known.
    LookAhead,
    Reclaim {
        subscriber: usize,
    },
    Forget {
        subscriber: usize,
    },
}

/// Subscribers at both ends of the word.
fn subscriber() -> impl Strategy<Value = usize> {
    prop_oneof![0..3_usize, Just(MAX_RECEIVERS - 1)]
}

fn op() -> impl Strategy<Value = Op> {
    let holders = prop::collection::vec(subscriber(), 0..4).prop_map(|subscribers| {
        subscribers.into_iter().fold(0, |bits, subscriber| bits | 1_u64 << subscriber)
    });
    prop_oneof![
        6 => (1..5_u32, prop::bool::weighted(0.3), 0..2_u32, holders)
            .prop_map(|(span, long, less, holders)| Op::Place { span, long, less, holders }),
        8 => (any::<prop::sample::Index>(), subscriber()).prop_map(|(run, subscriber)| Op::Release { run, subscriber }),
        2 => Just(Op::LookAhead),
        1 => subscriber().prop_map(|subscriber| Op::Reclaim { subscriber }),
        1 => subscriber().prop_map(|subscriber| Op::Forget { subscriber }),
    ]
}

/// Returns true if nobody holds any of `span` slots from `start` on.
fn is_free(runs: &[Run], start: u32, span: u32) -> bool {
    runs.iter().all(|r| r.holders & !r.released == 0 || r.start + r.span <= start || start + span <= r.start)
}

/// Returns true if a subscriber's ledger says that it has released the message at a slot.
fn has_released(runs: &[Run], subscriber: usize, slot: u32, number: u64) -> bool {
    runs.iter().any(|r| (r.start, r.number) == (slot, number) && r.released & 1 << subscriber != 0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn occupation_is_what_a_list_of_runs_says(slots in 1..9_u32, ops in prop::collection::vec(op(), 1..80)) {
        let mut real = Occupation::new(slots).unwrap();
        let (mut runs, mut number, mut high) = (Vec::<Run>::new(), 0, 0);
        for op in ops {
            match op {
                Op::Place { span, long, less, holders } => {
                    let span = span.min(slots);
                    let found = real.find(Extent { span, long }, |subscriber, slot, number| has_released(&runs, subscriber, slot, number));
                    let is_room = (0..=slots - span).any(|start| is_free(&runs, start, span));
                    prop_assert_eq!(found.is_some(), is_room, "{:?} found in {:?}", found, runs);
                    let Some(start) = found else { continue };
                    prop_assert!(start + span <= slots && is_free(&runs, start, span), "{start} in {runs:?}");
                    // A long message lies as far in front as it can.
                    let in_front = long && (0..start).any(|start| is_free(&runs, start, span));
                    prop_assert!(!in_front, "{span} slots long at {start} of {runs:?}");
                    number += 1;
                    let span = span.saturating_sub(less).max(1);
                    real.occupy(start, Extent { span, long }, number, holders);
                    // What was found free has been seen free.
                    runs.retain(|r| r.start + r.span <= start || start + span <= r.start);
                    if holders != 0 {
                        runs.push(Run { start, span, number, holders, released: 0 });
                    }
                }
                Op::Release { run, subscriber } => {
                    if !runs.is_empty() {
                        let at = run.index(runs.len());
                        runs[at].released |= 1 << subscriber;
                    }
                }
                Op::LookAhead => {
                    real.look_ahead(|subscriber, slot, number| has_released(&runs, subscriber, slot, number));
                }
                Op::Reclaim { subscriber } => {
                    real.reclaim_subscriber(subscriber, |slot, number| has_released(&runs, subscriber, slot, number));
                    runs.iter_mut().for_each(|r| r.holders &= !(r.released & 1 << subscriber));
                    let slots = |runs: &[Run]| {
                        runs.iter().filter(|r| r.holders & 1 << subscriber != 0).map(|r| r.span).sum::<u32>()
                    };
                    prop_assert_eq!(real.held(subscriber).slots, slots(&runs));
                }
                Op::Forget { subscriber } => {
                    real.forget_subscriber(subscriber);
                    runs.iter_mut().for_each(|r| r.holders &= !(1 << subscriber));
                    prop_assert_eq!(real.held(subscriber), Held::default());
                }
            }
            runs.retain(|r| r.holders != 0);
            // What the sender has seen is between what is really held and what was ever handed out.
            let held = |runs: &[Run], mask: fn(&Run) -> u64| {
                runs.iter().filter(|r| mask(r) != 0).map(|r| r.span).sum::<u32>()
            };
            let (least, most) = (held(&runs, |r| r.holders & !r.released), held(&runs, |r| r.holders));
            prop_assert!((least..=most).contains(&real.in_use()), "{} not in {least}..={most}", real.in_use());
            high = high.max(real.in_use());
            prop_assert_eq!(real.high_water(), high);
        }
    }
}

const SHORT: Extent = Extent { span: 1, long: false };
const LONG: Extent = Extent { span: 2, long: true };

/// In a steady stream no message has to check for its room: that was done before, slot by slot and once each.
#[test]
fn looking_ahead_asks_after_each_slot_in_turn() {
    for slots in [2, 5, 16, 20, 41] {
        let mut pool = Occupation::new(slots).unwrap();
        let place = |pool: &mut Occupation, number| {
            let slot =
                pool.find(SHORT, |_, slot, _| panic!("slot {slot} of {slots} was not asked after in time"));
            pool.occupy(slot.unwrap(), SHORT, number, 1);
        };
        (0..slots.into()).for_each(|number| place(&mut pool, number));
        let (mut next, stride) = (0, (slots / 2).clamp(1, 8));
        for number in slots.into()..500 {
            let mut asked = 0;
            pool.look_ahead(|subscriber, slot, _| {
                assert_eq!((subscriber, slot), (0, next), "of {slots}");
                next = (next + 1) % slots;
                asked += 1;
                true
            });
            // One line of a ledger at a time, and no further than needed: slots used a moment ago are left alone.
            assert!(asked == 0 || asked == stride, "{asked} of {slots} at a time");
            assert!(slots - pool.in_use() < 2 * stride, "of {slots}");
            place(&mut pool, number);
        }
    }
}

/// Long messages that are given back at once are all written in the same place; short ones between them go round in what
/// those leave.
#[test]
fn long_messages_stay_where_they_are_and_short_ones_go_round() {
    let mut pool = Occupation::new(6).unwrap();
    let mut place = |extent, number| {
        let slot = pool.find(extent, |_, _, _| true).unwrap();
        pool.occupy(slot, extent, number, 1);
        slot
    };
    let places = (0..6).map(|n| (place(LONG, 2 * n + 1), place(SHORT, 2 * n + 2)));
    assert_eq!(places.collect::<Vec<_>>(), [(0, 2), (0, 3), (0, 4), (0, 5), (0, 2), (0, 3)]);
}
