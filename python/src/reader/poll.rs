//! A descriptor that is readable whenever a read would return at once.
//!
//! The transport's descriptor tells of what comes after the receiver has announced that it sleeps there. What is there
//! already shows in a bell beside it.

use std::os::fd::{AsFd, AsRawFd};

use bowstring::transport::{Call, OsError, fd::OwnedFd};
use bowstring::{ReceiveError, Receiver};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;

pub(super) struct Poll {
    set: OwnedFd,
    bell: OwnedFd,
    /// Stays open as long as the set: a set forgets what is closed.
    _comes: OwnedFd,
}

impl Poll {
    pub(super) fn new(receiver: &Receiver) -> Result<Poll, ReceiveError> {
        let comes = receiver.pollable()?;
        let set = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(host)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(host)?;
        for fd in [comes.as_fd(), bell.as_fd()] {
            epoll::add(&set, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN).map_err(host)?;
        }
        let mut poll = Poll { set, bell, _comes: comes };
        poll.after(receiver);
        Ok(poll)
    }

    pub(super) fn fileno(&self) -> i32 {
        self.set.as_raw_fd()
    }

    /// Before a look: nothing is announced.
    pub(super) fn before(&mut self, receiver: &Receiver) {
        let mut rung = [0; 8];
        let _ = rustix::io::read(&self.bell, &mut rung);
        receiver.disarm();
    }

    /// After a look: sleeps again, or rings for what is there.
    pub(super) fn after(&mut self, receiver: &Receiver) {
        if !receiver.arm() {
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}

fn host(errno: Errno) -> ReceiveError {
    ReceiveError::Host(OsError::new(Call::Epoll, errno))
}
