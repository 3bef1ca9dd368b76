//! The words that each end stores for the other, step by step. The models show that no order of the steps loses a message or a
//! wake-up; these tests show that nothing superfluous is stored, counted or woken.

use core::cell::Cell;

use super::{Note, Polled, Publisher, Room, Taker, has_left, release};
use crate::abi::{Geometry, Sleep};
use crate::receive::channel::new_ledger;
use crate::send::fanout::subscriber::new_board;
use crate::sync::Ordering;

const SLOTS: u32 = 4;

/// A board and a ledger of four slots.
macro_rules! ends {
    ($board:ident, $ledger:ident) => {
        let geometry = Geometry::new(SLOTS, 64, u64::MAX).unwrap();
        let ($board, $ledger) = (new_board(geometry, 1).unwrap(), new_ledger(geometry).unwrap());
        let ($board, $ledger) = ($board.board(), $ledger.ledger());
    };
}

fn note(number: u64) -> Note {
    Note { number, len: 1, reply_to: 0, slot: (number % u64::from(SLOTS)) as u32, tag: 0 }
}

#[test]
fn a_sleep_is_found_until_it_was_woken_and_not_again() {
    ends!(_board, ledger);
    let mut publisher = Publisher::new(1);
    assert_eq!(publisher.sleeper(ledger), Sleep::No, "nobody sleeps");
    ledger.head.waiting.store(Sleep::Futex.word(1), Ordering::Relaxed);
    assert_eq!(publisher.sleeper(ledger), Sleep::Futex);
    assert_eq!(publisher.sleeper(ledger), Sleep::Futex, "a wake-up that met nobody does not count");
    publisher.has_woken();
    assert_eq!(publisher.sleeper(ledger), Sleep::No, "one sleep costs one wake-up");
    ledger.head.waiting.store(Sleep::Socket.word(2), Ordering::Relaxed);
    assert_eq!(publisher.sleeper(ledger), Sleep::Socket, "the next sleep is another");
    publisher.has_woken();
    ledger.head.waiting.store(Sleep::Left.word(0), Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(publisher.sleeper(ledger), Sleep::Left, "a receiver that left is reported each time");
        publisher.has_woken();
    }
}

#[test]
fn no_two_of_many_sleeps_look_the_same() {
    ends!(board, ledger);
    let taker = Taker::new(1);
    let mut words = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        taker.announce_sleep(board, ledger, Sleep::Futex);
        assert!(words.insert(ledger.head.waiting.load(Ordering::Relaxed)), "a sleep that was there before");
        taker.awake(ledger);
        assert_eq!(ledger.head.waiting.load(Ordering::Relaxed), 0, "awake again");
    }
}

#[test]
fn only_who_says_so_has_left() {
    ends!(_board, ledger);
    for (sleep, left) in
        [(Sleep::No, false), (Sleep::Futex, false), (Sleep::Socket, false), (Sleep::Left, true)]
    {
        ledger.head.waiting.store(sleep.word(7), Ordering::Relaxed);
        assert_eq!(has_left(ledger), left, "{sleep:?}");
    }
}

#[test]
fn the_bell_is_rung_for_a_sender_that_waits_and_for_no_other() {
    ends!(board, ledger);
    let bell = || ledger.head.bell.load(Ordering::Relaxed);
    assert_eq!((release(board, ledger, 0, 1), bell()), (Sleep::No, 0));
    let room = Room::announce(board, ledger, Sleep::Futex);
    assert_eq!((release(board, ledger, 1, 2), bell()), (Sleep::Futex, room.bell + 1));
    Room::withdraw(board);
    assert_eq!((release(board, ledger, 2, 3), bell()), (Sleep::No, room.bell + 1));
}

#[test]
fn a_burst_ends_with_the_message_or_after_some_looks() {
    ends!(board, _ledger);
    let mut publisher = Publisher::new(1);
    let taker = Taker::new(1);
    let looks = Cell::new(0);
    assert!(!taker.burst(board, || looks.set(looks.get() + 1)));
    assert!(looks.get() > 1, "it looks more than once");
    assert!(publisher.publish(board, note(1), 0));
    looks.set(0);
    assert!(taker.burst(board, || looks.set(looks.get() + 1)));
    assert_eq!(looks.get(), 0, "it was there at once");
    assert!(matches!(taker.poll(board), Polled::Message(taken) if taken == note(1)));
    assert!(!taker.burst(board, || ()), "the next is not there");
}

#[test]
fn leaving_wakes_as_the_sender_waits() {
    for (waits, leaves) in
        [(None, Sleep::No), (Some(Sleep::Futex), Sleep::Futex), (Some(Sleep::Socket), Sleep::Socket)]
    {
        ends!(board, ledger);
        let mut publisher = Publisher::new(1);
        for number in 1..=u64::from(SLOTS) {
            assert!(publisher.publish(board, note(number), number as u32 - 1));
        }
        if let Some(how) = waits {
            Room::announce(board, ledger, how);
        }
        assert_eq!(Taker::new(1).leave(board, ledger), leaves);
        assert!(has_left(ledger));
        let released: std::vec::Vec<u64> =
            ledger.released.iter().map(|word| word.load(Ordering::Relaxed)).collect();
        assert_eq!(released, [4, 1, 2, 3], "every message is given back, in whichever slot");
    }
}

/// The pool has a slot for each message that is out, so there is always an entry; if there were not, nothing would be
/// published over an entry that was not taken.
#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "more messages are out than there are slots"))]
fn nothing_is_published_over_what_was_not_taken() {
    ends!(board, _ledger);
    let mut publisher = Publisher::new(1);
    (0..u64::from(SLOTS)).for_each(|n| assert!(publisher.publish(board, note(n + 1), n as u32)));
    assert!(!publisher.publish(board, note(5), SLOTS));
}
