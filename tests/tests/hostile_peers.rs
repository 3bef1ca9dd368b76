//! Every row of the table of hostile peers, each in a process of its own, against a victim in this one.
//!
//! Each victim must end with the documented error; serve an honest peer before, meanwhile and afterwards; and hold as
//! many descriptors and mappings after as before. Counting needs the process to itself, so the rows run one after the
//! other.

// checks: hostile-peers

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::honest::{self, PATIENCE, Pair, Pump};
use bowstring_tests::hostile::{Case, Victim, attempts, table};
use bowstring_tests::raw::datagram::POOLED;
use bowstring_tests::raw::{self, Parameters, Socket};
use bowstring_transport::session::WireFault;
use bowstring_transport::session::wire::Kind;
use bowstring_transport::{
    Access, Connector, Deliveries, Delivery, HandshakeConfig, HandshakeError, Listener, Observer, OnSlow,
    Opened, Receiver, RecvError, RefusalCode, SenderConfig, Wait,
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for case in table().into_iter().map(Arc::new) {
        let title = case.title();
        if case.victim == Victim::ListeningSender {
            let case = Arc::clone(&case);
            let title = format!("{title} (by the listener)");
            trials.push(Trial::ignorable_test(title, move || judge(&case, plays_at_listener)));
        }
        trials.push(Trial::ignorable_test(title, move || judge(&case, face)));
    }
    trials.push(Trial::test("a flood of silent connections leaves a place for an honest one", silent_flood));
    trials.push(Trial::test(
        "a flood of half-open connections leaves a place for an honest one",
        half_open_flood,
    ));
    trials.push(Trial::test("a silent connection does not keep a listening receiver from others", squatter));
    trials.push(Trial::test("PROOF.md lists each attempt to scribble with its errno", told_on_the_page));
    libtest_mimic::run(&arguments, trials).exit();
}

/// `PROOF.md` has the table that the rows are made from.
fn told_on_the_page() -> Result<(), Failed> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../PROOF.md"))?;
    let table = attempts();
    if page.contains(&table) { Ok(()) } else { Err(format!("PROOF.md should have\n{table}").into()) }
}

fn judge(case: &Case, play: fn(&Case) -> Result<(), String>) -> Result<Completion, Failed> {
    match &case.unplayable {
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => Ok(play(case).map(|()| Completion::Completed)?),
    }
}

/// The hostile process of a row.
struct Hostile {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Hostile {
    /// Starts it with its end of the connection, and waits until it is about to begin.
    fn start(case: &Case, socket: OwnedFd) -> Hostile {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hostile_peer"))
            .arg(case.title())
            .stdin(Stdio::from(socket))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the hostile peer starts");
        let says = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut hostile = Hostile { child, says };
        assert_eq!(hostile.line(), "ready\n");
        hostile
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("a pipe");
        line
    }

    /// Waits for its end, and returns the code of the refusal that it received, if any.
    fn end(mut self) -> Result<Option<u32>, String> {
        let line = self.line();
        let status = self.child.wait().map_err(|e| e.to_string())?;
        if !status.success() {
            return Err(format!("the hostile peer did not get what it had coming: {status}"));
        }
        Ok(line.strip_prefix("refused ").and_then(|code| code.trim().parse().ok()))
    }
}

/// Returns how long to wait in a row: long, except for those that are about patience itself.
fn patience(case: &Case) -> Duration {
    if case.ends.starts_with("TimedOut") { Duration::from_millis(100) } else { PATIENCE }
}

fn expect(case: &Case, end: &str) -> Result<(), String> {
    if case.allows(end) { Ok(()) } else { Err(format!("ended with {end}\n   and not {}", case.ends)) }
}

/// Returns the refusal that the other side must receive for an error.
fn told(error: &HandshakeError) -> Option<u32> {
    let code = match error {
        HandshakeError::Wire(WireFault::Version(_)) => RefusalCode::Version,
        HandshakeError::Wire(WireFault::Socket) => RefusalCode::Descriptor,
        HandshakeError::Wire(_) | HandshakeError::TimedOut(_) => RefusalCode::Malformed,
        HandshakeError::Region(..) => RefusalCode::Descriptor,
        HandshakeError::Declined(code) => *code,
        _ => return None,
    };
    Some(code as u32)
}

/// Returns the code of the refusal that is due for a row's error; `None` for errors that are not reported.
fn refusal(ends: &str) -> Option<u32> {
    let codes = [
        ("Wire(Version", RefusalCode::Version),
        ("Wire(", RefusalCode::Malformed),
        ("TimedOut(", RefusalCode::Malformed),
        ("Region(", RefusalCode::Descriptor),
        ("Declined(Geometry", RefusalCode::Geometry),
        ("Declined(NoReceiver", RefusalCode::NoReceiver),
    ];
    codes.into_iter().find(|(start, _)| ends.starts_with(start)).map(|(_, code)| code as u32)
}

/// Returns the shape of pool that the table's rows assume.
fn config() -> SenderConfig {
    SenderConfig::new().slots(8, 4096)
}

/// Returns the configuration of a receiving victim.
fn meeting(case: &Case) -> Connector<'static> {
    Connector::new(Deliveries::only(Delivery::Copied)).max_pool(1 << 30).patience(patience(case))
}

fn face(case: &Case) -> Result<(), String> {
    match case.victim {
        Victim::ListeningSender
        | Victim::ConnectingSender
        | Victim::ListeningBoth
        | Victim::ConnectingBoth => sender_meets(case),
        Victim::ListeningReceiver | Victim::ConnectingReceiver => receiver_meets(case),
        Victim::Observer => observer_looks(case),
        Victim::Sender | Victim::ImpatientSender => sender_serves(case),
        Victim::Receiver | Victim::PollingReceiver | Victim::SealedReceiver => receiver_takes(case),
    }
}

fn outcome<T: std::fmt::Debug>(
    case: &Case,
    outcome: Result<T, HandshakeError>,
    hostile: Hostile,
) -> Result<(), String> {
    match outcome {
        Ok(met) => Err(format!("they met: {met:?}")),
        Err(error) => {
            expect(case, &format!("{error:?}"))?;
            let heard = hostile.end()?;
            // A peer that has hung up receives nothing more.
            match told(&error) {
                Some(code) if heard != Some(code) => Err(format!("{error:?}, and it heard {heard:?}")),
                _ => Ok(()),
            }
        }
    }
}

/// A sender performs the handshake, for its own direction or for both.
fn sender_meets(case: &Case) -> Result<(), String> {
    let mut pair = Pair::new(config(), 8 * 4096);
    pair.serve(8)?;
    let before = BufferStats::take();
    let (here, there) = honest::sockets();
    let hostile = Hostile::start(case, there);
    let (sender, introduction) = (&mut pair.sender, HandshakeConfig::new(b"").patience(patience(case)));
    let meeting = meeting(case);
    let both_ways = HandshakeConfig::both_ways(&meeting);
    let met = match case.victim {
        Victim::ListeningSender => sender.accept(here, &introduction).map(|met| met.receiver),
        Victim::ConnectingSender => sender.connect(here, &introduction).map(|met| met.receiver),
        Victim::ListeningBoth => sender.accept(here, &both_ways).map(|met| met.receiver),
        _ => sender.connect(here, &both_ways).map(|met| met.receiver),
    };
    outcome(case, met, hostile)?;
    pair.serve(32)?;
    if pair.sender.receivers() != 1 {
        return Err("the hostile peer became a receiver".into());
    }
    BufferStats::take().same_as(&before)
}

/// The same row again, through a listener: the sender goes on serving during the handshake.
fn plays_at_listener(case: &Case) -> Result<(), String> {
    let mut pair = Pair::new(config(), 8 * 4096);
    let path = Path::new();
    let listener = Listener::bind(path.bytes()).map_err(|e| e.to_string())?;
    let config = HandshakeConfig::new(b"").patience(patience(case));
    pair.serve(8)?;
    let before = BufferStats::take();
    let mut hostile = Hostile::start(case, path.connect());
    // It exits once it has been hung up on.
    let mut over = false;
    while !over {
        over = hostile.child.try_wait().map_err(|e| e.to_string())?.is_some();
        if let Some(arrival) = pair.sender.poll_accept(&listener, &config).map_err(|e| e.to_string())? {
            return Err(format!("it came in: {arrival:?}"));
        }
        pair.serve(1)?;
    }
    let (heard, due) = (hostile.end()?, refusal(&case.ends));
    if due.is_some() && heard != due {
        return Err(format!("it heard {heard:?} and not {due:?}"));
    }
    // A connection that hung up by itself is noticed at the next check.
    pair.sender.poll_accept(&listener, &config).map_err(|e| e.to_string())?;
    pair.serve(32)?;
    BufferStats::take().same_as(&before)
}

fn receiver_meets(case: &Case) -> Result<(), String> {
    let pump = Pump::start();
    let before = BufferStats::take();
    let (here, there) = honest::sockets();
    let hostile = Hostile::start(case, there);
    let met = match case.victim {
        Victim::ListeningReceiver => meeting(case).accept(here),
        _ => meeting(case).connect(here),
    };
    outcome(case, met, hostile)?;
    pump.await_more(8);
    BufferStats::take().same_as(&before)
}

/// Attaches to the hostile process through a path, as observers do, and reads its stats.
fn observer_looks(case: &Case) -> Result<(), String> {
    let pump = Pump::start();
    let before = BufferStats::take();
    let path = Path::new();
    let listening = path.listen();
    let (looked, hostile) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| -> Result<(), HandshakeError> {
            let observer = Observer::attach(path.bytes(), Access::SameUser)?;
            for _ in 0..100 {
                let _ = (observer.stats(), observer.receivers().count());
            }
            Ok(())
        });
        let hostile = Hostile::start(case, rustix::net::accept(&listening).expect("it connects"));
        (looking.join().expect("no panic"), hostile)
    });
    match looked {
        Ok(()) => {
            expect(case, "Ok")?;
            hostile.end()?;
        }
        error => outcome(case, error, hostile)?,
    }
    drop((listening, path));
    pump.await_more(8);
    BufferStats::take().same_as(&before)
}

fn sender_serves(case: &Case) -> Result<(), String> {
    let mut pair = Pair::new(config().on_slow(OnSlow::Block), 4096);
    pair.serve(8)?;
    let before = BufferStats::take();
    let (here, there) = honest::sockets();
    let hostile = Hostile::start(case, there);
    let introduction = HandshakeConfig::new(b"").patience(PATIENCE);
    let met = pair.sender.accept(here, &introduction).map_err(|e| format!("the handshake failed: {e}"))?;
    let on_slow = match case.victim {
        Victim::ImpatientSender => OnSlow::CutOff { quota: 2 },
        _ => OnSlow::Skip { quota: 2 },
    };
    assert!(pair.sender.set_on_slow(met.receiver, on_slow));
    let deadline = Instant::now() + PATIENCE;
    let end = loop {
        pair.serve(4)?;
        pair.sender.reap().map_err(|e| e.to_string())?;
        if let Some((subscriber, end)) = pair.sender.next_ended() {
            assert_eq!(subscriber, met.receiver);
            break end;
        }
        if Instant::now() > deadline {
            return Err("the hostile peer was never noticed".into());
        }
    };
    expect(case, &format!("{end:?}"))?;
    hostile.end()?;
    pair.serve(64)?;
    let whole = pair.sender.try_loan(8 * 4096).map(drop);
    whole.map_err(|e| format!("slots were lost: {e}"))?;
    BufferStats::take().same_as(&before)
}

fn receiver_takes(case: &Case) -> Result<(), String> {
    let pump = Pump::start();
    let before = BufferStats::take();
    let (here, there) = honest::sockets();
    let hostile = Hostile::start(case, there);
    let wanted = match case.victim {
        Victim::SealedReceiver => Delivery::Sealed,
        _ => Delivery::Copied,
    };
    let meeting = Connector::new(Deliveries::only(wanted)).patience(PATIENCE);
    let incoming = meeting.connect(here).map_err(|e| format!("the handshake failed: {e}"))?;
    let mut opened = honest::open(incoming);
    let wait = Wait::sleeping().at_most(PATIENCE);
    let end = loop {
        let outcome = match &mut opened {
            Opened::Sealed(receiver) => receiver.recv_with(wait).map(|message| drop(message.to_vec())),
            Opened::Copied(receiver) if case.victim == Victim::PollingReceiver => poll_once(receiver.inner()),
            Opened::Copied(receiver) => receiver.recv_with(wait).map(|copy| {
                let first = copy.bytes.to_vec();
                assert_eq!(first, copy.bytes, "a copy is private");
            }),
            Opened::Pooled(_) => unreachable!("not wanted"),
        };
        if let Err(end) = outcome {
            break end;
        }
    };
    expect(case, &format!("{end:?}"))?;
    drop(opened);
    hostile.end()?;
    pump.await_more(8);
    BufferStats::take().same_as(&before)
}

/// One round of a receiver that sleeps on a descriptor.
fn poll_once<T: bowstring_transport::Trust>(receiver: &Receiver<T>) -> Result<(), RecvError> {
    let pollable = receiver.pollable()?;
    if receiver.arm()? {
        let seconds = i64::try_from(PATIENCE.as_secs()).expect("few");
        let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
        if poll(&mut [PollFd::new(&pollable, PollFlags::IN)], Some(&limit)).expect("poll") == 0 {
            return Err(RecvError::TimedOut);
        }
    }
    receiver.disarm()?;
    receiver.try_recv().map(drop)
}

/// A path for a socket, removed at the end.
struct Path(std::path::PathBuf);

impl Path {
    fn new() -> Path {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Path(std::env::temp_dir().join(format!("bowstring-hostile-{}-{count}.sock", std::process::id())))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }

    fn listen(&self) -> OwnedFd {
        use rustix::net::{
            AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
        };
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a socket");
        bind(&socket, &SocketAddrUnix::new(self.bytes()).expect("a path")).expect("a free name");
        listen(&socket, 1).expect("it listens");
        socket
    }

    fn connect(&self) -> OwnedFd {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a socket");
        connect(&socket, &SocketAddrUnix::new(self.bytes()).expect("a path")).expect("somebody listens");
        socket
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // A listener of ours has removed it.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Squatters, one honest connector that speaks at once, and more squatters: it gets in.
fn flood(before: usize, after: usize, hello: bool) -> Result<(), Failed> {
    // The connector played by hand releases nothing.
    let mut pair = Pair::new(config().on_slow(OnSlow::Skip { quota: 4 }), 4096);
    let path = Path::new();
    let listener = Listener::bind(path.bytes())?;
    let squat = || {
        let socket = Socket::new(path.connect());
        if hello {
            socket.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
        }
        socket
    };
    let mut squatters: Vec<Socket> = (0..before).map(|_| squat()).collect();
    pair.sender.poll_accept(&listener, &HandshakeConfig::new(b""))?;
    let honest = Socket::new(path.connect());
    honest.send(&Parameters::receiver(POOLED).datagram(Kind::Hello), &[]);
    squatters.extend((0..after).map(|_| squat()));
    std::thread::scope(|scope| {
        let honest = scope.spawn(|| raw::play::finish(&honest));
        let deadline = Instant::now() + PATIENCE;
        let mut came = false;
        while !(came && honest.is_finished()) && Instant::now() < deadline {
            came |= pair.sender.poll_accept(&listener, &HandshakeConfig::new(b""))?.is_some();
            pair.serve(1)?;
        }
        drop(listener);
        if came {
            let _lent = honest.join().expect("it came in");
            Ok(())
        } else {
            Err("the honest one never came in".into())
        }
    })
}

fn silent_flood() -> Result<(), Failed> {
    for after in [0, 1, 16, 40] {
        flood(20, after, false)?;
    }
    Ok(())
}

fn half_open_flood() -> Result<(), Failed> {
    for after in [0, 1, 16, 40] {
        flood(20, after, true)?;
    }
    Ok(())
}

/// A listening receiver handles all connectors side by side.
fn squatter() -> Result<(), Failed> {
    let path = Path::new();
    let listener = Listener::bind(path.bytes())?;
    let _silent: Vec<OwnedFd> = (0..3).map(|_| path.connect()).collect();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sender = config().build()?;
            let meeting = HandshakeConfig::new(b"here I am").patience(PATIENCE);
            sender.connect(path.bytes(), &meeting).map(drop)
        });
        let incoming = Connector::new(Deliveries::SLOTS).patience(Duration::from_secs(5)).accept(&listener);
        let greeting = incoming.map(|incoming| incoming.greeting().to_vec());
        // A sender that came in vain must not wait for its whole patience.
        drop(listener);
        sending.join().expect("no panic")?;
        assert_eq!(greeting?, b"here I am");
        Ok(())
    })
}
