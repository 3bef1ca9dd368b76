//! Connecting: paths, names, inherited sockets, other users, other crates' sockets, observers.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use bowstring_tests::buffer_stats::BufferStats;
use bowstring_tests::honest::{self, PATIENCE, Pair};
use bowstring_tests::puppet::Puppet;
use bowstring_transport::region::{FrozenView, Pages, Writable};
use bowstring_transport::{
    Access, ConnectRequest, Connector, Decision, Deliveries, Delivery, End, Endpoint, HandshakeConfig,
    HandshakeError, Listener, Observer, OnSlow, Opened, RecvError, SenderConfig, Wait, handover,
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sendfd::{RecvWithFd, SendWithFd};

const PUPPET: &str = env!("CARGO_BIN_EXE_puppet");
const AT_ONCE: Wait = Wait::sleeping().at_most(PATIENCE);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let test = |name: &'static str, f: fn() -> Result<(), Failed>| Trial::test(name, f);
    let trials = vec![
        test("a stale socket is taken over", stale),
        test("a live one is in use, and stays so", live),
        test("what is not a socket is left alone", not_a_socket),
        test("of processes that race for a path one gets it", race),
        test("the socket's mode is 0600 whatever the umask", mode),
        test("LISTEN_FDS: a socket handed down", activation),
        test("a server that forks: who listened is not who sends", forked_server),
        test("a name in the abstract namespace", abstract_name),
        test("one end of a pair inherited by a child", inherited_pair),
        Trial::ignorable_test("another user is refused, on both sides", other_user),
        Trial::ignorable_test("a process of a pid namespace that is not seen", unseen_process),
        test("handover over a std stream", over_std),
        test("handover over a tokio stream", over_tokio),
        test("a frozen region sent by sendfd and attached", region_by_sendfd),
        test("descriptors of sendfd received as a handover", handover_by_sendfd),
        test("a handover that is none is refused, and what came is closed", false_handover),
        test("64 receivers that come and go while one stands still", many_receivers),
        test("observers that attach while it runs", observers),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// The path of a socket, removed before and after.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let place = Place(std::env::temp_dir().join(format!("bowstring-{name}-{}.sock", std::process::id())));
        let _ = std::fs::remove_file(&place.0);
        place
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }

    fn text(&self) -> &str {
        self.0.to_str().expect("a temporary directory of plain characters")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn patient() -> HandshakeConfig<'static> {
    HandshakeConfig::new(b"").patience(PATIENCE)
}

fn meeting() -> Connector<'static> {
    Connector::new(Deliveries::only(Delivery::Pooled)).patience(PATIENCE)
}

// ---- paths ----

fn stale() -> Result<(), Failed> {
    let place = Place::new("stale");
    // The std listener leaves its path behind, whatever its socket type.
    drop(UnixListener::bind(&place.0)?);
    assert!(place.0.exists());
    let listener = Listener::bind(place.bytes())?;
    drop(listener);
    assert!(!place.0.exists());
    Ok(())
}

fn live() -> Result<(), Failed> {
    let place = Place::new("live");
    let listener = Listener::bind(place.bytes())?;
    for _ in 0..3 {
        assert!(matches!(Listener::bind(place.bytes()), Err(HandshakeError::InUse)));
    }
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    std::thread::scope(|scope| {
        let connecting = scope.spawn(|| meeting().connect(place.bytes()).map(drop));
        pair.sender.accept(&listener, &HandshakeConfig::new(b"").wait(AT_ONCE))?;
        connecting.join().expect("no panic")
    })?;
    // A socket of another type is in use, too.
    drop(listener);
    let _theirs = UnixListener::bind(&place.0)?;
    assert!(matches!(Listener::bind(place.bytes()), Err(HandshakeError::InUse)));
    assert!(place.0.exists());
    Ok(())
}

fn not_a_socket() -> Result<(), Failed> {
    let place = Place::new("file");
    std::fs::write(&place.0, b"somebody's letters")?;
    assert!(matches!(Listener::bind(place.bytes()), Err(HandshakeError::NotASocket)));
    assert_eq!(std::fs::read(&place.0)?, b"somebody's letters");
    std::fs::remove_file(&place.0)?;
    std::fs::create_dir(&place.0)?;
    assert!(matches!(Listener::bind(place.bytes()), Err(HandshakeError::NotASocket)));
    std::fs::remove_dir(&place.0)?;
    // A link is not followed, wherever it leads.
    let target = Place::new("target");
    drop(UnixListener::bind(&target.0)?);
    std::os::unix::fs::symlink(&target.0, &place.0)?;
    assert!(matches!(Listener::bind(place.bytes()), Err(HandshakeError::NotASocket)));
    assert!(target.0.exists());
    Ok(())
}

fn race() -> Result<(), Failed> {
    let place = Place::new("race");
    for _ in 0..10 {
        // All of them may take over a stale socket.
        drop(UnixListener::bind(&place.0)?);
        let mut racers: Vec<Puppet> =
            (0..4).map(|_| Puppet::start(PUPPET, &["race", place.text()], None)).collect();
        let mut said = racers.iter_mut().map(Puppet::line).collect::<Result<Vec<_>, _>>()?;
        said.sort();
        assert_eq!(said, ["at listening", "lost: InUse", "lost: InUse", "lost: InUse"]);
        // All of them are killed here; the winner's path is stale again, and removed for the next round.
        drop(racers);
        std::fs::remove_file(&place.0)?;
    }
    Ok(())
}

fn mode() -> Result<(), Failed> {
    let place = Place::new("mode");
    for mask in [0o000, 0o077, 0o022] {
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
        let listener = Listener::bind(place.bytes());
        rustix::process::umask(before);
        let _listener = listener?;
        let metadata = std::fs::symlink_metadata(&place.0)?;
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "under umask {mask:o}");
    }
    Ok(())
}

// ---- inherited sockets ----

fn activation() -> Result<(), Failed> {
    let place = Place::new("activation");
    let listener = Listener::bind(place.bytes())?;
    let socket = listener.as_fd().try_clone_to_owned()?;
    let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" activated 3<&0 0</dev/null";
    let _server = Puppet::start("sh", &["-c", script, PUPPET], Some(socket));
    let mut opened = honest::open(meeting().connect(place.bytes())?);
    assert_eq!(honest::take(&mut opened, AT_ONCE)??, 1);
    Ok(())
}

fn forked_server() -> Result<(), Failed> {
    let place = Place::new("forked");
    let mut server = Puppet::start(PUPPET, &["activator", place.text()], None);
    server.await_step()?;
    let mut opened = honest::open(meeting().connect(place.bytes())?);
    for number in 1..=3 {
        assert_eq!(honest::take(&mut opened, AT_ONCE)??, number);
    }
    // It listened, and is not a sender of anything here.
    server.kill();
    let watchful = AT_ONCE.spins(0).watch_every(std::time::Duration::ZERO);
    for number in 4..=100 {
        assert_eq!(honest::take(&mut opened, watchful)??, number);
    }
    assert_eq!(
        honest::take(&mut opened, watchful.at_most(std::time::Duration::ZERO)),
        Err(RecvError::TimedOut)
    );
    server.kill_orphan();
    let since = Instant::now();
    assert_eq!(honest::take(&mut opened, AT_ONCE), Err(RecvError::Crashed));
    assert!(since.elapsed().as_secs() < 1);
    Ok(())
}

fn abstract_name() -> Result<(), Failed> {
    let name = format!("bowstring-test-{}", std::process::id());
    let listener = Listener::bind_abstract(name.as_bytes())?;
    assert!(matches!(Listener::bind_abstract(name.as_bytes()), Err(HandshakeError::InUse)));
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    std::thread::scope(|scope| {
        let connecting = scope.spawn(|| meeting().connect(Endpoint::Abstract(name.as_bytes())).map(drop));
        pair.sender.accept(&listener, &HandshakeConfig::new(b"").wait(AT_ONCE))?;
        connecting.join().expect("no panic")
    })?;
    drop(listener);
    drop(Listener::bind_abstract(name.as_bytes())?);
    Ok(())
}

fn inherited_pair() -> Result<(), Failed> {
    let before = BufferStats::take();
    let (here, there) = honest::sockets();
    let mut child = Command::new(PUPPET).arg("hand-down").stdin(Stdio::from(there)).spawn()?;
    let mut opened = honest::open(meeting().connect(here)?);
    let Opened::Pooled(receiver) = &opened else { return Err("not pooled".into()) };
    assert_eq!(receiver.greeting(), b"handed down");
    assert_eq!(receiver.peer().pid as u32, child.id(), "the child named itself");
    assert_eq!(honest::take(&mut opened, AT_ONCE)??, 1);
    assert_eq!(honest::take(&mut opened, AT_ONCE), Err(RecvError::Closed));
    assert!(child.wait()?.success());
    drop(opened);
    Ok(BufferStats::take().same_as(&before)?)
}

fn other_user() -> Result<Completion, Failed> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Completion::ignored_with("needs root, to start a process of another user"));
    }
    let place = Place::new("user");
    let listener = Listener::bind(place.bytes())?;
    // The mode keeps others out already; it is widened, so that the check of credentials is what refuses.
    std::fs::set_permissions(&place.0, std::fs::Permissions::from_mode(0o666))?;
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    let mut connect = |access: Access<'_>| {
        let mut other = Puppet::start(PUPPET, &["foreign", place.text()], None);
        let mut came = 0;
        let heard = std::thread::scope(|scope| {
            let heard = scope.spawn(|| other.line());
            while !heard.is_finished() {
                let config = HandshakeConfig::new(b"").access(access);
                came += u32::from(pair.sender.poll_accept(&listener, &config)?.is_some());
                std::thread::yield_now();
            }
            Ok::<_, HandshakeError>(heard.join().expect("no panic"))
        })?;
        Ok::<_, Failed>((came, heard?))
    };
    let refused = "heard Err(Refused(Refusal { code: Denied, reason: \"this user is not let in\" }))";
    assert_eq!(connect(Access::SameUser)?, (0, refused.into()));
    assert_eq!(connect(Access::Users(&[0, 7]))?, (0, refused.into()));
    assert_eq!(connect(Access::Users(&[65534]))?, (1, "heard Ok(())".into()));
    // The other way round: a connector to a socket of another user refuses by itself.
    let (place, denied) = (Place::new("denied"), Access::Users(&[65534]));
    let _listener = Listener::bind(place.bytes())?;
    assert_eq!(
        meeting().access(denied).connect(place.bytes()).map(drop),
        Err(HandshakeError::Denied { uid: 0, is_mapped: true })
    );
    Ok(Completion::Completed)
}

/// The peer runs in a PID namespace of its own, which this process cannot see.
fn unseen_process() -> Result<Completion, Failed> {
    let enter = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(enter).arg("true").status().is_ok_and(|status| status.success()) {
        return Ok(Completion::ignored_with("`unshare --pid` is not there or not allowed"));
    }
    let place = Place::new("unseen");
    let listener = Listener::bind(place.bytes())?;
    let before = BufferStats::take();
    let arguments: Vec<&str> = enter.into_iter().chain([PUPPET, "unseen", place.text()]).collect();
    let mut puppet = Puppet::start("unshare", &arguments, None);
    let mut opened = honest::open(meeting().accept(&listener)?);
    assert_eq!(puppet.line()?, format!("process 0, in the stats {}", u32::MAX));
    assert_eq!(honest::take(&mut opened, AT_ONCE)??, 1);
    drop(opened);
    assert_eq!(puppet.line()?, "ended Closed");
    assert_eq!(puppet.line()?, "");
    drop(puppet);
    BufferStats::take().same_as(&before)?;
    Ok(Completion::Completed)
}

// ---- other crates' sockets ----

/// Runs a sender and a receiver over the two ends of a connection.
fn exchange(here: OwnedFd, there: OwnedFd) -> Result<(), Failed> {
    let mut sender = SenderConfig::new().slots(4, 64).build()?;
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || meeting().connect(there));
        sender.accept(here, &patient())?;
        let mut opened = honest::open(receiving.join().expect("no panic")?);
        honest::send(&mut sender, 1, 64)?;
        assert_eq!(honest::take(&mut opened, AT_ONCE)??, 1);
        Ok(())
    })
}

fn over_std() -> Result<(), Failed> {
    let before = BufferStats::take();
    let (near, far) = UnixStream::pair()?;
    let here = handover::offer(&near)?;
    exchange(here, handover::accept(&far)?)?;
    drop((near, far));
    Ok(BufferStats::take().same_as(&before)?)
}

fn over_tokio() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let (near, far) = tokio::net::UnixStream::pair()?;
        let here = handover::offer(&near)?;
        far.readable().await?;
        exchange(here, handover::accept(&far)?)
    })
}

/// Takes over what `sendfd` received.
#[allow(unsafe_code)]
fn own(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just installed it for the caller's call, and nothing else knows of it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn region_by_sendfd() -> Result<(), Failed> {
    let mut region = Writable::create(c"letter", 5000, Pages::Normal)?;
    honest::fill(&mut region, 42);
    let frozen = region.freeze()?;
    let (near, far) = UnixStream::pair()?;
    near.send_with_fd(b"region", &[frozen.as_fd().as_raw_fd()])?;
    let (mut bytes, mut fds) = ([0; 16], [-1; 4]);
    assert_eq!(far.recv_with_fd(&mut bytes, &mut fds)?, (6, 1));
    let received = own(fds[0]);
    drop(frozen);
    let view = FrozenView::attach(received.as_fd(), 5000).map_err(|e| format!("{e}"))?;
    Ok(honest::check(&view, 42)?)
}

fn handover_by_sendfd() -> Result<(), Failed> {
    let (near, far) = UnixStream::pair()?;
    // By hand, what `handover::offer` and `handover::accept` do.
    let (here, there) = honest::sockets();
    near.send_with_fd(b"B", &[there.as_raw_fd()])?;
    drop(there);
    exchange(here, handover::accept(&far)?)?;
    let here = handover::offer(&near)?;
    let (mut bytes, mut fds) = ([0; 16], [-1; 4]);
    assert_eq!(far.recv_with_fd(&mut bytes, &mut fds)?, (1, 1));
    exchange(here, own(fds[0]))
}

fn false_handover() -> Result<(), Failed> {
    let (file, listening) = (std::fs::File::open("/dev/null")?, Place::new("false"));
    let listener = Listener::bind(listening.bytes())?;
    let (seqpacket, _far) = honest::sockets();
    let file = file.as_fd().as_raw_fd();
    let good = seqpacket.as_fd().as_raw_fd();
    let cases: [(&[u8], Vec<i32>); 6] = [
        (b"X", vec![good]),
        (b"B", vec![]),
        (b"B", vec![file]),
        (b"B", vec![listener.as_fd().as_raw_fd()]),
        (b"B", vec![good, good]),
        (b"B", vec![good, file, good, file]),
    ];
    for (word, fds) in cases {
        let (near, far) = UnixStream::pair()?;
        let count = BufferStats::take();
        near.send_with_fd(word, &fds)?;
        let error = handover::accept(&far).expect_err("no handover");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{word:?} with {}", fds.len());
        BufferStats::take().same_as(&count)?;
    }
    Ok(())
}

// ---- many receivers ----

/// Pseudo-random numbers, the same in every run.
fn dice(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn many_receivers() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().slots(64, 64).on_slow(OnSlow::Skip { quota: 16 }).build()?;
    let stalled = honest::join_pooled(&mut sender);
    // From those that are there, the message that each expects; none before its first.
    let mut there: Vec<(Opened, Option<u64>)> = Vec::new();
    let (mut state, mut came, mut number) = (0x5DEE_CE66_D123_4567_u64, 0, 0);
    while came < 200 {
        if there.len() < 63 && !dice(&mut state).is_multiple_of(3) {
            let delivery = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed][came % 3];
            there.push((honest::join(&mut sender, Deliveries::only(delivery)), None));
            came += 1;
        }
        for _ in 0..dice(&mut state) % 4 {
            if !there.is_empty() {
                let at = dice(&mut state) as usize % there.len();
                drop(there.swap_remove(at));
            }
        }
        number += 1;
        honest::send(&mut sender, number, 64)?;
        for (opened, next) in &mut there {
            let taken = honest::take(opened, AT_ONCE)?
                .map_err(|e| format!("{e}; {number} was sent to {opened:?}"))?;
            assert_eq!(taken, *next.get_or_insert(number));
            *next = Some(number + 1);
        }
        sender.reap()?;
        while let Some((_, end)) = sender.next_ended() {
            assert_eq!(end, End::Closed);
        }
    }
    // One has taken nothing all the time; it has what its quota allowed, and nobody missed anything because of it.
    for wanted in 1..=16 {
        let lease = stalled.recv_with(AT_ONCE)?;
        assert_eq!(lease.meta().number, wanted);
        honest::check(&lease, wanted)?;
    }
    assert!(stalled.try_recv()?.is_none());
    assert_eq!(sender.stats().skips, number - 16);
    // A full sender has no place for one more, and says so.
    drop(there);
    sender.reap()?;
    while sender.next_ended().is_some() {}
    let house: Vec<Opened> = (1..64).map(|_| honest::join(&mut sender, Deliveries::SLOTS)).collect();
    let (here, away) = honest::sockets();
    std::thread::scope(|scope| {
        let turned_away = scope.spawn(move || meeting().connect(away).map(drop));
        assert_eq!(sender.accept(here, &patient()).map(drop), Err(HandshakeError::Full));
        let heard = turned_away.join().expect("no panic");
        assert!(
            matches!(heard, Err(HandshakeError::Refused(r)) if r.code == bowstring_transport::RefusalCode::Full)
        );
    });
    assert_eq!(house.len(), 63);
    Ok(())
}

fn observers() -> Result<(), Failed> {
    let place = Place::new("observed");
    let listener = Listener::bind(place.bytes())?;
    let mut pair = Pair::new(SenderConfig::new().slots(4, 64), 64);
    let before = BufferStats::take();
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            for _ in 0..20 {
                let observer = Observer::attach(place.bytes(), Access::SameUser)?;
                let first = observer.stats().messages;
                // It goes on while it is observed.
                while observer.stats().messages < first + 10 {
                    std::thread::yield_now();
                }
                assert_eq!((observer.stats().slots, observer.receivers().count()), (4, 1));
                assert!(observer.is_alive()?);
            }
            Ok::<_, HandshakeError>(())
        });
        let observers_only = |request: &ConnectRequest<'_>| {
            assert!(request.observer);
            Decision::Welcome(b"")
        };
        let config = HandshakeConfig::new(b"").decide(&observers_only);
        while !watching.is_finished() {
            assert!(pair.sender.poll_accept(&listener, &config)?.is_none());
            pair.serve(1)?;
        }
        watching.join().expect("no panic")?;
        Ok::<_, Failed>(())
    })?;
    Ok(BufferStats::take().same_as(&before)?)
}
