//! Senders found by their processes; and what lies there by the same name.

#![cfg(feature = "std")]

use std::os::fd::{AsFd, OwnedFd};

use bowstring_transport::running::{self, Running, RunningError};
use bowstring_transport::{
    Access, Connector, Deliveries, Endpoint, HandshakeConfig, Listener, Observer, RegionFault, SenderConfig,
    socket_pair,
};
use rustix::fs::{MemfdFlags, SealFlags};

const GOOD: SealFlags =
    SealFlags::FUTURE_WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// Returns what is found of this process, which may be running other tests of this file.
fn ours() -> Vec<Running> {
    let all = running::senders().unwrap();
    all.into_iter().filter(|sender| sender.pid() == std::process::id() as i32).collect()
}

/// Returns a memory file by the name of a sender's stats.
fn file(bytes: &[u8], seals: SealFlags) -> OwnedFd {
    let fd = rustix::fs::memfd_create("bowstring-stats", MemfdFlags::ALLOW_SEALING).unwrap();
    assert_eq!(rustix::io::pwrite(&fd, bytes, 0).unwrap(), bytes.len());
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

/// Returns what `senders` and `observe` make of a file.
fn seen(file: &OwnedFd) -> Result<Observer, RunningError> {
    let inode = rustix::fs::fstat(file).unwrap().st_ino;
    let before = ours();
    let found = before.iter().find(|sender| format!("{:?}", sender.id()).contains(&format!("{inode}")));
    found.unwrap_or_else(|| panic!("{inode} is not among {before:?}")).observe()
}

#[test]
fn a_sender_over_a_socket_pair_is_found_once_and_no_more_when_it_has_gone() {
    let (here, there) = socket_pair().unwrap();
    let receiving = std::thread::spawn(move || {
        let incoming = Connector::new(Deliveries::ANY).connect(there).unwrap();
        incoming.foreign().unwrap().copying().unwrap()
    });
    let mut sender = SenderConfig::new().slots(4, 64).build().unwrap();
    sender.accept(here, &HandshakeConfig::new(b"")).unwrap();
    let _receiver = receiving.join().unwrap();
    sender.send(b"hello").unwrap();
    let counted: Vec<_> = ours()
        .iter()
        .filter_map(|sender| sender.observe().ok())
        .filter(|observer| (observer.stats().slots, observer.stats().messages) == (4, 1))
        .collect();
    let [observer] = &*counted else { panic!("{counted:?}") };
    assert_eq!(observer.stats().bytes, 5);
    assert_eq!(observer.receivers().count(), 1);
    assert_eq!(observer.peer().pid, std::process::id() as i32);
    assert!(observer.is_alive().unwrap());
    drop(sender);
    assert!(observer.stats().closed);
    assert!(!ours().iter().any(|sender| sender.id() == observer.id()));
}

#[test]
fn the_same_stats_have_the_same_identity_whichever_way_they_are_seen() {
    let name = format!("bowstring-running-{}", std::process::id()).into_bytes();
    let listener = Listener::bind_abstract(&name).unwrap();
    let mut sender = SenderConfig::new().slots(4, 128).build().unwrap();
    let asking =
        std::thread::spawn(move || Observer::attach(Endpoint::Abstract(&name), Access::SameUser).unwrap());
    while !asking.is_finished() {
        sender.poll_accept(&listener, &HandshakeConfig::new(b"")).unwrap();
    }
    let asked = asking.join().unwrap();
    assert_eq!(ours().iter().filter(|sender| sender.id() == asked.id()).count(), 1);
}

#[test]
fn what_is_no_stats_is_a_typed_error() {
    let page = [0; 4224];
    let stats = [&b"gaugebow"[..], &[0; 4216]].concat();
    // As a sender in another language makes it, which says nothing of itself.
    let good = file(&stats, GOOD);
    let observer = seen(&good).unwrap();
    assert_eq!((observer.stats().pid, observer.peer().pid), (0, std::process::id() as i32));
    assert_eq!(seen(&file(&page, GOOD)).unwrap_err(), RunningError::NotStats);
    let cases = [
        (SealFlags::empty(), RegionFault::MayShrink),
        (GOOD.difference(SealFlags::GROW), RegionFault::MayGrow),
        (GOOD.difference(SealFlags::FUTURE_WRITE), RegionFault::MayBeWritten),
        (GOOD.difference(SealFlags::SEAL), RegionFault::MayBeSealed),
    ];
    for (seals, fault) in cases {
        assert_eq!(seen(&file(&stats, seals)).unwrap_err(), RunningError::Region(fault));
    }
    for wrong in [&stats[..4223], &[&stats[..], &[0]].concat(), &[]] {
        let found = wrong.len() as u64;
        let fault = RegionFault::Size { found, wanted: 4224 };
        assert_eq!(seen(&file(wrong, GOOD)).unwrap_err(), RunningError::Region(fault));
    }
    let holes = rustix::fs::memfd_create("bowstring-stats", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&holes, 4224).unwrap();
    rustix::fs::fcntl_add_seals(holes.as_fd(), GOOD).unwrap();
    assert!(matches!(seen(&holes), Err(RunningError::Region(RegionFault::Holes { .. }))));
    // A name that only begins so is another's.
    let other = rustix::fs::memfd_create("bowstring-stats-2", MemfdFlags::ALLOW_SEALING).unwrap();
    let inode = rustix::fs::fstat(&other).unwrap().st_ino;
    assert!(!ours().iter().any(|sender| format!("{:?}", sender.id()).contains(&format!("{inode}"))));
}
