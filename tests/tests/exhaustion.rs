//! A host that has run out: each failure is a typed error, and nothing is lost or left behind.

// checks: fault-injection

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::Duration;

use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::honest::{self, PATIENCE, Pair};
use bowstring_tests::puppet::Puppet;
use bowstring_tests::raw::datagram::{SEALED, bare};
use bowstring_tests::raw::{Parameters, Socket};
use bowstring_transport::fault::{self, Plan};
use bowstring_transport::region::{Pages, Writable};
use bowstring_transport::session::wire::Kind;
use bowstring_transport::{
    Call, Connector, Deliveries, Delivery, HandshakeConfig, HandshakeError, Listener, Observer, Opened,
    Receiver, SenderConfig, Trust, Wait,
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() {
    let mut arguments = Arguments::from_args();
    // Limits apply to the whole process, and so do its counts.
    arguments.test_threads = Some(1);
    let mut trials = vec![
        Trial::test("RLIMIT_NOFILE, one descriptor more each time", few_descriptors),
        Trial::test("RLIMIT_NOFILE while a message arrives", message_without_descriptor),
        Trial::test("RLIMIT_AS", little_address_space),
        Trial::test("RLIMIT_FSIZE, and no SIGXFSZ", small_files),
        Trial::test("a pool larger than the machine's memory", more_than_memory),
        Trial::test("a sealed message larger than the machine's memory", huge_message),
        Trial::test("who says START has built everything", no_start_too_early),
        Trial::ignorable_test("reserved huge pages that are not there", no_huge_pages),
        Trial::ignorable_test("too many descriptors in flight", too_many_in_flight),
    ];
    for session in SESSIONS {
        trials.push(Trial::test(format!("{session:?}: every system call fails once"), move || {
            every_call(session)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Runs `f` under a limit, and lifts the limit again.
fn under<R>(resource: Resource, limit: u64, f: impl FnOnce() -> R) -> R {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(limit), maximum: before.maximum }).expect("lower is allowed");
    let result = f();
    setrlimit(resource, before).expect("the hard limit was not touched");
    result
}

fn os(error: &HandshakeError, call: Call, errno: i32) -> bool {
    matches!(error, HandshakeError::Os(e) if e.call() == call && e.raw_os_error() == errno)
}

/// Connects under ever higher limits until that succeeds. Both ends are here, so either may be the one that starves.
fn few_descriptors() -> Result<(), Failed> {
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 256);
    pair.serve(4)?;
    let before = BufferStats::take();
    let mut failures = 0;
    for room in 0_usize.. {
        let (here, there) = honest::sockets();
        let limit = limit_that_leaves(room);
        let sender = &mut pair.sender;
        let (meeting, introduction) = both_patient();
        let (met, received) = under(Resource::Nofile, limit, || {
            std::thread::scope(|scope| {
                let receiving = scope.spawn(|| meeting.connect(there));
                let met = sender.accept(here, &introduction);
                (met, receiving.join().expect("no panic"))
            })
        });
        match (&met, &received) {
            (Ok(_), Ok(_)) => break,
            _ => failures += 1,
        }
        for error in [met.as_ref().err(), received.as_ref().err()].into_iter().flatten() {
            let typed = matches!(error, HandshakeError::Os(e) if e.raw_os_error() == libc::EMFILE)
                || matches!(
                    error,
                    HandshakeError::HungUp | HandshakeError::Refused(_) | HandshakeError::Wire(_)
                );
            assert!(typed, "with {room} to spare: {error:?}");
        }
        drop((met, received));
        pair.sender.reap()?;
        while pair.sender.next_ended().is_some() {}
        pair.serve(4)?;
        BufferStats::take().same_as(&before)?;
    }
    assert!(failures >= 5, "only {failures} limits were too low");
    Ok(())
}

fn both_patient() -> (Connector<'static>, HandshakeConfig<'static>) {
    (Connector::new(Deliveries::SLOTS).patience(PATIENCE), HandshakeConfig::new(b"").patience(PATIENCE))
}

/// Returns the limit under which exactly this many numbers are free.
fn limit_that_leaves(room: usize) -> u64 {
    let numbers = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    // The listing's own descriptor is free again afterwards.
    let others =
        numbers.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| !to.starts_with("/proc")));
    let taken: BTreeSet<u64> = others.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut free = (0..).filter(|number| !taken.contains(number));
    free.nth(room).expect("endless")
}

/// A sealed message without room for its descriptor is the host's fault or the datagram's, and closes what arrived.
fn message_without_descriptor() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().deliveries(Deliveries::SEALED).build()?;
    let mut opened = honest::join(&mut sender, Deliveries::SEALED);
    honest::send(&mut sender, 1, 100)?;
    let before = BufferStats::take();
    let end = under(Resource::Nofile, 3, || honest::take(&mut opened, Wait::sleeping().at_most(PATIENCE)));
    assert_eq!(
        format!("{end:?}"),
        format!("Err(Os(OsError(recvmsg, {})))", libc::EMFILE),
        "this process's own limit"
    );
    Ok(BufferStats::take().same_as(&before)?)
}

fn little_address_space() -> Result<(), Failed> {
    let before = BufferStats::take();
    let pages: u64 = std::fs::read_to_string("/proc/self/statm")?.split(' ').next().unwrap_or("0").parse()?;
    let limit = pages * 4096 + (1 << 20);
    let built = under(Resource::As, limit, || SenderConfig::new().slots(64, 1 << 20).build());
    let error = built.map(drop).expect_err("64 MiB in 1 MiB");
    assert!(os(&error, Call::Map, libc::ENOMEM), "{error:?}");
    // Smaller allocations still succeed.
    let built = under(Resource::As, limit, || SenderConfig::new().slots(4, 4096).build());
    drop(built?);
    Ok(BufferStats::take().same_as(&before)?)
}

fn small_files() -> Result<(), Failed> {
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    let before = BufferStats::take();
    for pages in [Pages::Normal, Pages::Huge] {
        let config = SenderConfig::new().slots(64, 1 << 16).pages(pages);
        let error = under(Resource::Fsize, 1 << 20, || config.build()).map(drop).expect_err("4 MiB in 1 MiB");
        assert!(os(&error, Call::Allocate, libc::EFBIG), "{error:?}");
    }
    let sender = &mut pair.sender;
    let (here, there) = honest::sockets();
    let (meeting, introduction) = both_patient();
    // Too small for a board: the receiver learns that the sender has no memory for it.
    let (met, received) = under(Resource::Fsize, 100, || {
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| meeting.connect(there).map(drop));
            (sender.accept(here, &introduction), receiving.join().expect("no panic"))
        })
    });
    assert!(os(&met.expect_err("no board"), Call::Allocate, libc::EFBIG));
    assert!(
        matches!(received, Err(HandshakeError::Refused(r)) if r.code == bowstring_transport::RefusalCode::Resources)
    );
    pair.serve(8)?;
    Ok(BufferStats::take().same_as(&before)?)
}

fn machine_memory() -> usize {
    let info = rustix::system::sysinfo();
    (info.totalram as usize + info.totalswap as usize) * info.mem_unit as usize
}

/// Taking it page by page would end with the kernel killing a process; it is refused before it begins.
fn more_than_memory() -> Result<(), Failed> {
    let before = BufferStats::take();
    let slot = machine_memory().next_multiple_of(64);
    for pages in [Pages::Normal, Pages::Huge] {
        let error =
            SenderConfig::new().slots(2, slot).pages(pages).build().map(drop).expect_err("twice the memory");
        assert!(os(&error, Call::Allocate, libc::ENOMEM), "{error:?}");
    }
    Ok(BufferStats::take().same_as(&before)?)
}

fn huge_message() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().deliveries(Deliveries::SEALED).build()?;
    let mut opened = honest::join(&mut sender, Deliveries::SEALED);
    let before = BufferStats::take();
    let error = sender.loan(2 * machine_memory()).map(drop).expect_err("twice the memory");
    assert_eq!(format!("{error:?}"), format!("Os(OsError(fallocate, {}))", libc::ENOMEM));
    honest::send(&mut sender, 1, 100)?;
    assert_eq!(honest::take(&mut opened, Wait::sleeping())??, 1);
    Ok(BufferStats::take().same_as(&before)?)
}

/// A listener that fails at the last thing it builds refuses; it has not sent START before.
fn no_start_too_early() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().slots(4, 64).build()?;
    let (here, there) = honest::sockets();
    let socket = Socket::new(there);
    std::thread::scope(|scope| {
        let hearing = scope.spawn(|| {
            socket.send(&Parameters::receiver(SEALED).datagram(Kind::Hello), &[]);
            let welcome = socket.recv().kind();
            socket.send(&bare(Kind::Attach), &[]);
            (welcome, socket.recv().kind())
        });
        let plan = Plan { call: Call::SetSendBuffer, after: 0, times: 1, errno: libc::ENOBUFS };
        let (met, failed) = fault::under(plan, || sender.accept(here, &patient()));
        assert!(failed == 1 && met.is_err_and(|e| os(&e, Call::SetSendBuffer, libc::ENOBUFS)));
        let heard = hearing.join().expect("no panic");
        assert_eq!(heard, (Some(Kind::Welcome as u16), Some(Kind::Refuse as u16)));
    });
    assert_eq!(sender.receivers(), 0);
    Ok(())
}

fn no_huge_pages() -> Result<Completion, Failed> {
    let reserved = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
    if reserved.trim() != "0" {
        return Ok(Completion::ignored_with(format!("this host has {:?} of them", reserved.trim())));
    }
    let before = BufferStats::take();
    let error = Writable::create(c"huge", 1 << 20, Pages::HugeTlb).expect_err("there are none");
    assert!([libc::ENOSPC, libc::ENOMEM].contains(&error.raw_os_error()), "{error:?}");
    BufferStats::take().same_as(&before)?;
    Ok(Completion::Completed)
}

/// The kernel counts descriptors in flight for each user, and exempts root: the puppet becomes another user.
fn too_many_in_flight() -> Result<Completion, Failed> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Completion::ignored_with(
            "needs root, to become a user whose descriptors in flight are counted",
        ));
    }
    Puppet::start(env!("CARGO_BIN_EXE_puppet"), &["in-flight"], None).await_step()?;
    Ok(Completion::Completed)
}

// ---- every call of a session fails once ----

/// A whole session from one side's point of view: set-up, messages, close.
#[derive(Clone, Copy, Debug)]
enum Session {
    Sends(Delivery),
    Receives(Delivery),
    /// Sends, and connects.
    Calls,
    /// Listens on a path, accepts a receiver and an observer.
    Listens,
    Observes,
}

const SESSIONS: [Session; 9] = [
    Session::Sends(Delivery::Pooled),
    Session::Sends(Delivery::Sealed),
    Session::Receives(Delivery::Pooled),
    Session::Receives(Delivery::Copied),
    Session::Receives(Delivery::Sealed),
    Session::Calls,
    Session::Listens,
    Session::Observes,
    Session::Sends(Delivery::Copied),
];

/// Returns the calls that fail, and the errnos that each may plausibly fail with.
fn calls() -> Vec<(Call, Vec<i32>)> {
    let memory = vec![libc::ENOMEM, libc::ENOSPC];
    let interrupted = |mut all: Vec<i32>| {
        all.push(libc::EINTR);
        all
    };
    vec![
        (Call::Accept, interrupted(vec![libc::EMFILE, libc::ENFILE, libc::ECONNABORTED])),
        (Call::AddSeals, vec![libc::EBUSY]),
        (Call::Advise, vec![libc::ENOMEM]),
        (Call::Allocate, interrupted(memory.clone())),
        (Call::Bind, vec![libc::ENOSPC, libc::EACCES]),
        (Call::Connect, interrupted(vec![libc::EAGAIN])),
        (Call::Duplicate, vec![libc::EMFILE]),
        (Call::Epoll, vec![libc::EMFILE]),
        (Call::FutexWait, interrupted(vec![libc::EAGAIN])),
        (Call::GetSeals, vec![libc::EINVAL]),
        (Call::Listen, vec![libc::EADDRINUSE]),
        (Call::Lock, interrupted(vec![libc::ENOLCK])),
        (Call::Map, vec![libc::ENOMEM]),
        (Call::MemfdCreate, vec![libc::EMFILE, libc::ENOMEM]),
        (Call::Open, vec![libc::EMFILE]),
        (Call::PeerCredentials, vec![libc::ENOBUFS]),
        (Call::PidfdOpen, vec![libc::EMFILE, libc::ENOSYS]),
        (Call::Poll, interrupted(vec![libc::ENOMEM])),
        (Call::Populate, interrupted(vec![libc::ENOMEM, libc::EINVAL])),
        (Call::Read, interrupted(vec![libc::EIO])),
        (Call::Receive, interrupted(vec![libc::ENOMEM, libc::ECONNRESET])),
        (Call::Send, interrupted(vec![libc::ENOBUFS, libc::ETOOMANYREFS, libc::EPIPE])),
        (Call::SetFlags, vec![libc::EBADF]),
        (Call::SetMode, vec![libc::EPERM]),
        (Call::SetSendBuffer, vec![libc::ENOBUFS]),
        (Call::Socket, vec![libc::EMFILE]),
        (Call::SocketKind, vec![libc::ENOBUFS]),
        (Call::SocketPair, vec![libc::EMFILE]),
        (Call::Stat, vec![libc::ENOMEM]),
        (Call::StatFs, vec![libc::ENOMEM]),
        (Call::Truncate, interrupted(vec![libc::ENOSPC])),
        (Call::Unlink, vec![libc::EACCES]),
        (Call::Write, interrupted(vec![libc::ENOSPC, libc::ENOMEM])),
    ]
}

fn every_call(session: Session) -> Result<(), Failed> {
    let (whole, _) = play(session, None)?;
    whole.map_err(|e| format!("without any failure: {e}"))?;
    let (mut made, mut failures, mut survived) = (0, 0, 0);
    for (call, errnos) in calls() {
        let mut times = 0;
        for errno in errnos {
            let (failed, unharmed) = fails_once(session, call, errno)?;
            times = times.max(failed);
            failures += failed;
            survived += unharmed;
        }
        made += u32::from(times > 0);
    }
    eprintln!(
        "{session:?}: {failures} failures of {made} different calls, {survived} of them without effect"
    );
    if made >= 8 { Ok(()) } else { Err(format!("only {made} of the calls were ever made").into()) }
}

/// Lets the call fail at its first occurrence, then at its second, and so on, until there is no such occurrence.
/// Returns how often it failed, and how often that had no effect.
fn fails_once(session: Session, call: Call, errno: i32) -> Result<(u32, u32), Failed> {
    let before = BufferStats::take();
    let mut unharmed = 0;
    for after in 0.. {
        let (outcome, failed) = play(session, Some(Plan { call, after, times: 1, errno }))?;
        if failed == 0 {
            return Ok((after, unharmed));
        }
        let what = format!("{} fails with {errno} at occurrence {after}, {outcome:?}", call.name());
        // A signal is not an error and must not show.
        if errno == libc::EINTR && outcome.is_err() {
            return Err(what.into());
        }
        BufferStats::take().same_as(&before).map_err(|e| format!("{what}: {e}"))?;
        unharmed += u32::from(outcome.is_ok());
    }
    unreachable!("a session makes a bounded number of calls")
}

/// Plays a session, with one side under the plan. Returns that side's result and how many calls failed.
fn play(session: Session, plan: Option<Plan>) -> Result<(Result<(), String>, u32), Failed> {
    // Nothing fails without a plan.
    let plan = plan.unwrap_or(Plan { call: Call::Read, after: 0, times: 0, errno: 0 });
    let path = std::env::temp_dir().join(format!("bowstring-faults-{}.sock", std::process::id()));
    let path = path.as_os_str().as_encoded_bytes();
    let (here, there) = honest::sockets();
    let outcome = match session {
        Session::Sends(delivery) => std::thread::scope(|scope| {
            scope.spawn(move || receives(delivery, |meeting| meeting.connect(there)));
            fault::under(plan, || sends(delivery, |sender| sender.accept(here, &patient())))
        }),
        Session::Calls => std::thread::scope(|scope| {
            scope.spawn(move || receives(Delivery::Pooled, |meeting| meeting.accept(there)));
            fault::under(plan, || sends(Delivery::Pooled, |sender| sender.connect(here, &patient())))
        }),
        Session::Receives(delivery) => std::thread::scope(|scope| {
            scope.spawn(move || sends(delivery, |sender| sender.accept(there, &patient())));
            fault::under(plan, || receives(delivery, |meeting| meeting.connect(here)))
        }),
        Session::Listens => {
            drop((here, there));
            let outcome = fault::under(plan, || listens(path));
            // Only if the removal itself failed may the path be left; it is stale then, and taken over.
            let left = std::path::Path::new(std::str::from_utf8(path)?).exists();
            let may = [Call::Unlink, Call::Stat].contains(&plan.call) && outcome.0.is_ok();
            if left && !may {
                return Err(format!("the path was left behind: {outcome:?}").into());
            }
            outcome
        }
        Session::Observes => {
            drop((here, there));
            let listener = Listener::bind(path)?;
            let mut sender = SenderConfig::new().slots(4, 64).build()?;
            std::thread::scope(|scope| {
                let observing = scope.spawn(|| fault::under(plan, || observes(path)));
                while !observing.is_finished() {
                    sender.poll_accept(&listener, &HandshakeConfig::new(b""))?;
                    std::thread::yield_now();
                }
                Ok::<_, HandshakeError>(observing.join().expect("no panic"))
            })?
        }
    };
    Ok(outcome)
}

fn patient() -> HandshakeConfig<'static> {
    HandshakeConfig::new(b"").patience(PATIENCE)
}

const MESSAGES: u64 = 5;

fn sends<A>(
    delivery: Delivery,
    meet: impl FnOnce(&mut bowstring_transport::Sender) -> Result<A, HandshakeError>,
) -> Result<(), String> {
    let config = SenderConfig::new().slots(4, 64 << 10).deliveries(Deliveries::only(delivery));
    let mut sender = config.build().map_err(|e| format!("build: {e}"))?;
    meet(&mut sender).map_err(|e| format!("meet: {e}"))?;
    for number in 1..=MESSAGES {
        honest::send(&mut sender, number, 1000)?;
    }
    sender.reap().map_err(|e| format!("reap: {e}"))
}

fn receives(
    delivery: Delivery,
    meet: impl FnOnce(&Connector<'_>) -> Result<bowstring_transport::Incoming, HandshakeError>,
) -> Result<(), String> {
    let meeting = Connector::new(Deliveries::only(delivery)).patience(PATIENCE);
    let incoming = meet(&meeting).map_err(|e| format!("meet: {e}"))?;
    let mut opened = honest::try_open(incoming).map_err(|e| format!("open: {e}"))?;
    for number in 1..=MESSAGES {
        let taken = honest::take(&mut opened, honest::PATIENTLY).map_err(|e| format!("recv: {e}"))??;
        if taken != number {
            return Err(format!("message {taken} in place of {number}"));
        }
    }
    match &opened {
        Opened::Pooled(receiver) => arms(receiver),
        Opened::Copied(receiver) => arms(receiver.inner()),
        Opened::Sealed(receiver) => receiver.pollable().map(drop).map_err(|e| format!("pollable: {e}")),
    }
}

fn arms<T: Trust>(receiver: &Receiver<T>) -> Result<(), String> {
    let pollable = receiver.pollable().map_err(|e| format!("pollable: {e}"))?;
    let _ = receiver.arm();
    let _ = receiver.disarm();
    let _ = pollable.as_fd();
    // What comes now is the end, or nothing yet.
    let _ = receiver.recv_with(Wait::sleeping().spins(0).at_most(Duration::from_millis(1)));
    Ok(())
}

fn listens(path: &[u8]) -> Result<(), String> {
    let listener = Listener::bind(path).map_err(|e| format!("bind: {e}"))?;
    let mut sender = SenderConfig::new().slots(4, 64).build().map_err(|e| format!("build: {e}"))?;
    std::thread::scope(|scope| {
        let meeting = Connector::new(Deliveries::SLOTS).patience(Duration::from_millis(200));
        let connecting = scope.spawn(move || meeting.connect(path).map(drop));
        let wait = Wait::sleeping().at_most(Duration::from_millis(500));
        let config = HandshakeConfig::new(b"").patience(Duration::from_millis(200)).wait(wait);
        let came = sender.accept(&listener, &config);
        let connected = connecting.join().expect("no panic");
        came.map(drop).map_err(|e| format!("accept: {e}, connect: {connected:?}"))
    })
}

fn observes(path: &[u8]) -> Result<(), String> {
    let observer =
        Observer::attach(path, bowstring_transport::Access::SameUser).map_err(|e| e.to_string())?;
    observer.is_alive().map_err(|e| e.to_string())?;
    if observer.stats().slots == 4 { Ok(()) } else { Err("other stats".into()) }
}
