//! Under `Block` every receiver gets every message, in order and once, or an error names the receiver and the
//! message: in every mixture of deliveries, with receivers that stop and go on, waits that end too early, and a host
//! that refuses.

// checks: nothing-lost

use std::collections::BTreeMap;
use std::time::Duration;

use bowstring_tests::honest;
use bowstring_transport::fault::{self, Plan};
use bowstring_transport::{
    Call, CommitFault, Deliveries, Delivery, Label, OnSlow, Opened, ReceiverId, RecvError, Sender,
    SenderConfig, Unfinished, Wait,
};
use proptest::prelude::*;

const SLOT: usize = 64;
const SLOTS: u32 = 4;

/// Long enough to sleep in, short enough for thousands of cases.
const BRIEF: Wait = Wait::sleeping().at_most(Duration::from_micros(200));

#[derive(Clone, Debug)]
enum Op {
    /// Sends a message; without waiting, or with a brief wait.
    Send { len: usize, waits: bool, refusal: Option<Plan> },
    /// Sends a message as a file that is written in parts, if everyone takes it that way.
    SendFile { len: usize, refusal: Option<Plan> },
    /// Continues what is unfinished.
    Finish { refusal: Option<Plan> },
    /// A receiver takes up to this many messages. One that is not picked stands still.
    Receive { receiver: prop::sample::Index, count: usize },
    /// Replaces a receiver by a newcomer.
    Leave { receiver: prop::sample::Index },
}

struct There {
    id: ReceiverId,
    opened: Opened,
    /// Messages that were sent to it and that it has not taken.
    due: std::collections::VecDeque<u64>,
}

struct Machine {
    sender: Sender,
    there: Vec<There>,
    lengths: BTreeMap<u64, usize>,
    next: u64,
}

fn join(sender: &mut Sender, delivery: Delivery) -> There {
    let known: Vec<ReceiverId> = sender.subscribers().collect();
    let opened = honest::join(sender, Deliveries::only(delivery));
    let id = sender.subscribers().find(|id| !known.contains(id)).expect("it has come in");
    There { id, opened, due: Default::default() }
}

/// Runs `f`, with the host refusing a call if `refusal` says so.
fn refusing<R>(refusal: Option<Plan>, f: impl FnOnce() -> R) -> R {
    match refusal {
        Some(plan) => fault::under(plan, f).0,
        None => f(),
    }
}

impl Machine {
    fn new(deliveries: &[Delivery]) -> Machine {
        let mut sender = SenderConfig::new().slots(SLOTS, SLOT).build().unwrap();
        sender.watch_every(Duration::MAX);
        let there = deliveries.iter().map(|&delivery| join(&mut sender, delivery)).collect();
        Machine { sender, there, lengths: BTreeMap::new(), next: 1 }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Send { len, waits, refusal } => self.send(len, waits, refusal),
            Op::SendFile { len, refusal } => self.send_file(len, refusal),
            Op::Finish { refusal } => {
                let outcome = refusing(refusal, || self.sender.finish(BRIEF));
                self.check_names(outcome.err());
            }
            Op::Receive { receiver, count } => {
                let i = receiver.index(self.there.len());
                (0..count).for_each(|_| _ = self.take(i));
            }
            Op::Leave { receiver } => {
                let i = receiver.index(self.there.len());
                let delivery = match self.there[i].opened {
                    Opened::Pooled(_) => Delivery::Pooled,
                    Opened::Copied(_) => Delivery::Copied,
                    Opened::Sealed(_) => Delivery::Sealed,
                };
                drop(self.there.remove(i));
                self.sender.reap().unwrap();
                self.there.push(join(&mut self.sender, delivery));
            }
        }
    }

    fn send(&mut self, len: usize, waits: bool, refusal: Option<Plan>) {
        let (sender, number) = (&mut self.sender, self.next);
        let outcome = refusing(refusal, || {
            let loan = if waits { sender.loan_with(len, BRIEF) } else { sender.try_loan(len) };
            let mut loan = loan.ok()?;
            honest::fill(&mut loan, number);
            Some(loan.try_commit(len).map(|receipt| receipt.number).map_err(|refused| {
                // A caller that has the loan back may commit it again, and has not sent it.
                assert_eq!(refused.loan.is_none(), matches!(refused.why, CommitFault::Unfinished(_)));
                refused.why
            }))
        });
        self.note(len, outcome);
    }

    fn send_file(&mut self, len: usize, refusal: Option<Plan>) {
        let (sender, mut message) = (&mut self.sender, vec![0; len]);
        honest::fill(&mut message, self.next);
        let outcome = refusing(refusal, || {
            let mut file = sender.try_file(len).ok()??;
            let (first, rest) = message.split_at(len / 3);
            let (second, third) = rest.split_at(rest.len() / 2);
            file.write(first.len(), &[second, third]);
            file.write(0, &[first]);
            Some(file.commit_as(Label::default()).map(|receipt| receipt.number))
        });
        self.note(len, outcome);
    }

    /// Notes the outcome of sending the next message, of which `None` means that there was no room.
    fn note(&mut self, len: usize, outcome: Option<Result<u64, CommitFault>>) {
        let number = self.next;
        let unfinished = match outcome {
            Some(Ok(found)) => {
                assert_eq!(found, number);
                None
            }
            Some(Err(CommitFault::Unfinished(unfinished))) => Some(unfinished),
            // Nobody was given it.
            None | Some(Err(_)) => return,
        };
        self.next += 1;
        self.lengths.insert(number, len);
        self.there.iter_mut().for_each(|there| there.due.push_back(number));
        self.check_names(unfinished);
    }

    /// Checks that an error names a receiver that is there and has not got the message, which is the last one sent.
    fn check_names(&self, unfinished: Option<Unfinished>) {
        assert_eq!(unfinished.map(|u| u.receiver), self.sender.unfinished().map(|u| u.receiver));
        let Some(unfinished) = unfinished else { return };
        assert_eq!(unfinished.number, self.next - 1, "nothing is sent past a message that somebody lacks");
        let named = self.there.iter().find(|there| there.id == unfinished.receiver).expect("it is there");
        assert!(matches!(named.opened, Opened::Sealed(_)) && named.due.contains(&unfinished.number));
    }

    /// Takes the next message, which must be the next that was sent to this receiver.
    fn take(&mut self, i: usize) -> bool {
        let there = &mut self.there[i];
        match honest::take(&mut there.opened, Wait::sleeping().at_most(Duration::ZERO)) {
            Ok(found) => {
                assert_eq!(Some(found.expect("whole")), there.due.pop_front(), "in order, once");
                true
            }
            Err(RecvError::TimedOut) => false,
            Err(end) => panic!("{end:?}"),
        }
    }

    /// Lets everybody finish: everything sent arrives, and then the end.
    fn end(mut self) {
        while self.sender.finish(BRIEF).is_err() {
            assert!((0..self.there.len()).any(|i| self.take(i)), "nobody can go on");
        }
        drop(self.sender);
        for there in &mut self.there {
            while let Some(due) = there.due.pop_front() {
                assert_eq!(honest::take(&mut there.opened, honest::PATIENTLY), Ok(Ok(due)));
            }
            let end = honest::take(&mut there.opened, honest::PATIENTLY);
            assert_eq!(end, Err(RecvError::Closed));
        }
    }
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![1 => Just(Delivery::Pooled), 1 => Just(Delivery::Copied), 2 => Just(Delivery::Sealed)]
}

fn refusal() -> impl Strategy<Value = Option<Plan>> {
    let which = prop_oneof![
        prop::sample::select(vec![libc::EAGAIN, libc::ENOBUFS, libc::ETOOMANYREFS, libc::ENOMEM])
            .prop_map(|errno| (Call::Send, errno)),
        prop::sample::select(vec![libc::EMFILE, libc::ENOMEM]).prop_map(|errno| (Call::MemfdCreate, errno)),
        Just((Call::Write, libc::ENOSPC)),
        Just((Call::AddSeals, libc::EBUSY)),
        Just((Call::Map, libc::ENOMEM)),
        Just((Call::Poll, libc::ENOMEM)),
    ];
    let plan = (which, 0_u32..3, 1_u32..4);
    let plan = plan.prop_map(|((call, errno), after, times)| Plan { call, after, times, errno });
    prop::option::weighted(0.4, plan)
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        12 => (0..=2 * SLOT, any::<bool>(), refusal())
            .prop_map(|(len, waits, refusal)| Op::Send { len, waits, refusal }),
        6 => (0..=2 * SLOT, refusal()).prop_map(|(len, refusal)| Op::SendFile { len, refusal }),
        2 => refusal().prop_map(|refusal| Op::Finish { refusal }),
        6 => (which(), 1_usize..8).prop_map(|(receiver, count)| Op::Receive { receiver, count }),
        1 => which().prop_map(|receiver| Op::Leave { receiver }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_received_in_order_and_once_or_an_error_says_who_lacks_it(
        deliveries in prop::collection::vec(delivery(), 1..4),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut machine = Machine::new(&deliveries);
        for op in ops {
            machine.step(op);
        }
        machine.end();
    }
}

/// A sealed receiver that stands still, with others that go on: the message it lacks is the last one while it stands
/// still, and is not sent twice to the others.
#[test]
fn a_receiver_that_stands_still_holds_everything_up_and_loses_nothing() {
    for other in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let mut machine = Machine::new(&[Delivery::Sealed, other]);
        while machine.sender.unfinished().is_none() {
            machine.send(8, true, None);
            while machine.take(1) {}
            assert!(machine.next < 1000, "nobody lacks a message that does not fit into its socket");
        }
        let sent = machine.next;
        for _ in 0..3 {
            machine.send(8, false, None);
            assert!(machine.sender.finish(BRIEF).is_err() && !machine.take(1));
        }
        assert_eq!(machine.next, sent, "nothing is sent past a message that somebody lacks");
        machine.end();
    }
}

/// A receiver that lacks a message when its sender closes, or is no longer waited for, finds out.
#[test]
fn who_lacks_a_message_at_the_end_is_not_told_that_it_has_everything() {
    for skips in [false, true] {
        let mut machine = Machine::new(&[Delivery::Sealed]);
        while machine.sender.unfinished().is_none() {
            machine.send(8, true, None);
            assert!(machine.next < 1000, "nobody lacks a message that does not fit into its socket");
        }
        let There { id, mut opened, mut due } = machine.there.remove(0);
        if skips {
            machine.sender.set_on_slow(id, OnSlow::Skip { quota: 1 });
            assert_eq!(machine.sender.finish(BRIEF), Ok(()), "it may be skipped now");
            assert_eq!(machine.sender.stats().skips, 1);
        }
        drop(machine.sender);
        due.pop_back();
        for due in due {
            assert_eq!(honest::take(&mut opened, honest::PATIENTLY), Ok(Ok(due)));
        }
        let end = if skips { RecvError::Closed } else { RecvError::Crashed };
        assert_eq!(honest::take(&mut opened, honest::PATIENTLY), Err(end));
    }
}

/// The two programs, with one receiver stopped for a while: every mixture of deliveries, every policy, rows counted.
mod programs {
    use std::io::{BufRead, BufReader, Read};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdout, Command, Output, Stdio};
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    const ROWS: usize = 20_000;
    const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

    /// Builds both programs, in the profile of this test, and returns their directory.
    fn build() -> PathBuf {
        let place = Path::new(env!("CARGO_BIN_EXE_puppet")).parent().expect("a directory").to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "-p", "bowstring-sender", "-p", "bowstring-receiver"]);
        if place.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo").success(), "the programs do not build");
        place
    }

    fn signal(child: &Child, signal: Signal) {
        let pid = Pid::from_raw(child.id().try_into().expect("a process")).expect("a process");
        kill_process(pid, signal).expect("it is there");
    }

    /// Reads the lines of a receiver's output until they end, in a thread; reports whenever there are more.
    fn lines(output: ChildStdout) -> (std::thread::JoinHandle<usize>, std::sync::mpsc::Receiver<()>) {
        let (tell, told) = channel();
        let reading = std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines.map_while(Result::ok).inspect(|_| _ = tell.send(())).count()
        });
        (reading, told)
    }

    /// Sends the table to two receivers, the second of which is stopped from the first row on until the first
    /// receiver gets no more. Returns the rows of the first, and how the three ended.
    fn run(place: &Path, name: &str, one: &str, two: &str, policy: &str) -> (usize, [Output; 3]) {
        let socket = std::env::temp_dir().join(format!("bowstring-{}-{name}.sock", std::process::id()));
        let socket = socket.to_str().expect("UTF-8");
        let program = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(place.join(name));
            command.args(arguments).args(["--socket", socket]).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
        };
        let demo = format!("demo:{ROWS}");
        let pool = ["--pool", "1M", "--slot", "64K"];
        let policy = ["--on-slow", policy, "--batch-rows", "100", "--receivers", "2"];
        let sender = program("sender", &[&[&*demo][..], &pool, &policy].concat());
        let counting = program("receiver", &["--wait", "10", "--count", "--delivery", two]);
        let mut first = program("receiver", &["--wait", "10", "--csv", "--delivery", one]);
        let (reading, told) = lines(first.stdout.take().expect("piped"));
        // The header comes before any row.
        for _ in 0..2 {
            told.recv().expect("the first receiver gets rows");
        }
        signal(&counting, Signal::STOP);
        // Until the sender waits, or is done.
        while told.recv_timeout(Duration::from_millis(200)) != Err(RecvTimeoutError::Timeout) {
            if reading.is_finished() {
                break;
            }
        }
        signal(&counting, Signal::CONT);
        let rows = reading.join().expect("no panic") - 1;
        let mut said = String::new();
        let _ = first.stderr.take().expect("piped").read_to_string(&mut said);
        let outputs = [sender, first, counting].map(|child| child.wait_with_output().expect("it ends"));
        (rows, outputs)
    }

    #[test]
    fn rows_are_counted_in_every_mixture_under_every_policy() {
        let place = build();
        for one in DELIVERIES {
            for two in DELIVERIES {
                for policy in ["block", "skip", "cut"] {
                    let case = format!("{one}-{two}-{policy}");
                    let (rows, [sender, first, second]) = run(&place, &case, one, two, policy);
                    let count = String::from_utf8_lossy(&second.stdout).trim().replace(['_', ',', ' '], "");
                    let said = String::from_utf8_lossy(&second.stderr).into_owned();
                    let ended = [&sender, &first, &second].map(|output| output.status.code());
                    match policy {
                        "block" => {
                            assert_eq!(ended, [Some(0); 3], "{case}: {said}");
                            assert_eq!((rows, &*count), (ROWS, &*ROWS.to_string()), "{case}: {said}");
                        }
                        // Whole batches are left out, and it reports so.
                        "skip" => {
                            let count: usize = count.parse().expect("a number");
                            let code = if count == ROWS { 0 } else { 9 };
                            assert_eq!(second.status.code(), Some(code), "{case}: {said}");
                            assert!(count <= ROWS && count.is_multiple_of(100), "{case}: {count}");
                        }
                        // It has everything, or knows that it has not.
                        _ => {
                            let whole = count == ROWS.to_string();
                            assert_eq!(whole, second.status.code() == Some(0), "{case}: {count} {said}");
                        }
                    }
                }
            }
        }
    }
}
