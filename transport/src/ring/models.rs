//! Models of the hand-off: small programs that loom runs in every order.
//!
//! `CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg loom" cargo test --release -p bowstring-transport --lib models`
//!
//! A lost wake-up shows as a deadlock, because nothing here wakes up by itself. Bytes that are read before they are
//! written, or overwritten while they are read, show as a race on the slot. An entry that is torn, or overwritten
//! before it was taken, shows in its words, each of which is derived from the message's number.

// checks: hand-off

mod ends;

use std::vec::Vec;

use crate::abi::Closing;
use crate::sync::model::{Depth, model, thread};
use ends::{Channel, Receiving, Sending, Waits, slots};

const ALL: Depth = Depth::Exhaustive;

/// Runs a sender of `messages` on its own thread, with a receiver on this thread that gives each back at once.
fn in_turn(messages: u32, slot_count: usize, waits: Waits) {
    let slots = slots(slot_count);
    let channel = Channel::new(&slots);
    let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), waits);
    let sender = thread::spawn(move || (0..messages).for_each(|_| sending.send()));
    let mut receiving = Receiving::new(&channel, waits);
    for _ in 0..messages {
        let note = receiving.next().expect("nobody closes");
        channel.release(note);
    }
    sender.join().unwrap();
}

#[test]
fn a_message_wakes_a_sleeper() {
    model("a_message_wakes_a_sleeper", ALL, || in_turn(1, 1, Waits::Asleep));
}

#[test]
fn room_wakes_a_sleeper() {
    model("room_wakes_a_sleeper", Depth::Preemptions(4), || in_turn(2, 1, Waits::Asleep));
}

#[test]
fn one_slot_again_and_again() {
    model("one_slot_again_and_again", ALL, || in_turn(3, 1, Waits::Awake));
}

#[test]
fn four_messages_through_two_slots() {
    model("four_messages_through_two_slots", ALL, || in_turn(4, 2, Waits::Awake));
}

#[test]
fn four_messages_through_two_slots_asleep() {
    model("four_messages_through_two_slots_asleep", Depth::Preemptions(3), || in_turn(4, 2, Waits::Asleep));
}

#[test]
fn six_messages_through_two_slots() {
    model("six_messages_through_two_slots", Depth::Preemptions(3), || in_turn(6, 2, Waits::Awake));
}

/// The first message stays on lease while three go through the other slot: entries are reused, and the lease's is too.
#[test]
fn a_lease_outlasts_its_entry() {
    model("a_lease_outlasts_its_entry", ALL, || {
        let slots = slots(2);
        let channel = Channel::new(&slots);
        let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), Waits::Awake);
        let sender = thread::spawn(move || (0..4).for_each(|_| sending.send()));
        let mut receiving = Receiving::new(&channel, Waits::Awake);
        let first = receiving.next().expect("nobody closes");
        for _ in 0..3 {
            let note = receiving.next().expect("nobody closes");
            channel.release(note);
        }
        channel.read(first);
        channel.release(first);
        sender.join().unwrap();
    });
}

/// Two leases are dropped on two threads while the sender, asleep, waits for the room of both.
#[test]
fn two_threads_give_back() {
    model("two_threads_give_back", Depth::Preemptions(3), || {
        let slots = slots(2);
        let channel = Channel::new(&slots);
        let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), Waits::Asleep);
        let mut receiving = Receiving::new(&channel, Waits::Asleep);
        sending.send();
        sending.send();
        let leases = [receiving.poll(), receiving.poll()].map(|lease| lease.expect("sent before"));
        let releasing = leases.map(|lease| {
            let channel = channel.clone();
            thread::spawn(move || {
                channel.read(lease);
                channel.release(lease);
            })
        });
        sending.send();
        sending.send();
        for thread in releasing {
            thread.join().unwrap();
        }
        assert_eq!(
            [receiving.poll(), receiving.poll()].map(|lease| lease.map(|note| note.number)),
            [Some(3), Some(4)]
        );
    });
}

/// Everything published before is taken before the end is seen, and the reason with it.
#[test]
fn the_end_comes_last() {
    model("the_end_comes_last", Depth::Preemptions(3), || {
        let slots = slots(1);
        let channel = Channel::new(&slots);
        let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), Waits::Asleep);
        let sender = thread::spawn(move || {
            sending.send();
            sending.close(Closing::CutOff);
        });
        let mut receiving = Receiving::new(&channel, Waits::Asleep);
        let note = receiving.next().expect("not closed before the message is taken");
        channel.release(note);
        assert_eq!(receiving.next(), Err(Closing::CutOff));
        sender.join().unwrap();
    });
}

/// A sender that stops leaves everything it published: once its end is known, looking finds every message.
#[test]
fn a_crash_takes_nothing_back() {
    model("a_crash_takes_nothing_back", ALL, || {
        let slots = slots(2);
        let channel = Channel::new(&slots);
        let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), Waits::Asleep);
        let sender = thread::spawn(move || {
            sending.send();
            sending.send();
        });
        let mut receiving = Receiving::new(&channel, Waits::Asleep);
        // Some of them may be taken while the sender lives.
        let mut taken: Vec<_> = [receiving.poll(), receiving.poll()].into_iter().flatten().collect();
        // The end of the thread is the end of the process, as the socket and the pidfd would show it.
        sender.join().unwrap();
        taken.extend(core::iter::from_fn(|| receiving.poll()));
        assert_eq!(taken.len(), 2);
        assert!(receiving.has_taken_all());
    });
}

/// A receiver that leaves while messages are sent to it strands no slot, not even if the sender waits for room.
#[test]
fn leaving_strands_no_slot() {
    model("leaving_strands_no_slot", ALL, || {
        let slots = slots(1);
        let channel = Channel::new(&slots);
        let mut sending = Sending::new(&slots, core::slice::from_ref(&channel), Waits::Asleep);
        let receiving = Receiving::new(&channel, Waits::Asleep);
        let receiver = thread::spawn(move || receiving.leave());
        sending.send();
        sending.send();
        receiver.join().unwrap();
        sending.send();
        assert_eq!(sending.live, 0, "whoever has left before a message is seen to have left after it");
        assert_eq!(sending.reclaim(), 0, "every slot came back");
    });
}

/// One pool, two receivers: a slot is free when both have given it back, and the sender sleeps on both bells.
#[test]
fn a_slot_waits_for_both_receivers() {
    model("a_slot_waits_for_both_receivers", Depth::Preemptions(2), || {
        let slots = slots(1);
        let channels = [Channel::new(&slots), Channel::new(&slots)];
        let mut sending = Sending::new(&slots, &channels, Waits::Asleep);
        let receivers = channels.map(|channel| {
            thread::spawn(move || {
                let mut receiving = Receiving::new(&channel, Waits::Asleep);
                for _ in 0..2 {
                    let note = receiving.next().expect("nobody closes");
                    channel.release(note);
                }
            })
        });
        sending.send();
        sending.send();
        for thread in receivers {
            thread.join().unwrap();
        }
        assert_eq!(sending.reclaim(), 0);
    });
}
