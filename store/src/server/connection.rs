//! One client: its state, and what is still to be sent to it.

// claim: store-kill

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowstring_transport::Credentials;
use rustix::event::epoll;

use super::Server;
use super::put::Collect;
use crate::catalogue::Version;
use crate::segment::Segment;
use crate::socket::{self, Received, Sent};
use crate::wire::message::{Code, Reply, Request};

/// Bytes of datagrams in flight to one client. Few, so that one that does not read ties up few descriptors.
pub(super) const SEND_BUFFER: usize = 64 << 10;

/// A descriptor that is kept until it was sent.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Segment(Arc<Segment>),
    Schema(Arc<OwnedFd>),
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Held::Segment(segment) => segment.fd.as_fd(),
            Held::Schema(fd) => fd.as_fd(),
        }
    }
}

/// A datagram to send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    pub(super) fds: Vec<Held>,
}

/// The state of a follower.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) name: String,
    pub(super) base: u64,
    pub(super) row: u64,
    /// True if the schema of this base was sent.
    pub(super) introduced: bool,
    /// The last version of the previous base, while some of its rows are unsent.
    pub(super) behind: Option<Arc<Version>>,
    /// The table was removed: report it once everything is sent.
    pub(super) gone: bool,
}

/// The state of a client.
#[derive(Debug)]
pub(super) enum Stand {
    /// It has not said HELLO.
    Greeting,
    Ready,
    /// It puts, and more segments are to come.
    Putting(Box<Collect>),
    /// It waits for a worker.
    Waiting,
    /// It waits for a source that is read for the first time.
    Parked(Request),
    Following(Following),
    /// It is sent a last datagram and then disconnected.
    Leaving,
}

/// A client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) peer: Credentials,
    pub(super) may_write: bool,
    pub(super) refusal: Option<(Code, String)>,
    pub(super) stand: Stand,
    pub(super) out: VecDeque<Outgoing>,
    /// The time at which it is disconnected, or refused for taking too long.
    pub(super) deadline: Option<Instant>,
    /// Too many descriptors were in flight: retry soon.
    pub(super) retry: bool,
    patience: Duration,
    flags: epoll::EventFlags,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, peer: Credentials, patience: Duration) -> Connection {
        Connection {
            socket,
            peer,
            may_write: false,
            refusal: None,
            stand: Stand::Greeting,
            out: VecDeque::new(),
            deadline: Some(Instant::now() + patience),
            retry: false,
            patience,
            flags: epoll::EventFlags::IN,
        }
    }

    /// Refuses with a reason, and closes.
    pub(super) fn dismiss(self, code: Code, text: &str) -> io::Result<()> {
        let error = Reply::Error { code, text: text.to_owned() };
        socket::send(self.socket.as_fd(), &error.encode(), &[]).map(|_| ())
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        self.out.push_back(Outgoing { bytes: reply.encode(), fds: Vec::new() });
    }

    /// Sets the deadline of a new request.
    pub(super) fn begin(&mut self) {
        self.deadline = Some(Instant::now() + self.patience);
    }

    /// Sends what can be sent; returns true if anything was.
    fn send(&mut self) -> io::Result<bool> {
        self.retry = false;
        let mut progress = false;
        while let Some(next) = self.out.front() {
            let fds: Vec<BorrowedFd<'_>> = next.fds.iter().map(AsFd::as_fd).collect();
            match socket::send(self.socket.as_fd(), &next.bytes, &fds)? {
                Sent::Whole => {
                    self.out.pop_front();
                    progress = true;
                }
                Sent::Full => break,
                Sent::TooManyDescriptors => {
                    self.retry = true;
                    break;
                }
            }
        }
        Ok(progress)
    }
}

impl Server {
    /// Handles an event on a connection.
    pub(super) fn serve(&mut self, token: u64, flags: epoll::EventFlags) {
        if flags.contains(epoll::EventFlags::OUT) {
            self.flush(token);
        }
        if flags.contains(epoll::EventFlags::IN) {
            self.listen_to(token);
        } else if flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            self.let_go(token);
        }
    }

    /// Reads one datagram: one at a time, so that a busy client does not delay others.
    fn listen_to(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let begun = Instant::now();
        let datagram = match socket::receive(connection.socket.as_fd(), &mut self.scratch) {
            Ok(Received::Datagram(datagram)) => datagram,
            Ok(Received::Nothing) => return,
            Ok(Received::HungUp) | Err(_) => return self.let_go(token),
        };
        if datagram.truncated {
            return self.dismiss(token, Code::Protocol, "a datagram that is too long");
        }
        match Request::decode(&datagram.bytes, datagram.fds.len()) {
            Ok(request) => self.ask(token, request, datagram.fds, begun),
            Err(fault) => self.dismiss(token, Code::Protocol, &fault.to_string()),
        }
    }

    /// Sends what is queued for a client, continues what it follows, and decides what to wait for next.
    pub(super) fn flush(&mut self, token: u64) {
        loop {
            let Some(connection) = self.connections.get_mut(&token) else { return };
            match connection.send() {
                Ok(true) if !connection.out.is_empty() => connection.begin(),
                Ok(_) => {}
                Err(_) => return self.let_go(token),
            }
            if !connection.out.is_empty() {
                if connection.deadline.is_none() {
                    connection.begin();
                }
                break;
            }
            match connection.stand {
                Stand::Leaving => return self.let_go(token),
                Stand::Ready => connection.deadline = None,
                Stand::Following(_) => {
                    connection.deadline = None;
                    if self.advance(token) {
                        continue;
                    }
                }
                _ => {}
            }
            break;
        }
        self.wait_for(token);
    }

    /// Sets the events to wait for.
    pub(super) fn wait_for(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut flags = match connection.stand {
            Stand::Waiting | Stand::Parked(_) | Stand::Leaving => epoll::EventFlags::empty(),
            // A client that does not read its replies may not send more requests.
            _ if !connection.out.is_empty() => epoll::EventFlags::empty(),
            _ => epoll::EventFlags::IN,
        };
        if !connection.out.is_empty() && !connection.retry {
            flags |= epoll::EventFlags::OUT;
        }
        if flags != connection.flags {
            connection.flags = flags;
            let data = epoll::EventData::new_u64(token);
            if epoll::modify(&self.epoll, &connection.socket, data, flags).is_err() {
                self.let_go(token);
            }
        }
    }

    /// Sends a reply to a client.
    pub(super) fn say(&mut self, token: u64, reply: &Reply) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.say(reply);
        }
        self.flush(token);
    }

    /// Refuses with a reason; the connection goes on.
    pub(super) fn refuse(&mut self, token: u64, code: Code, text: &str) {
        self.stats.refused(code);
        self.say(token, &Reply::Error { code, text: text.to_owned() });
    }

    /// Refuses with a reason, and ends the connection.
    pub(super) fn dismiss(&mut self, token: u64, code: Code, text: &str) {
        self.stats.refused(code);
        self.unfollow(token);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        connection.stand = Stand::Leaving;
        connection.say(&Reply::Error { code, text: text.to_owned() });
        connection.begin();
        self.flush(token);
    }

    /// Ends a request that was not finished in time.
    pub(super) fn late(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let unread = !connection.out.is_empty();
        connection.deadline = None;
        let limit = self.config.request_timeout.as_secs_f64();
        match std::mem::replace(&mut connection.stand, Stand::Ready) {
            // A worker has it, and its own deadline.
            Stand::Waiting if !unread => connection.stand = Stand::Waiting,
            Stand::Parked(_) if !unread => {
                let text = format!("the source is still being read after request_timeout = {limit} s");
                self.refuse(token, Code::Limit, &text);
            }
            stand => {
                connection.stand = stand;
                self.stats.refused(Code::Limit);
                self.let_go(token);
            }
        }
    }

    /// Forgets a client. Descriptors that it was sent stay open.
    pub(super) fn let_go(&mut self, token: u64) {
        self.unfollow(token);
        if self.connections.remove(&token).is_some() {
            self.stats.clients -= 1;
        }
    }

    fn unfollow(&mut self, token: u64) {
        if let Some(Connection { stand: Stand::Following(following), .. }) = self.connections.get(&token)
            && let Some(table) = self.catalogue.tables.get_mut(&following.name)
        {
            table.followers = table.followers.saturating_sub(1);
        }
    }
}
