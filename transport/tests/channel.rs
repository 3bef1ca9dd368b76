//! Channels from end to end, both ends in this process.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use bowstring_transport::{
    Connector, Deliveries, Delivery, End, HandshakeConfig, Label, Loan, LoanError, Meta, OnSlow, Opened,
    PooledReceiver, RecvError, Sender, SenderConfig, To, Wait, socket_pair,
};

const SECOND: Wait = Wait::sleeping().at_most(Duration::from_secs(1));

/// Returns a new receiver of `sender`, with the delivery wanted.
fn join(sender: &mut Sender, wanted: Deliveries) -> Opened {
    let (here, there) = socket_pair().unwrap();
    std::thread::scope(|scope| {
        let incoming =
            scope.spawn(move || Connector::new(wanted).greeting(b"from receiver").connect(there).unwrap());
        sender.accept(here, &HandshakeConfig::new(b"from sender")).unwrap();
        let incoming = incoming.join().unwrap();
        assert_eq!(incoming.greeting(), b"from sender");
        // SAFETY: the sender is this test, which does not write to leased slots.
        unsafe { incoming.open() }.unwrap()
    })
}

fn pooled(sender: &mut Sender) -> PooledReceiver {
    match join(sender, Deliveries::only(Delivery::Pooled)) {
        Opened::Pooled(receiver) => receiver,
        other => panic!("not pooled: {other:?}"),
    }
}

fn take(opened: &mut Opened) -> Result<(Vec<u8>, Meta), RecvError> {
    Ok(match opened {
        Opened::Pooled(receiver) => {
            let lease = receiver.recv_with(SECOND)?;
            (lease.to_vec(), lease.meta())
        }
        Opened::Copied(receiver) => {
            let copy = receiver.recv_with(SECOND)?;
            (copy.bytes.to_vec(), copy.meta)
        }
        Opened::Sealed(receiver) => {
            let message = receiver.recv_with(SECOND)?;
            (message.to_vec(), message.meta())
        }
    })
}

/// The receiver mostly finds nothing at first, and the message has to come while it spins.
#[test]
fn a_receiver_of_files_that_spins_is_given_them() {
    const MESSAGES: u64 = 200;
    let mut sender = SenderConfig::new().build().unwrap();
    let Opened::Sealed(mut receiver) = join(&mut sender, Deliveries::only(Delivery::Sealed)) else {
        panic!("sealed delivery was all that was wanted");
    };
    let (next, go_on) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let spinning = Wait::spinning().at_most(Duration::from_secs(10));
            for number in 1..=MESSAGES {
                next.send(()).unwrap();
                assert_eq!(receiver.recv_with(spinning).unwrap().meta().number, number);
            }
        });
        while let Ok(()) = go_on.recv() {
            sender.send(b"a message").unwrap();
        }
    });
}

#[test]
fn every_delivery_hands_over_the_bytes_and_the_label_and_the_end() {
    for wanted in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let mut sender = SenderConfig::new().slots(4, 4096).build().unwrap();
        let mut receiver = join(&mut sender, Deliveries::only(wanted));
        for (round, len) in [0_usize, 1, 63, 4096, 4097, 16384].into_iter().enumerate() {
            let mut loan = sender.loan(len).unwrap();
            loan.fill(round as u8 + 1);
            let label = Label { tag: 7 + round as u32, reply_to: 5, ..Label::default() };
            let receipt = loan.commit_as(len, label).unwrap();
            assert_eq!((receipt.receivers, receipt.number), (1, round as u64 + 1), "{wanted:?}");
            let (bytes, meta) = take(&mut receiver).unwrap();
            assert_eq!(bytes, vec![round as u8 + 1; len], "{wanted:?}");
            assert_eq!(meta, Meta { number: round as u64 + 1, tag: 7 + round as u32, reply_to: 5 });
        }
        sender.send(b"last words").unwrap();
        drop(sender);
        assert_eq!(take(&mut receiver).unwrap().0, b"last words", "{wanted:?}");
        assert_eq!(take(&mut receiver), Err(RecvError::Closed), "{wanted:?}");
        assert_eq!(take(&mut receiver), Err(RecvError::Closed), "{wanted:?}: the end stays the end");
    }
}

#[test]
fn leases_outlive_the_receiver_and_come_back_in_any_order_from_any_thread() {
    let mut sender = SenderConfig::new().slots(3, 64).build().unwrap();
    let receiver = pooled(&mut sender);
    for byte in 1..=3 {
        sender.send(&[byte; 64]).unwrap();
    }
    let [first, second, third] = core::array::from_fn(|_| receiver.recv().unwrap().detach());
    drop(receiver);
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::Full);
    std::thread::spawn(move || drop(second)).join().unwrap();
    assert_eq!((first[0], third[63]), (1, 3), "the other two are untouched");
    sender.reap().unwrap();
    assert_eq!(sender.receivers(), 0, "it has left, and is given nothing more");
    assert_eq!(sender.next_ended(), None, "but it is not over while leases are out");
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::NoReceiver(Some(End::Closed)));
    drop((first, third));
    sender.reap().unwrap();
    assert_eq!(sender.next_ended().map(|(_, end)| end), Some(End::Closed));
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::NoReceiver(Some(End::Closed)));
}

#[test]
fn a_loan_that_is_dropped_was_never_there_and_one_committed_too_long_comes_back() {
    let mut sender = SenderConfig::new().slots(1, 64).build().unwrap();
    let receiver = pooled(&mut sender);
    drop(sender.loan(64).unwrap());
    let mut loan = sender.loan(10).unwrap();
    loan.copy_from_slice(b"0123456789");
    let error = loan.try_commit(11).unwrap_err();
    let receipt = error.loan.unwrap().commit(10).unwrap();
    assert_eq!(receipt.number, 1);
    assert_eq!(&*receiver.recv().unwrap(), b"0123456789");
    assert!(receiver.try_recv().unwrap().is_none());
}

#[test]
fn a_full_pool_fails_times_out_or_waits_as_asked() {
    let mut sender = SenderConfig::new().slots(2, 64).build().unwrap();
    let receiver = pooled(&mut sender);
    sender.send(&[1; 128]).unwrap();
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::Full);
    let brief = Wait::sleeping().at_most(Duration::from_millis(5));
    assert_eq!(sender.loan_with(1, brief).unwrap_err(), LoanError::TimedOut);
    assert_eq!(sender.try_loan(129).unwrap_err(), LoanError::TooLong { len: 129, most: 128 });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| sender.loan(1).map(drop));
        drop(receiver.recv().unwrap());
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn slow_receivers_are_skipped_or_cut_off_and_the_others_get_everything() {
    let mut sender = SenderConfig::new().slots(8, 64).build().unwrap();
    let eager = pooled(&mut sender);
    let on_slow = |sender: &mut Sender, policy| {
        let before: Vec<_> = sender.subscribers().collect();
        let receiver = pooled(sender);
        let id = sender.subscribers().find(|id| !before.contains(id)).unwrap();
        assert!(sender.set_on_slow(id, policy));
        (receiver, id)
    };
    let (skipped, _) = on_slow(&mut sender, OnSlow::Skip { quota: 2 });
    let (cut, cut_id) = on_slow(&mut sender, OnSlow::CutOff { quota: 3 });
    for n in 1..=20_u8 {
        sender.send(&[n]).unwrap();
        assert_eq!(eager.recv_with(SECOND).unwrap()[0], n);
    }
    // The skipped one got two, missed the rest, and sees the gap with the next.
    assert_eq!((skipped.recv().unwrap()[0], skipped.recv().unwrap()[0]), (1, 2));
    sender.send(&[21]).unwrap();
    assert_eq!(skipped.recv_with(SECOND).unwrap().meta().number, 21);
    assert_eq!(skipped.stats().missed, 18);
    // The one that was cut off keeps what it got.
    for n in 1..=3 {
        assert_eq!(cut.recv().unwrap()[0], n);
    }
    assert_eq!(cut.recv_with(SECOND).unwrap_err(), RecvError::CutOff);
    sender.reap().unwrap();
    assert_eq!(sender.next_ended(), Some((cut_id, End::CutOff)));
    assert_eq!(sender.stats().skips, 18);
}

#[test]
fn what_was_for_another_was_not_missed() {
    for wanted in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let mut sender = SenderConfig::new().slots(8, 64).build().unwrap();
        let mut receiver = join(&mut sender, Deliveries::only(wanted));
        let mut other = join(&mut sender, Deliveries::only(wanted));
        let only = To::Only(sender.subscribers().nth(1).unwrap());
        for to in [To::All, only, only, To::All] {
            let label = Label { to, ..Label::default() };
            sender.loan(1).unwrap().commit_as(1, label).unwrap();
            take(&mut other).unwrap();
        }
        assert_eq!(take(&mut receiver).unwrap().1.number, 1);
        assert_eq!(take(&mut receiver).unwrap().1.number, 4);
        assert_eq!(missed(&receiver), 0, "{wanted:?}");
    }
}

#[test]
fn files_that_were_skipped_are_counted() {
    let mut sender = SenderConfig::new().slots(8, 64).build().unwrap();
    let mut eager = join(&mut sender, Deliveries::SEALED);
    let mut slow = join(&mut sender, Deliveries::SEALED);
    let id = sender.subscribers().nth(1).unwrap();
    assert!(sender.set_on_slow(id, OnSlow::Skip { quota: 1 }));
    // As many as its socket takes, and then two more.
    let mut given = 0;
    while sender.stats().skips < 3 {
        sender.send(b"x").unwrap();
        take(&mut eager).unwrap();
        given += 1;
    }
    for _ in 0..given - 3 {
        take(&mut slow).unwrap();
    }
    assert_eq!(missed(&slow), 0, "it has not heard of it yet");
    sender.send(b"y").unwrap();
    assert_eq!(take(&mut slow).unwrap().0, b"y");
    assert_eq!((missed(&slow), missed(&eager)), (3, 0));
}

#[test]
fn files_that_were_skipped_at_the_end_are_counted() {
    let mut sender = SenderConfig::new().slots(8, 64).build().unwrap();
    let mut eager = join(&mut sender, Deliveries::SEALED);
    let mut slow = join(&mut sender, Deliveries::SEALED);
    let id = sender.subscribers().nth(1).unwrap();
    assert!(sender.set_on_slow(id, OnSlow::Skip { quota: 1 }));
    let mut given = 0;
    while sender.stats().skips < 3 {
        sender.send(b"x").unwrap();
        take(&mut eager).unwrap();
        given += 1;
    }
    // Nothing comes after them that could bring the count.
    drop(sender);
    for _ in 0..given - 3 {
        take(&mut slow).unwrap();
    }
    assert_eq!(missed(&slow), 0, "it has not heard of it yet");
    assert_eq!(take(&mut slow).unwrap_err(), RecvError::Closed);
    assert_eq!(take(&mut eager).unwrap_err(), RecvError::Closed);
    assert_eq!((missed(&slow), missed(&eager)), (3, 0));
}

fn missed(opened: &Opened) -> u64 {
    match opened {
        Opened::Pooled(receiver) => receiver.stats().missed,
        Opened::Copied(receiver) => receiver.inner().stats().missed,
        Opened::Sealed(receiver) => receiver.stats().missed,
    }
}

#[test]
fn a_message_is_timed_until_it_is_taken() {
    let mut sender = SenderConfig::new().slots(8, 64).build().unwrap();
    let (quick, slow) = (pooled(&mut sender), pooled(&mut sender));
    let ids: Vec<_> = sender.subscribers().collect();
    let latency =
        |sender: &Sender, subscriber: usize| sender.subscriber_stats(ids[subscriber]).unwrap().latency;
    let begun = Instant::now();
    sender.send(b"nobody has looked after the receivers yet").unwrap();
    drop((quick.recv().unwrap(), slow.recv().unwrap()));
    assert_eq!(latency(&sender, 0), None);
    // Whenever it does, the next message is timed.
    sender.reap().unwrap();
    sender.send(b"timed").unwrap();
    drop(quick.recv().unwrap());
    sender.reap().unwrap();
    let taken = latency(&sender, 0).unwrap();
    assert!(taken.most.is_some_and(|most| taken.least <= most && most <= begun.elapsed()), "{taken:?}");
    let waiting = latency(&sender, 1).unwrap();
    assert!(waiting.most.is_none() && !waiting.least.is_zero(), "{waiting:?}");
    // The one that waits does not keep the other from being timed anew, nor lose its own beginning.
    sender.send(b"timed for the quick one").unwrap();
    drop(quick.recv().unwrap());
    sender.send(b"behind it the sender looks").unwrap();
    assert!(latency(&sender, 0).unwrap().most.is_some());
    assert!(latency(&sender, 1).unwrap().least > waiting.least);
    drop(slow.recv().unwrap());
    sender.reap().unwrap();
    let late = latency(&sender, 1).unwrap();
    assert!(late.most.is_some_and(|most| waiting.least < late.least && late.least <= most), "{late:?}");
}

#[test]
fn what_one_receiver_gives_back_is_not_taken_from_another() {
    let mut sender = SenderConfig::new().slots(2, 64).build().unwrap();
    let (slow, quick) = (pooled(&mut sender), pooled(&mut sender));
    let quick_id = sender.subscribers().nth(1).unwrap();
    assert!(sender.set_on_slow(quick_id, OnSlow::Skip { quota: 1 }));
    sender.send(b"1").unwrap();
    drop(quick.recv().unwrap());
    // To learn that the quick one may have this, the sender asks what it has given back.
    sender.send(b"2").unwrap();
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::Full, "the slow one still has both");
    assert_eq!((&*slow.recv().unwrap(), &*slow.recv().unwrap()), (&b"1"[..], &b"2"[..]));
}

#[test]
fn a_sender_that_abandons_looks_as_if_it_had_died() {
    for wanted in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let mut sender = SenderConfig::new().slots(4, 4096).build().unwrap();
        let mut receiver = join(&mut sender, Deliveries::only(wanted));
        sender.send(b"half of it").unwrap();
        sender.abandon();
        assert_eq!(take(&mut receiver).unwrap().0, b"half of it", "{wanted:?}");
        assert_eq!(take(&mut receiver), Err(RecvError::Crashed), "{wanted:?}");
    }
}

/// The calls that the C interface is made of: each does its work at once or nothing, and the rest is left to the others.
#[test]
fn calls_that_do_not_wait_lend_send_and_take_or_leave_everything_as_it_was() {
    let mut sender = SenderConfig::new().slots(2, 4096).build().unwrap();
    assert!(sender.loan_slot(1).is_none(), "nobody is there");
    let receiver = pooled(&mut sender);
    assert!(receiver.recv_at_once().is_none());
    assert!(sender.loan_slot(4097).is_none(), "it takes two slots");
    let mut claims = Vec::new();
    for number in 1..=2 {
        let mut loan = sender.loan_slot(4096).unwrap();
        loan[0] = number;
        let mut kept = Some(loan);
        assert!(Loan::commit_kept(&mut kept, 4097).is_none() && kept.is_some());
        assert_eq!(Loan::commit_kept(&mut kept, 1).unwrap().number, number.into());
        assert!(kept.is_none());
        let lease = receiver.recv_at_once().unwrap();
        assert_eq!((&*lease, lease.meta().number), ([number].as_slice(), number.into()));
        claims.push(lease.into_claim().detach());
    }
    assert!(sender.loan_slot(1).is_none(), "both slots are held");
    assert_eq!(sender.try_loan(1).unwrap_err(), LoanError::Full);
    claims.pop();
    sender.send(b"again").unwrap();
    // What is held outlives the receiver.
    drop(receiver);
    drop(claims);
}
