//! A process that behaves, reports its step of the protocol, and waits there to be killed.
//!
//! `puppet ROLE DELIVERY STEP [orphan]` connects over the socket at its standard input, goes to STEP, prints `at
//! STEP` and waits for its end. With `orphan` it first forks a child that keeps the socket, and prints `orphan PID`.
//! `puppet broadcast PATH` listens there, accepts three receivers, and sends until it is killed. `puppet race PATH`,
//! `activated`, `activator PATH`, `foreign PATH`, `unseen PATH`, `hand-down`: see the functions of that name. `puppet
//! in-flight` becomes another user and has too many descriptors in flight. `puppet session ROLE DELIVERY` asks to be
//! traced and goes through a whole session, to be killed on the way.
//!
//! # Safety
//!
//! The one unsafe call takes over the descriptor that this process was started with.
#![allow(unsafe_code)]

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bowstring_tests::honest::{self, PATIENCE, fill, length};
use bowstring_tests::raw::Socket;
use bowstring_tests::trace;
use bowstring_transport::session::inherited_listener;
use bowstring_transport::{
    Access, Connector, Deliveries, Delivery, HandshakeConfig, HandshakeError, Lease, Listener, Opened,
    RefusalCode, Sender, SenderConfig, Trust, Wait,
};
use rustix::process::{Resource, Rlimit, setrlimit};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["in-flight"] => in_flight(),
        ["race", path] => race(path.as_bytes()),
        ["activated"] => activated(),
        ["activator", path] => activator(path.as_bytes()),
        ["foreign", path] => foreign(path.as_bytes()),
        ["unseen", path] => unseen(path.as_bytes()),
        ["hand-down"] => hand_down(),
        ["broadcast", path] => broadcast(path.as_bytes()),
        ["session", role, delivery] => {
            let socket = stdin();
            trace::ask_and_stop();
            session(role, deliveries(delivery), socket);
        }
        ["receive", delivery, step, ref rest @ ..] => receive(deliveries(delivery), step, !rest.is_empty()),
        ["send", delivery, step, ref rest @ ..] => send(deliveries(delivery), step, !rest.is_empty()),
        _ => panic!("what is {arguments:?}?"),
    }
}

fn stdin() -> OwnedFd {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("standard input is open");
    // The socket must close with the channel, so no second handle may stay.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null").expect("/dev/null")).expect("dup2");
    socket
}

fn deliveries(name: &str) -> Deliveries {
    Deliveries::only(match name {
        "Pooled" => Delivery::Pooled,
        "Copied" => Delivery::Copied,
        "Sealed" => Delivery::Sealed,
        other => panic!("no delivery {other:?}"),
    })
}

fn say(what: &str) {
    println!("{what}");
    std::io::stdout().flush().expect("standard output");
}

/// Reports the step and stays there.
fn stand(step: &str) -> ! {
    say(&format!("at {step}"));
    loop {
        std::thread::park();
    }
}

/// Leaves a child behind that holds every descriptor of this process, the socket among them.
fn leave_orphan() {
    let child = trace::fork(|| {
        loop {
            std::thread::park();
        }
    });
    say(&format!("orphan {}", child.pid()));
    std::mem::forget(child);
}

fn receive(wanted: Deliveries, step: &str, orphan: bool) {
    let incoming = Connector::new(wanted).patience(PATIENCE).connect(stdin()).expect("an honest sender");
    let mut opened = honest::open(incoming);
    if orphan {
        leave_orphan();
    }
    if step == "met" {
        stand(step);
    }
    match &mut opened {
        Opened::Pooled(receiver) => hold(step, || receiver.recv().expect("a message")),
        Opened::Copied(receiver) => hold(step, || receiver.inner().recv().expect("a message")),
        Opened::Sealed(receiver) => {
            let first = receiver.recv().expect("a message");
            if step == "one taken" {
                stand(step);
            }
            let _rest = [receiver.recv().expect("a message"), receiver.recv().expect("a message")];
            if step == "all held" {
                stand(step);
            }
            drop(first);
        }
    }
    match step {
        "all released" => stand(step),
        "asleep" => {
            say("at asleep");
            let _ = honest::take(&mut opened, Wait::sleeping().watch_every(Duration::MAX));
        }
        "armed" => {
            if let Opened::Pooled(receiver) = &opened {
                assert!(receiver.arm().expect("an honest sender"));
            }
            stand(step);
        }
        "closed" => {
            drop(opened);
            stand(step);
        }
        other => panic!("no step {other:?}"),
    }
}

fn hold<'r, T: Trust>(step: &str, mut recv: impl FnMut() -> Lease<'r, T>) {
    let first = recv();
    if step == "one taken" {
        stand(step);
    }
    let (second, third) = (recv(), recv());
    if step == "all held" {
        stand(step);
    }
    drop(second);
    if step == "one of three released" {
        stand(step);
    }
    drop((first, third));
}

fn config() -> SenderConfig {
    SenderConfig::new().slots(4, 64)
}

fn send(offered: Deliveries, step: &str, orphan: bool) {
    let mut sender = config().deliveries(offered).build().expect("memory");
    sender.accept(stdin(), &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
    if orphan {
        leave_orphan();
    }
    if step == "met" {
        stand(step);
    }
    let mut loan = sender.loan(64).expect("room");
    if step == "lent" {
        stand(step);
    }
    fill(&mut loan[..32], 1);
    if step == "half written" {
        stand(step);
    }
    fill(&mut loan, 1);
    loan.commit(64).expect("a receiver");
    if step == "one published" {
        stand(step);
    }
    for number in 2..=4 {
        honest::send(&mut sender, number, 64).expect("room");
    }
    match step {
        "all published" => stand(step),
        "asleep for room" => {
            say("at asleep for room");
            let _ = sender.loan_with(64, Wait::sleeping().watch_every(Duration::MAX));
        }
        "closed" => {
            drop(sender);
            stand(step);
        }
        other => panic!("no step {other:?}"),
    }
}

fn broadcast(path: &[u8]) {
    let listener = Listener::bind(path).expect("a free path");
    say("at listening");
    let mut sender = SenderConfig::new().slots(16, 256).build().expect("memory");
    for _ in 0..3 {
        sender.accept(&listener, &HandshakeConfig::new(b"")).expect("a receiver");
    }
    for number in 1.. {
        honest::send(&mut sender, number, length(number, 1024)).expect("room");
    }
}

/// Has as many descriptors in flight as its user may, and checks that the next handshake reports it; then continues.
fn in_flight() {
    let nobody = rustix::process::Uid::from_raw(65534);
    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may become anybody");
    let limit = rustix::process::getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..limit }).expect("lower is allowed");
    // A datagram that carries its own kind of socket counts while nobody has received it.
    let (near, far) = honest::sockets();
    let near = Socket::new(near);
    let mut flying = 0;
    while near.send_now(b"letter", &[near.as_fd()]).is_ok() {
        flying += 1;
    }
    assert!((60..=80).contains(&flying), "{flying} in flight");
    let (here, there) = honest::sockets();
    let mut sender = config().build().expect("memory");
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            Connector::new(Deliveries::SLOTS)
                .patience(PATIENCE)
                .connect(there)
                .map(drop)
                .expect_err("no descriptors")
        });
        let met = sender.accept(here, &HandshakeConfig::new(b"").patience(PATIENCE)).map(drop);
        assert_eq!(format!("{met:?}"), format!("Err(Os(OsError(sendmsg, {})))", libc::ETOOMANYREFS));
        let refused = receiving.join().expect("no panic");
        assert!(
            matches!(refused, HandshakeError::Refused(r) if r.code == RefusalCode::Resources),
            "{refused:?}"
        );
    });
    // Once the datagrams are received, there is room again.
    drop((near, far));
    drop(honest::join_pooled(&mut sender));
    stand("in flight");
}

/// Listens on a path that others want as well.
fn race(path: &[u8]) {
    match Listener::bind(path) {
        Ok(_listener) => stand("listening"),
        Err(e) => say(&format!("lost: {e:?}")),
    }
}

/// Listens on the socket that a service manager handed down, and sends a message.
fn activated() {
    // SAFETY: 1. and 2. this process was started with that descriptor for this call, which is its only one.
    let listener = unsafe { inherited_listener() }.expect("LISTEN_FDS").expect("a listening socket");
    let flags = rustix::io::fcntl_getfd(&listener).expect("an open descriptor");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "children of this process would inherit it");
    serve(&listener, 1)
}

/// Listens, and has a child of its own serve there, as a server that forks does.
fn activator(path: &[u8]) {
    let listener = Listener::bind(path).expect("a free path");
    let child = trace::fork(|| serve(&listener, 100));
    say(&format!("orphan {}", child.pid()));
    std::mem::forget(child);
    stand("listening");
}

/// Accepts one receiver, sends this many messages, and waits.
fn serve(listener: &Listener, count: u64) -> ! {
    let mut sender = config().build().expect("memory");
    sender.accept(listener, &HandshakeConfig::new(b"")).expect("a receiver");
    for number in 1..=count {
        honest::send(&mut sender, number, 64).expect("room");
    }
    stand("sent");
}

/// Connects as another user.
fn foreign(path: &[u8]) {
    let nobody = rustix::process::Uid::from_raw(65534);
    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may become anybody");
    let meeting = Connector::new(Deliveries::SLOTS).access(Access::Users(&[0])).patience(PATIENCE);
    say(&format!("heard {:?}", meeting.connect(path).map(drop)));
}

/// Sends to a receiver whose process it cannot see, and still notices its end.
fn unseen(path: &[u8]) {
    let mut sender = config().build().expect("memory");
    let introduction = HandshakeConfig::new(b"").patience(PATIENCE);
    let receiver = sender.connect(path, &introduction).expect("an honest receiver").receiver;
    let peer = sender.peer(receiver).expect("it is there");
    let stats = sender.subscriber_stats(receiver).expect("it is there");
    say(&format!("process {}, in the stats {}", peer.pid, stats.pid));
    honest::send(&mut sender, 1, 64).expect("room");
    let (ended, end) = loop {
        sender.reap().expect("a host");
        if let Some(ended) = sender.next_ended() {
            break ended;
        }
        std::thread::yield_now();
    };
    assert_eq!(ended, receiver);
    say(&format!("ended {end:?}"));
}

/// Sends over a socket that it was started with.
fn hand_down() {
    let mut sender = config().build().expect("memory");
    sender
        .accept(stdin(), &HandshakeConfig::new(b"handed down").patience(PATIENCE))
        .expect("an honest receiver");
    honest::send(&mut sender, 1, 64).expect("room");
}

/// Runs a whole session: connects, exchanges five messages, closes.
fn session(role: &str, wanted: Deliveries, socket: OwnedFd) {
    if role == "receive" {
        let incoming = Connector::new(wanted).patience(PATIENCE).connect(socket).expect("an honest sender");
        let mut opened = honest::open(incoming);
        for _ in 0..5 {
            honest::take(&mut opened, Wait::sleeping()).expect("a message").expect("whole");
        }
    } else {
        let mut sender: Sender = config().deliveries(wanted).build().expect("memory");
        sender.accept(socket, &HandshakeConfig::new(b"").patience(PATIENCE)).expect("an honest receiver");
        for number in 1..=5 {
            honest::send(&mut sender, number, length(number, 256)).expect("room");
        }
    }
}
