//! A process killed at every step of the protocol, on either side: the other notices at its next wait, gets what was
//! committed and what was held, and is left with nothing.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::honest::{self, PATIENCE, Pair, length};
use bowstring_tests::puppet::{self, Puppet};
use bowstring_tests::trace::{Go, Stop, Tracee};
use bowstring_transport::{
    Connector, Deliveries, Delivery, End, HandshakeConfig, HandshakeError, Listener, RecvError, SenderConfig,
    Wait,
};
use libtest_mimic::{Arguments, Failed, Trial};

/// The promise is 100 ms from the next wait on; this bound only separates noticing from not noticing on a busy
/// machine.
const NOTICED: Duration = Duration::from_secs(1);
const AT_ONCE: Wait = Wait::sleeping().at_most(NOTICED);
/// The number of times that each row is played.
const TIMES: usize = 3;
const PUPPET: &str = env!("CARGO_BIN_EXE_puppet");
const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for delivery in DELIVERIES {
        for orphan in [false, true] {
            let also = if orphan { ", a forked child holding the socket" } else { "" };
            for step in RECEIVER_STEPS {
                if delivery != Delivery::Sealed || !["one of three released", "armed"].contains(&step) {
                    trials.push(Trial::test(
                        format!("receiver, {delivery:?}, killed when {step}{also}"),
                        move || repeat(|| receiver_dies(delivery, step, orphan)),
                    ));
                }
            }
            for (step, committed) in SENDER_STEPS {
                if delivery != Delivery::Sealed || step != "asleep for room" {
                    trials.push(Trial::test(
                        format!("sender, {delivery:?}, killed when {step}{also}"),
                        move || repeat(|| sender_dies(delivery, step, committed, orphan)),
                    ));
                }
            }
        }
        for role in ["receive", "send"] {
            let title = format!("{role}, {delivery:?}, killed at every system call of a session");
            trials.push(Trial::test(title, move || every_system_call(role, delivery)));
        }
    }
    trials.push(Trial::test("receiver asleep when its sender is killed", asleep_receiver));
    trials.push(Trial::test("sender asleep for room when its receiver is killed", asleep_sender));
    trials.push(Trial::test("sender killed amid a broadcast, its path taken over", broadcast));
    libtest_mimic::run(&arguments, trials).exit();
}

/// Plays a row repeatedly, and counts this process's resources before and after.
fn repeat(play: impl Fn() -> Result<(), String>) -> Result<(), Failed> {
    // The first time creates what the library keeps for good.
    play()?;
    let before = BufferStats::take();
    for _ in 1..TIMES {
        play()?;
    }
    Ok(BufferStats::take().same_as(&before)?)
}

const RECEIVER_STEPS: [&str; 8] =
    ["met", "one taken", "all held", "one of three released", "all released", "asleep", "armed", "closed"];

fn receiver_dies(delivery: Delivery, step: &str, orphan: bool) -> Result<(), String> {
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    let (here, there) = honest::sockets();
    let name = format!("{delivery:?}");
    let arguments = ["receive", &name, step, "orphan"];
    let mut puppet = Puppet::start(PUPPET, &arguments[..3 + usize::from(orphan)], Some(there));
    let introduction = HandshakeConfig::new(b"").patience(PATIENCE);
    let met = pair.sender.accept(here, &introduction).map_err(|e| e.to_string())?;
    pair.serve(3)?;
    puppet.await_step()?;
    if step == "asleep" {
        puppet.await_sleep();
    }
    puppet.kill();
    let since = Instant::now();
    // Everything it held comes back within one wait.
    let whole = pair.sender.loan_with(4 * 64, AT_ONCE).map(drop);
    whole.map_err(|e| format!("its slots did not come back: {e}"))?;
    pair.sender.reap().map_err(|e| e.to_string())?;
    let end = if step == "closed" { End::Closed } else { End::Crashed };
    let ended = pair.sender.next_ended();
    if ended != Some((met.receiver, end)) {
        return Err(format!("it ended as {ended:?} and not as {end:?}"));
    }
    assert!(since.elapsed() < NOTICED, "{:?}", since.elapsed());
    pair.serve(16)
}

/// The steps of a sender, and how many messages it has committed by then.
const SENDER_STEPS: [(&str, u64); 7] = [
    ("met", 0),
    ("lent", 0),
    ("half written", 0),
    ("one published", 1),
    ("all published", 4),
    ("asleep for room", 4),
    ("closed", 4),
];

fn sender_dies(delivery: Delivery, step: &str, committed: u64, orphan: bool) -> Result<(), String> {
    let (here, there) = honest::sockets();
    let name = format!("{delivery:?}");
    let arguments = ["send", &name, step, "orphan"];
    let mut puppet = Puppet::start(PUPPET, &arguments[..3 + usize::from(orphan)], Some(there));
    let meeting = Connector::new(Deliveries::only(delivery)).patience(PATIENCE);
    let mut opened = honest::open(meeting.connect(here).map_err(|e| e.to_string())?);
    puppet.await_step()?;
    if step == "asleep for room" {
        puppet.await_sleep();
    }
    puppet.kill();
    for number in 1..=committed {
        let taken = honest::take(&mut opened, AT_ONCE).map_err(|e| format!("message {number}: {e}"))??;
        if taken != number {
            return Err(format!("message {taken} in place of {number}"));
        }
    }
    let since = Instant::now();
    let end = if step == "closed" { RecvError::Closed } else { RecvError::Crashed };
    for _ in 0..2 {
        let found = honest::take(&mut opened, AT_ONCE);
        if found != Err(end) {
            return Err(format!("it ended with {found:?} and not with {end:?}"));
        }
    }
    assert!(since.elapsed() < NOTICED, "{:?}", since.elapsed());
    Ok(())
}

/// Runs `survive` on another thread, and kills the puppet once that thread is asleep in the kernel.
fn killed_while_asleep<R: Send>(mut puppet: Puppet, survive: impl FnOnce() -> R + Send) -> R {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let survivor = scope.spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero()).expect("somebody listens");
            survive()
        });
        let thread = told.recv().expect("it starts");
        puppet::await_sleep(&format!("/proc/self/task/{thread}/syscall"));
        puppet.kill();
        survivor.join().expect("no panic")
    })
}

fn asleep_receiver() -> Result<(), Failed> {
    repeat(|| {
        let (here, there) = honest::sockets();
        let mut puppet = Puppet::start(PUPPET, &["send", "Pooled", "met"], Some(there));
        let meeting = Connector::new(Deliveries::only(Delivery::Pooled)).patience(PATIENCE);
        let mut opened = honest::open(meeting.connect(here).map_err(|e| e.to_string())?);
        puppet.await_step()?;
        let end =
            killed_while_asleep(puppet, || honest::take(&mut opened, Wait::sleeping().at_most(PATIENCE)));
        if end == Err(RecvError::Crashed) { Ok(()) } else { Err(format!("{end:?}")) }
    })
}

fn asleep_sender() -> Result<(), Failed> {
    repeat(|| {
        let mut sender = SenderConfig::new().slots(3, 64).build().map_err(|e| e.to_string())?;
        let (here, there) = honest::sockets();
        let mut puppet = Puppet::start(PUPPET, &["receive", "Pooled", "all held"], Some(there));
        sender.accept(here, &HandshakeConfig::new(b"").patience(PATIENCE)).map_err(|e| e.to_string())?;
        (1..=3).try_for_each(|number| honest::send(&mut sender, number, 64))?;
        puppet.await_step()?;
        let wait = Wait::sleeping().at_most(PATIENCE);
        let end = killed_while_asleep(puppet, || format!("{:?}", sender.loan_with(64, wait).map(drop)));
        if end == "Err(NoReceiver(Some(Crashed)))" { Ok(()) } else { Err(end) }
    })
}

fn broadcast() -> Result<(), Failed> {
    let path = std::env::temp_dir().join(format!("bowstring-kills-{}.sock", std::process::id()));
    let bytes = path.as_os_str().as_encoded_bytes();
    let play = |after: u64| {
        let mut puppet = Puppet::start(PUPPET, &["broadcast", &path.to_string_lossy()], None);
        puppet.await_step()?;
        let meet = |delivery| {
            let incoming = Connector::new(Deliveries::only(delivery)).patience(PATIENCE).connect(bytes);
            incoming.map(honest::open).map_err(|e| e.to_string())
        };
        let mut receivers = DELIVERIES.map(meet).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut last = [0; 3];
        let mut ends = [None; 3];
        while ends.contains(&None) {
            for (i, receiver) in receivers.iter_mut().enumerate() {
                if ends[i].is_some() {
                    continue;
                }
                match honest::take(receiver, AT_ONCE) {
                    // The last receiver may have missed the beginning; from then on nothing is missing.
                    Ok(taken) => {
                        let taken = taken?;
                        if last[i] != 0 && taken != last[i] + 1 {
                            return Err(format!("message {taken} after {}", last[i]));
                        }
                        last[i] = taken;
                    }
                    Err(end) => ends[i] = Some(end),
                }
            }
            if last[0] == after {
                puppet.kill();
            }
        }
        if ends != [Some(RecvError::Crashed); 3] {
            return Err(format!("{ends:?}"));
        }
        // The kernel has closed the dead one's socket, but its path is still there: it is taken over.
        assert!(path.exists());
        drop(Listener::bind(bytes).map_err(|e| e.to_string())?);
        if path.exists() { Err("the path was left behind".into()) } else { Ok(()) }
    };
    play(1)?;
    let before = BufferStats::take();
    for after in [1, 2, 17, 100, 333] {
        play(after)?;
    }
    Ok(BufferStats::take().same_as(&before)?)
}

/// Starts a session in a child and kills it at its system calls, one after the other, at entry and at exit.
fn every_system_call(role: &str, delivery: Delivery) -> Result<(), Failed> {
    let mut ends = BTreeSet::new();
    let mut before = None;
    for at in 0.. {
        let (here, there) = honest::sockets();
        let (over, end) = killed_at(role, delivery, at, here, there)?;
        ends.insert(end);
        let now = BufferStats::take();
        now.same_as(before.get_or_insert(now.clone()))?;
        if over {
            eprintln!("{role}, {delivery:?}: {at} system calls in and out, ends {ends:?}");
            break;
        }
    }
    // Both the handshake and the open channel must have been hit.
    if ends.contains("HungUp") && ends.contains("Crashed") { Ok(()) } else { Err(format!("{ends:?}").into()) }
}

/// Returns whether the session was over before its system call `at`, and how it ended for the survivor.
fn killed_at(
    role: &str,
    delivery: Delivery,
    at: usize,
    here: OwnedFd,
    there: OwnedFd,
) -> Result<(bool, String), String> {
    let name = format!("{delivery:?}");
    let child = Command::new(PUPPET)
        .args(["session", role, &name])
        .stdin(Stdio::from(there))
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut child = Tracee::of(child.id());
    std::thread::scope(|scope| {
        let survivor =
            scope.spawn(|| if role == "send" { take_all(delivery, here) } else { send_all(delivery, here) });
        assert_eq!(child.await_stop(), Stop::Signal(libc::SIGSTOP));
        let mut over = false;
        for _ in 0..at {
            over = matches!(child.go(Go::SystemCall), Stop::Over(_));
            if over {
                break;
            }
        }
        child.kill();
        Ok((over, survivor.join().map_err(|_| format!("the survivor panicked at {at}"))??))
    })
}

fn take_all(delivery: Delivery, socket: OwnedFd) -> Result<String, String> {
    let incoming = match Connector::new(Deliveries::only(delivery)).patience(PATIENCE).connect(socket) {
        Err(HandshakeError::HungUp) => return Ok("HungUp".into()),
        outcome => outcome.map_err(|e| e.to_string())?,
    };
    let mut opened = honest::open(incoming);
    for number in 1.. {
        match honest::take(&mut opened, honest::PATIENTLY) {
            Ok(taken) if taken == Ok(number) => {}
            Ok(taken) => return Err(format!("{taken:?} for message {number}")),
            Err(end @ (RecvError::Crashed | RecvError::Closed)) => return Ok(format!("{end:?}")),
            Err(other) => return Err(format!("after {number}: {other}")),
        }
    }
    unreachable!("five messages at most")
}

fn send_all(delivery: Delivery, socket: OwnedFd) -> Result<String, String> {
    let config = SenderConfig::new().slots(4, 64).deliveries(Deliveries::only(delivery));
    let mut sender = config.build().map_err(|e| e.to_string())?;
    match sender.accept(socket, &HandshakeConfig::new(b"").patience(PATIENCE)) {
        Err(HandshakeError::HungUp) => return Ok("HungUp".into()),
        outcome => outcome.map_err(|e| e.to_string())?,
    };
    for number in 1..=5 {
        if honest::send(&mut sender, number, length(number, 256)).is_err() {
            break;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some((_, end)) = sender.next_ended() {
            return Ok(format!("{end:?}"));
        }
        if Instant::now() > deadline {
            return Err("its end was never noticed".into());
        }
        sender.reap().map_err(|e| e.to_string())?;
        std::thread::yield_now();
    }
}
