//! A descriptor that is readable whenever a read would return at once.
//!
//! The transport's descriptor tells of what comes after the receiver has announced that it sleeps there. What is there
//! already shows in a bell beside it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use bowstring::ReceiveError;
use bowstring::transport::{Call, OsError, fd::OwnedFd};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;

use super::source::Source;

pub(super) struct Poll {
    set: OwnedFd,
    bell: OwnedFd,
    /// Stays open as long as the set: a set forgets what is closed. Several writers' descriptors are their `Merge`'s.
    _comes: Option<OwnedFd>,
}

impl Poll {
    pub(super) fn new(source: &Source) -> Result<Poll, ReceiveError> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(host)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(host)?;
        let add = |fd: BorrowedFd<'_>| {
            epoll::add(&set, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN).map_err(host)
        };
        add(bell.as_fd())?;
        let comes = match source {
            Source::One(receiver) => {
                let comes = receiver.pollable()?;
                add(comes.as_fd())?;
                Some(comes)
            }
            Source::Several(merge) => {
                merge.pollables().try_for_each(add)?;
                None
            }
        };
        let mut poll = Poll { set, bell, _comes: comes };
        poll.after(source);
        Ok(poll)
    }

    pub(super) fn fileno(&self) -> i32 {
        self.set.as_raw_fd()
    }

    /// Before a look: nothing is announced.
    pub(super) fn before(&mut self, source: &Source) {
        let mut rung = [0; 8];
        let _ = rustix::io::read(&self.bell, &mut rung);
        match source {
            Source::One(receiver) => receiver.disarm(),
            Source::Several(merge) => merge.disarm(),
        }
    }

    /// After a look: sleeps again, or rings for what is there.
    pub(super) fn after(&mut self, source: &Source) {
        let sleeps = match source {
            Source::One(receiver) => receiver.arm(),
            Source::Several(merge) => merge.arm(),
        };
        if !sleeps {
            self.ring();
        }
    }

    /// Makes the descriptor readable until the next look.
    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

fn host(errno: Errno) -> ReceiveError {
    ReceiveError::Host(OsError::new(Call::Epoll, errno))
}
