//! The least that following takes: the system calls of a writer, a store and its followers, in as many threads, with nothing
//! decided or checked between them.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::io::{IoSlice, IoSliceMut, pread, pwrite};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::os::fd::AsFd;

use super::follow::Seen;

/// Bytes of a segment of sixteen rows, and of the datagrams that carry it to the store and to a follower.
const SEGMENT: usize = 320;
const PUT: usize = 200;
const TABLE: usize = 120;
const DONE: usize = 40;

/// The writer's end.
pub(super) struct Relay(OwnedFd);

/// Starts a relay and followers, which note when they have a segment.
pub(super) fn start(followers: usize, start: Instant) -> (Relay, Vec<Arc<Seen>>) {
    let (writer, inner) = pair();
    let (mut ends, mut all) = (Vec::new(), Vec::new());
    for _ in 0..followers {
        let (end, follower) = pair();
        let seen = Arc::new(Seen::default());
        let tell = seen.clone();
        std::thread::spawn(move || {
            while let Some(fd) = await_segment(&follower) {
                look(&fd);
                drop(fd);
                tell.note(start);
            }
        });
        ends.push(end);
        all.push(seen);
    }
    std::thread::spawn(move || relay(&inner, &ends));
    (Relay(writer), all)
}

impl Relay {
    /// Makes a segment, sends it, and waits until that is acknowledged.
    pub(super) fn append(&self) {
        let fd = memfd_create("segment", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("a file");
        pwrite(&fd, &[1; SEGMENT], 0).expect("room");
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        fcntl_add_seals(&fd, seals).expect("sealed");
        send(&self.0, PUT, Some(&fd));
        while let Heard::Nothing = receive(&self.0) {
            sleep(&self.0);
        }
    }
}

fn relay(writer: &OwnedFd, followers: &[OwnedFd]) {
    let events = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    epoll::add(&events, writer, epoll::EventData::new_u64(0), epoll::EventFlags::IN).expect("watched");
    let mut ready = Vec::with_capacity(1);
    loop {
        ready.clear();
        let _ = epoll::wait(&events, rustix::buffer::spare_capacity(&mut ready), None);
        match receive(writer) {
            Heard::Nothing => {}
            Heard::End => return,
            Heard::Datagram(fd) => {
                fd.iter().for_each(look);
                send(writer, DONE, None);
                followers.iter().for_each(|follower| send(follower, TABLE, fd.as_ref()));
            }
        }
    }
}

fn await_segment(socket: &OwnedFd) -> Option<OwnedFd> {
    loop {
        match receive(socket) {
            Heard::Datagram(fd) => return fd,
            Heard::End => return None,
            Heard::Nothing => sleep(socket),
        }
    }
}

/// Reads the segment as somebody who does not trust it.
fn look(fd: &OwnedFd) {
    let seals = fcntl_get_seals(fd).expect("a memory file");
    let len = fstat(fd).expect("a file").st_size;
    assert!(seals.contains(SealFlags::WRITE) && len == SEGMENT as i64);
    assert_eq!(pread(fd, &mut [0; SEGMENT], 0), Ok(SEGMENT));
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("sockets")
}

fn send(socket: &OwnedFd, len: usize, fd: Option<&OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
    assert!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(&fds)));
    let bytes = [1; PUT];
    let parts = [IoSlice::new(&bytes[..len])];
    sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT).expect("sent");
}

enum Heard {
    Nothing,
    Datagram(Option<OwnedFd>),
    End,
}

fn receive(socket: &OwnedFd) -> Heard {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; PUT];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    match recvmsg(socket, &mut parts, &mut control, flags) {
        Ok(message) if message.bytes == 0 => Heard::End,
        Ok(_) => Heard::Datagram(control.drain().find_map(|part| match part {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        })),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Heard::Nothing,
        Err(_) => Heard::End,
    }
}

fn sleep(socket: &OwnedFd) {
    let _ = poll(&mut [PollFd::new(socket, PollFlags::IN)], None);
}
