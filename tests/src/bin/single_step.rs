//! Steps a child through one whole publish/take/release cycle and kills it at every instruction.
//!
//! `single_step CYCLE [POINTS]` does so for one cycle of the table below, at every instruction or at POINTS of them,
//! evenly spaced, if there are more. It prints `CYCLE: N instructions, M points` and exits with 0 if the survivor saw
//! nothing but whole messages and the right end at each of them.
//!
//! The survivor and the tracer are this process, which has one thread, so that it can fork; while the child is
//! stopped it can be examined, and acted against, at leisure.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::os::fd::OwnedFd;
use std::time::Duration;

use bowstring_tests::honest::{self, PATIENCE, Pair, check, fill};
use bowstring_tests::trace::{self, Go, Stop, Tracee};
use bowstring_transport::{
    Connector, Deliveries, Delivery, End, HandshakeConfig, Label, LoanError, Opened, PooledReceiver,
    RecvError, Sender, SenderConfig, To, Wait,
};

const SLOTS: u32 = 4;
const SLOT: usize = 64;
/// The two messages of a stepped cycle: one that does not fill its slot, and one that takes two slots.
const LENGTHS: [usize; 2] = [40, 100];

/// A wait that checks the peer at once: the child is dead or stopped.
const NOW: Wait = Wait::sleeping().spins(0).at_most(Duration::ZERO);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cycle = arguments.next().expect("the name of a cycle");
    let most = arguments.next().map_or(usize::MAX, |n| n.parse().expect("a number of points"));
    let run: fn(&Path, usize) -> Point = match cycle.as_str() {
        "sender" => |path, at| sender_killed(path, at, false),
        "sender-that-wakes" => |path, at| sender_killed(path, at, true),
        "receiver" => |path, at| receiver_killed(path, at, false),
        "receiver-that-wakes" => |path, at| receiver_killed(path, at, true),
        "receiver-raced" => receiver_raced,
        other => panic!("no cycle {other:?}"),
    };
    // A first run for the dynamic linker, which binds functions at their first call.
    run(&Path::default(), WHOLE);
    let path = Path::default();
    let mut seen = BTreeSet::from([run(&path, WHOLE).seen]);
    let steps = path.0.borrow().len();
    let points = steps.min(most);
    let mut last = 0;
    for i in 0..points {
        let at = i * steps / points;
        let point = run(&path, at);
        assert!(point.seen >= last, "less was seen at instruction {at} than before it");
        last = point.seen;
        seen.insert(point.seen);
    }
    println!("{cycle}: {steps} instructions, {points} points, messages seen {seen:?}");
}

/// The point after the last instruction.
const WHOLE: usize = usize::MAX;

/// The result of a run.
struct Point {
    /// Messages that the survivor received.
    seen: usize,
}

/// The path of a cycle, instruction by instruction: each address, and the last point at or before it whose address
/// had not been reached before. A child is run there at full speed and only stepped from there on.
#[derive(Default)]
struct Path(RefCell<Vec<(u64, usize)>>);

impl Path {
    /// Brings a child at the beginning to instruction `at`, or to the end of its cycle, which is recorded.
    fn lead(&self, child: &mut Tracee, at: usize) {
        if at == WHOLE {
            return self.record(child);
        }
        let (_, anchor) = self.0.borrow()[at];
        if anchor > 0 {
            child.run_to(self.0.borrow()[anchor].0);
        }
        for step in anchor..at {
            assert_eq!(child.go(Go::Instruction), Stop::Step, "at instruction {step}");
        }
        assert_eq!(child.place(), self.0.borrow()[at].0, "the cycle went another way at instruction {at}");
    }

    fn record(&self, child: &mut Tracee) {
        let (mut known, mut anchor) = (HashSet::new(), 0);
        loop {
            let (place, at) = (child.place(), self.0.borrow().len());
            if known.insert(place) {
                anchor = at;
            }
            self.0.borrow_mut().push((place, anchor));
            match child.go(Go::Instruction) {
                Stop::Step => {}
                Stop::Signal(libc::SIGSTOP) => return,
                other => panic!("the child came to {other:?} after {at} instructions"),
            }
        }
    }
}

fn config() -> SenderConfig {
    SenderConfig::new().slots(SLOTS, SLOT)
}

fn pooled(socket: OwnedFd) -> PooledReceiver {
    let meeting = Connector::new(Deliveries::only(Delivery::Pooled)).patience(PATIENCE);
    match honest::open(meeting.connect(socket).expect("an honest sender")) {
        Opened::Pooled(receiver) => receiver,
        other => panic!("not pooled: {other:?}"),
    }
}

fn publish(sender: &mut Sender, number: u64, len: usize) {
    let mut loan = sender.loan(len).expect("room");
    fill(&mut loan, number);
    loan.commit(len).expect("a live sender");
}

// ---- the sender is stepped, the receiver survives ----

fn stepped_sender(socket: OwnedFd) -> i32 {
    let mut sender = config().build().expect("memory");
    sender.watch_every(Duration::MAX);
    sender.accept(socket, &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
    // A round beforehand: the stepped messages reuse slots, so that a torn one would show.
    for number in 1..=4 {
        publish(&mut sender, number, SLOT);
    }
    trace::ask_and_stop();
    publish(&mut sender, 5, LENGTHS[0]);
    publish(&mut sender, 6, LENGTHS[1]);
    trace::mark();
    0
}

fn sender_killed(path: &Path, at: usize, asleep: bool) -> Point {
    let (here, there) = honest::sockets();
    let mut child = trace::fork(|| stepped_sender(there));
    let receiver = pooled(here);
    assert_eq!(child.await_stop(), Stop::Signal(libc::SIGSTOP));
    for number in 1..=4 {
        let lease = receiver.recv_with(NOW).expect("published before the stop");
        check(&lease, number).expect("whole");
    }
    if asleep {
        assert!(receiver.arm().expect("an honest sender"), "nothing is there");
    }
    path.lead(&mut child, at);
    child.kill();
    if asleep {
        receiver.disarm().expect("an honest sender");
    }
    let mut seen = 0;
    let end = loop {
        match receiver.recv_with(NOW) {
            Ok(lease) => {
                let number = lease.meta().number;
                assert_eq!((number, lease.len()), (5 + seen as u64, LENGTHS[seen]), "killed at {at}");
                check(&lease, number).expect("whole");
                seen += 1;
            }
            Err(end) => break end,
        }
    };
    assert_eq!(end, RecvError::Crashed, "killed at {at}");
    Point { seen }
}

// ---- the receiver is stepped, the sender survives ----

fn stepped_receiver(socket: OwnedFd) -> i32 {
    let receiver = pooled(socket);
    trace::ask_and_stop();
    for (i, len) in LENGTHS.into_iter().enumerate() {
        let Ok(lease) = receiver.recv() else { return 2 };
        if lease.len() != len || check(&lease, i as u64 + 1).is_err() {
            return 3;
        }
    }
    trace::mark();
    0
}

/// A sender with an honest receiver here and the child as its second one.
struct Scene {
    pair: Pair,
    child: Tracee,
}

impl Scene {
    fn new() -> Scene {
        let mut pair = Pair::new(config(), 0);
        let (here, there) = honest::sockets();
        let mut child = trace::fork(|| stepped_receiver(there));
        pair.sender.accept(here, &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
        pair.sender.watch_every(Duration::MAX);
        assert_eq!(child.await_stop(), Stop::Signal(libc::SIGSTOP));
        for (i, len) in LENGTHS.into_iter().enumerate() {
            publish(&mut pair.sender, i as u64 + 1, len);
        }
        let mut scene = Scene { pair, child };
        scene.take_here(2);
        scene
    }

    /// Takes what the honest receiver was given.
    fn take_here(&mut self, count: u64) {
        for _ in 0..count {
            let lease = self.pair.receiver.recv_with(NOW).expect("published");
            check(&lease, lease.meta().number).expect("whole");
        }
    }
}

fn receiver_killed(path: &Path, at: usize, asleep: bool) -> Point {
    let mut scene = Scene::new();
    if asleep {
        // The pool has one slot free: a message of four has no room.
        assert!(scene.pair.sender.arm(4 * SLOT), "there is no room");
    }
    path.lead(&mut scene.child, at);
    scene.child.kill();
    let sender = &mut scene.pair.sender;
    if asleep {
        sender.disarm();
    }
    // What it had released before it died is free without checking its process.
    let released = (0..).take_while(|&i| i < 4 && sender.try_loan((i + 1) * SLOT).is_ok()).count();
    sender.reap().expect("poll");
    assert_eq!(sender.next_ended().map(|(_, end)| end), Some(End::Crashed), "killed at {at}");
    assert_eq!(sender.try_loan(4 * SLOT).map(drop), Ok(()), "all of its slots are back");
    publish(sender, 3, 4 * SLOT);
    scene.take_here(1);
    Point { seen: released }
}

/// The child is not killed but raced: at each instruction the sender overwrites everything that it may.
fn receiver_raced(path: &Path, at: usize) -> Point {
    let mut scene = Scene::new();
    let honest = scene.pair.sender.subscribers().next().expect("the honest one came first");
    path.lead(&mut scene.child, at);
    let mut reused = 0;
    loop {
        match scene.pair.sender.try_loan(SLOT) {
            Ok(mut loan) => {
                loan.fill(0xEE);
                let label = Label { to: To::Only(honest), ..Label::default() };
                loan.commit_as(SLOT, label).expect("a live sender");
                reused += 1;
            }
            Err(LoanError::Full) => break,
            Err(e) => panic!("{e}"),
        }
    }
    // At the end of its cycle it has stopped by itself; otherwise it runs there now.
    if at != WHOLE {
        let stop = scene.child.go(Go::On);
        assert_eq!(stop, Stop::Signal(libc::SIGSTOP), "overwritten under its lease at instruction {at}");
    }
    Point { seen: reused }
}
