//! Several senders into one receiver: every row once, in its sender's order, whoever ends and how.

// checks: merge
#![allow(unsafe_code)]

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bowstring::transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Label, SenderConfig, socket_pair,
};
use bowstring::{BreakOff, Merge, MergeError, ReceiveError, Receiver, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];
const NAMES: [&str; 3] = ["north", "south", "west"];

/// Numbers that look random, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Rows numbered from `first`; each names its number in a dictionary that is the sender's own and grows.
fn batch(sender: usize, first: i64, rows: i64) -> RecordBatch {
    let words: DictionaryArray<Int32Type> = {
        let words: Vec<String> = (first..first + rows).map(|n| format!("{sender}-{}", n / 7)).collect();
        words.iter().map(String::as_str).collect()
    };
    let numbers = Int64Array::from_iter_values(first..first + rows);
    RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("word", Arc::new(words) as _)])
        .unwrap()
}

fn connect(sender: &mut Sender, delivery: Delivery) -> Receiver {
    let (here, there) = socket_pair().unwrap();
    let receiver = std::thread::spawn(move || {
        let incoming = Connector::new(Deliveries::only(delivery)).connect(there).unwrap();
        // SAFETY: the sender is this test's `Sender`, which does not write to leased slots.
        Receiver::from_opened(unsafe { incoming.open() }.unwrap()).unwrap()
    });
    sender.accept_socket(here).unwrap();
    receiver.join().unwrap()
}

fn sender_of(batch: &RecordBatch) -> Sender {
    Sender::new(batch.schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap()
}

/// A sender of batches of random sizes on a thread of its own, which ends with a reason if it breaks off.
fn spawn(place: usize, delivery: Delivery, seed: u64, broken: bool) -> (Receiver, JoinHandle<i64>) {
    let mut sender = sender_of(&batch(place, 0, 1));
    let receiver = connect(&mut sender, delivery);
    let sending = std::thread::spawn(move || {
        let mut random = Random(seed);
        let mut first = 0;
        for _ in 0..40 {
            let rows = random.below(300) as i64;
            sender.send(&batch(place, first, rows)).unwrap();
            first += rows;
            if random.below(5) == 0 {
                std::thread::yield_now();
            }
        }
        if broken {
            sender.abandon_with(BreakOff::Failed, "no more");
        }
        first
    });
    (receiver, sending)
}

/// Checks that the rows of a sender go on where its last ones ended, and returns the next number.
fn check(batch: &RecordBatch, place: usize, next: i64) -> i64 {
    let numbers = batch.column(0).as_primitive::<Int64Type>();
    let words = batch.column(1).as_dictionary::<Int32Type>();
    let words = words.downcast_dict::<arrow_array::StringArray>().unwrap();
    let sources = batch.column(2).as_dictionary::<Int32Type>();
    let sources = sources.downcast_dict::<arrow_array::StringArray>().unwrap();
    for (row, (word, source)) in words.into_iter().zip(sources).enumerate() {
        let number = next + row as i64;
        assert_eq!(numbers.value(row), number, "of {}", NAMES[place]);
        assert_eq!(word, Some(&*format!("{place}-{}", number / 7)));
        assert_eq!(source, Some(NAMES[place]));
    }
    next + batch.num_rows() as i64
}

#[test]
fn every_row_of_every_sender_comes_once_and_in_its_order() {
    for seed in 0..6_u64 {
        // In half of the runs one of them breaks off.
        let broken = (seed % 2 == 1).then_some(seed as usize % 3);
        let (receivers, sending): (Vec<_>, Vec<_>) = (0..3)
            .map(|place| {
                let delivery = DELIVERIES[(place + seed as usize) % 3];
                spawn(place, delivery, seed * 3 + place as u64, broken == Some(place))
            })
            .unzip();
        let mut merge =
            Merge::new(NAMES.into_iter().zip(receivers)).unwrap().with_source_column("source").unwrap();
        let mut next = [0; 3];
        let mut failed = None;
        for arrived in &mut merge {
            match arrived {
                Ok((place, batch)) => next[place] = check(&batch, place, next[place]),
                Err(MergeError::Receive { place, name, error }) => {
                    assert_eq!(name, NAMES[place]);
                    let reason = "no more".to_owned();
                    assert_eq!(error, ReceiveError::BrokenOff { how: BreakOff::Failed, reason });
                    assert_eq!(failed.replace(place), None);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let sent: Vec<i64> = sending.into_iter().map(|sending| sending.join().unwrap()).collect();
        assert_eq!((next.to_vec(), failed), (sent, broken), "seed {seed}");
        for (source, rows) in merge.sources().iter().zip(next) {
            assert!(!source.is_open());
            assert_eq!(source.stats().rows, rows as u64);
        }
        assert_eq!(merge.stats().rows, next.iter().sum::<i64>() as u64);
        assert!(merge.next().is_none());
    }
}

#[test]
fn senders_that_are_ready_take_turns() {
    for delivery in DELIVERIES {
        let mut senders: Vec<Sender> = (0..3).map(|place| sender_of(&batch(place, 0, 1))).collect();
        let receivers: Vec<Receiver> = senders.iter_mut().map(|sender| connect(sender, delivery)).collect();
        // All that the first has to say lies there before the others begin.
        for (place, sender) in senders.iter_mut().enumerate() {
            (0..3).for_each(|n| sender.send(&batch(place, n * 5, 5)).unwrap());
        }
        let mut merge = Merge::new(NAMES.into_iter().zip(receivers)).unwrap();
        let order: Vec<usize> = (0..9).map(|_| merge.next().unwrap().unwrap().0).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2], "{delivery:?}");
    }
}

#[test]
fn waiting_ends_in_time_or_by_a_descriptor_and_loses_nothing() {
    for delivery in DELIVERIES {
        let mut senders: Vec<Sender> = (0..2).map(|place| sender_of(&batch(place, 0, 1))).collect();
        let receivers: Vec<Receiver> = senders.iter_mut().map(|sender| connect(sender, delivery)).collect();
        let mut merge = Merge::new(NAMES.into_iter().zip(receivers)).unwrap();
        let in_time = merge.next_batch_with(Some(Duration::from_millis(1)), &[]);
        assert!(matches!(in_time, Err(MergeError::TimedOut)), "{in_time:?}");
        let (wake, bell) = UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut &bell, b"!").unwrap();
        let woken = merge.next_batch_with(None, &[wake.as_fd()]);
        assert!(matches!(woken, Err(MergeError::Woken)), "{woken:?}");
        // What is there comes first.
        senders[1].send(&batch(1, 0, 5)).unwrap();
        assert_eq!(merge.next_batch_with(None, &[wake.as_fd()]).unwrap().unwrap().0, 1);
        // The clean end of one leaves the other; that of all is the end.
        senders.pop();
        senders[0].send(&batch(0, 0, 5)).unwrap();
        assert_eq!(merge.next().unwrap().unwrap().0, 0);
        let sleeping = std::thread::spawn(move || merge.next_batch().unwrap().is_none());
        drop(senders);
        assert!(sleeping.join().unwrap(), "{delivery:?}");
    }
}

#[test]
fn one_sleep_is_announced_to_all_senders_that_are_left() {
    for delivery in DELIVERIES {
        let mut senders: Vec<Sender> = (0..2).map(|place| sender_of(&batch(place, 0, 1))).collect();
        let receivers: Vec<Receiver> = senders.iter_mut().map(|sender| connect(sender, delivery)).collect();
        let mut merge = Merge::new(NAMES.into_iter().zip(receivers)).unwrap();
        let readable = |merge: &Merge, patience: i64| {
            let fds = merge.pollables().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            poll(&mut fds.collect::<Vec<_>>(), Some(&Timespec { tv_sec: patience, tv_nsec: 0 })).unwrap()
        };
        for sender in [1, 0] {
            assert!(merge.arm());
            assert_eq!(readable(&merge, 0), 0, "{delivery:?}: nothing was sent");
            senders[sender].send(&batch(sender, 0, 5)).unwrap();
            assert_eq!(readable(&merge, 60), 1, "{delivery:?}: the sender rings");
            merge.disarm();
            assert_eq!(merge.next().unwrap().unwrap().0, sender);
        }
        drop(senders);
        assert!(merge.next_batch().unwrap().is_none());
        assert_eq!((merge.arm(), merge.pollables().count()), (false, 0), "nobody is left to wake it up");
    }
}

#[test]
fn a_sender_whose_message_is_malformed_is_given_up_and_does_not_wait_for_this_side() {
    let mut good = sender_of(&batch(0, 0, 1));
    let mut bad = SenderConfig::new().slots(8, 4096).build().unwrap();
    let plan = bowstring::codec::Plan::new(good.schema().clone()).unwrap();
    let (here, there) = socket_pair().unwrap();
    let second = std::thread::spawn(move || Receiver::builder().connect_socket(there).unwrap());
    bad.accept(here, &HandshakeConfig::new(plan.schema_message())).unwrap();
    let receivers = [("good", connect(&mut good, Delivery::Pooled)), ("bad", second.join().unwrap())];
    let mut loan = bad.loan(64).unwrap();
    loan.fill(0x5a);
    loan.commit_as(64, Label { tag: bowstring::protocol::BATCH, ..Label::default() }).unwrap();
    let mut merge = Merge::new(receivers).unwrap();
    let error = merge.next().unwrap().unwrap_err();
    assert!(
        matches!(error, MergeError::Receive { place: 1, error: ReceiveError::Malformed { .. }, .. }),
        "{error}"
    );
    bad.reap().unwrap();
    assert_eq!(bad.receivers(), 0, "the sender knows that nobody reads on");
    good.send(&batch(0, 0, 5)).unwrap();
    assert_eq!(merge.next().unwrap().unwrap().0, 0);
}

#[test]
fn tables_must_have_the_same_columns() {
    let pair = |a: DataType, b: DataType, nullable: bool| {
        let receivers: Vec<Receiver> = [(a, false), (b, nullable)]
            .into_iter()
            .map(|(of, null)| {
                let schema = Arc::new(Schema::new(vec![Field::new("a", of, null)]));
                connect(&mut Sender::new(schema, SenderConfig::new()).unwrap(), Delivery::Sealed)
            })
            .collect();
        Merge::new(NAMES.into_iter().zip(receivers))
    };
    let error = pair(DataType::Int64, DataType::Utf8, false).unwrap_err();
    let words = "the table of \"south\" differs from that of \"north\": column \"a\" is of Utf8, where Int64 was expected";
    assert_eq!(error.to_string(), words);
    let merge = pair(DataType::Int64, DataType::Int64, true).unwrap();
    assert!(merge.schema().field(0).is_nullable(), "what may be null in one may be null in all");
    assert!(matches!(merge.with_source_column("a"), Err(MergeError::ColumnTaken(_))));
    let nobody: [(&str, Receiver); 0] = [];
    assert!(matches!(Merge::new(nobody), Err(MergeError::Count(0))));
}

#[test]
fn another_sender_goes_on_in_the_place_of_one_that_is_gone() {
    for delivery in DELIVERIES {
        let mut senders: Vec<Sender> = (0..2).map(|place| sender_of(&batch(place, 0, 1))).collect();
        let receivers: Vec<Receiver> = senders.iter_mut().map(|sender| connect(sender, delivery)).collect();
        let mut merge =
            Merge::new(NAMES.into_iter().zip(receivers)).unwrap().with_source_column("source").unwrap();
        let mut gone = senders.pop().unwrap();
        gone.send(&batch(1, 0, 5)).unwrap();
        gone.abandon();
        let (place, first) = merge.next().unwrap().unwrap();
        assert_eq!(check(&first, place, 0), 5);
        let error = merge.next().unwrap().unwrap_err();
        assert!(matches!(&error, MergeError::Receive { place: 1, error, .. } if error.is_gone()), "{error}");
        assert!(!merge.sources()[1].is_open());

        // One with other columns changes nothing.
        let other = RecordBatch::try_from_iter([("id", batch(1, 0, 1).column(0).clone())]).unwrap();
        let mut other = sender_of(&other);
        let refused = merge.continue_with(1, connect(&mut other, delivery)).unwrap_err();
        assert!(matches!(refused, MergeError::Changed { .. }), "{refused}");
        assert!(!merge.sources()[1].is_open());
        assert!(matches!(merge.continue_with(2, connect(&mut other, delivery)), Err(MergeError::NoPlace(2))));

        // One that has sent to somebody else before.
        let mut next = sender_of(&batch(1, 0, 1));
        let mut early = connect(&mut next, delivery);
        next.send(&batch(1, 0, 4)).unwrap();
        drop(early.next_batch().unwrap());
        let before = merge.continue_with(1, connect(&mut next, delivery)).unwrap();
        assert_eq!((before.batches, before.rows), (1, 4));
        assert_eq!(merge.sources()[1].missed_before(), before);
        next.send(&batch(1, 4, 3)).unwrap();
        let (place, second) = merge.next().unwrap().unwrap();
        assert_eq!((place, check(&second, 1, 4)), (1, 7));
        assert_eq!((merge.sources()[1].stats().rows, merge.sources()[1].stats().batches), (8, 2));

        // The end of all is still the end, and a place can go on even after it.
        drop((next, early, senders));
        assert!(merge.next().is_none());
        let mut last = sender_of(&batch(0, 0, 1));
        merge.continue_with(0, connect(&mut last, delivery)).unwrap();
        last.send(&batch(0, 0, 2)).unwrap();
        assert_eq!(merge.next().unwrap().unwrap().0, 0);
        drop(last);
        assert!(merge.next().is_none());
        assert_eq!(merge.stats().rows, 10, "{delivery:?}");
    }
}
