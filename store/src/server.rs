//! The store: one thread that waits for all clients at once, and workers for slow tasks.
//!
//! The thread holds the catalogue. It never waits for a client: what cannot be sent yet is kept in that client's
//! queue, and a client that does not read it, or does not finish a request, is disconnected after a while. Checking a
//! put, reading a source, writing to disk, merging segments and making JSON happen in [`jobs`].

// claim: store

mod config;
mod connection;
mod delivery;
mod jobs;
mod put;
mod requests;
mod stats;
mod tables;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bowstring_transport::{Access, Credentials, Listener};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::process::{Resource, getrlimit, setrlimit};

pub use self::config::{Config, Load, Source};
use self::connection::Connection;
use self::jobs::Jobs;
use self::stats::Stats;
use self::tables::Reading;
use crate::catalogue::Catalogue;
use crate::socket::set_nonblocking;
use crate::state::State;

const LISTENER: u64 = 0;
const WAKE: u64 = 1;
const CHANGES: u64 = 2;
/// The first number of a connection.
const FIRST: u64 = 16;

const STOP: u32 = 1;
const RELOAD: u32 = 2;

/// Interval at which deadlines are checked.
const TICK: Duration = Duration::from_millis(250);
/// Pause before a datagram is tried again that failed because too many descriptors were in flight.
const RETRY: Duration = Duration::from_millis(10);

/// A store, ready to run.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    epoll: OwnedFd,
    wake: Arc<OwnedFd>,
    orders: Arc<AtomicU32>,
    config: Config,
    catalogue: Catalogue,
    state: Option<Arc<State>>,
    connections: HashMap<u64, Connection>,
    next: u64,
    jobs: Jobs,
    /// Names being written to, and the tasks that wait for them.
    locked: HashSet<String>,
    queue: VecDeque<put::Task>,
    /// Names whose small segments a worker is merging.
    merging: HashSet<String>,
    /// The queue is being processed: a change that ends leaves the next to that loop.
    draining: bool,
    readings: HashMap<String, Reading>,
    changes: Option<tables::Changes>,
    stats: Stats,
    scratch: Vec<u8>,
}

/// Controls a running store from another thread.
#[derive(Clone, Debug)]
pub struct Handle {
    wake: Arc<OwnedFd>,
    orders: Arc<AtomicU32>,
}

impl Handle {
    /// Stops the store: current tasks are finished, and tables that were opened stay readable.
    pub fn stop(&self) {
        self.order(STOP);
    }

    /// Reads every source again.
    pub fn reload(&self) {
        self.order(RELOAD);
    }

    fn order(&self, order: u32) {
        self.orders.fetch_or(order, Ordering::AcqRel);
        jobs::ring(&self.wake);
    }
}

impl Server {
    /// Creates a store that listens there. Reads the tables on disk first; also returns what could not be read.
    pub fn new(listener: Listener, config: Config) -> io::Result<(Server, Vec<String>)> {
        raise_descriptor_limit();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        watch(&epoll, listener.as_fd(), LISTENER, epoll::EventFlags::IN)?;
        watch(&epoll, wake.as_fd(), WAKE, epoll::EventFlags::IN)?;
        let mut catalogue = Catalogue::new(config.bounds());
        let (mut state, mut wrong) = (None, Vec::new());
        if let Some(directory) = &config.state {
            let opened = State::open(directory)?;
            let (tables, not_read) = opened.read()?;
            wrong = not_read;
            for (name, version) in tables {
                catalogue.publish(&name, version);
            }
            state = Some(Arc::new(opened));
        }
        let jobs = Jobs::start(config.workers, &wake)?;
        let mut server = Server {
            listener,
            epoll,
            wake,
            orders: Arc::default(),
            catalogue,
            state,
            connections: HashMap::new(),
            next: FIRST,
            jobs,
            locked: HashSet::new(),
            queue: VecDeque::new(),
            merging: HashSet::new(),
            draining: false,
            readings: HashMap::new(),
            changes: None,
            stats: Stats::default(),
            scratch: Vec::new(),
            config,
        };
        server.open_sources()?;
        Ok((server, wrong))
    }

    /// Returns a handle to control the store from other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { wake: self.wake.clone(), orders: self.orders.clone() }
    }

    /// Serves until it is stopped.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        let mut ticked = Instant::now();
        loop {
            let retry = self.connections.values().any(|connection| connection.retry);
            let rest = if retry { RETRY } else { TICK };
            let timeout = Timespec { tv_sec: 0, tv_nsec: rest.subsec_nanos().into() };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let flags = event.flags;
                match event.data.u64() {
                    LISTENER => self.accept(),
                    WAKE => {
                        jobs::silence(&self.wake);
                        for outcome in self.jobs.done() {
                            self.conclude(outcome);
                        }
                        let orders = self.orders.swap(0, Ordering::AcqRel);
                        if orders & STOP != 0 {
                            return Ok(());
                        }
                        if orders & RELOAD != 0 {
                            self.read_all_sources();
                        }
                    }
                    CHANGES => self.sources_changed(),
                    token => self.serve(token, flags),
                }
            }
            let now = Instant::now();
            if retry || now.duration_since(ticked) >= TICK {
                ticked = now;
                self.tick(now);
            }
        }
    }

    fn accept(&mut self) {
        // A few at a time, so that connected clients are served in between.
        for _ in 0..16 {
            let socket = match self.listener.accept_socket() {
                Ok(Some(socket)) => socket,
                Ok(None) => return,
                Err(_) => {
                    // Out of descriptors, most likely. The connection stays waiting; do not spin on it.
                    self.stats.count_error("accept");
                    std::thread::sleep(Duration::from_millis(1));
                    return;
                }
            };
            let _ = self.welcome(socket);
        }
    }

    /// Accepts a new connection, or refuses it with a reason.
    fn welcome(&mut self, socket: OwnedFd) -> io::Result<()> {
        set_nonblocking(socket.as_fd())?;
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, connection::SEND_BUFFER)?;
        let peer = Credentials::of_peer(socket.as_fd())?;
        let mut connection = Connection::new(socket, peer, self.config.request_timeout);
        connection.may_write = self.may(peer.uid, true);
        let of_process = self.connections.values().filter(|other| other.peer == peer).count();
        connection.refusal = if !connection.may_write && !self.may(peer.uid, false) {
            let why = match peer.is_mapped() {
                true => format!("user {} is not let in", peer.uid),
                false => "this user is not mapped in the store's user namespace".to_owned(),
            };
            Some((crate::wire::message::Code::Denied, why))
        } else if self.connections.len() >= self.config.max_clients {
            Some((
                crate::wire::message::Code::Full,
                format!("over max_clients = {}", self.config.max_clients),
            ))
        } else if of_process >= self.config.max_clients_of_process {
            let most = self.config.max_clients_of_process;
            Some((crate::wire::message::Code::Full, format!("over max_clients_of_process = {most}")))
        } else {
            None
        };
        if let Some((code, text)) = connection.refusal.take() {
            self.stats.refused(code);
            return connection.dismiss(code, &text);
        }
        let token = self.next;
        self.next += 1;
        watch(&self.epoll, connection.socket.as_fd(), token, epoll::EventFlags::IN)?;
        self.stats.clients += 1;
        self.connections.insert(token, connection);
        Ok(())
    }

    /// Returns true if a user may read, or write.
    fn may(&self, uid: u32, write: bool) -> bool {
        let listed = |users: &[u32]| Access::Users(users).permits(uid);
        Access::SameUser.permits(uid)
            || listed(&self.config.writers)
            || (!write && listed(&self.config.readers))
    }

    /// Checks deadlines, and retries what could not be sent before.
    fn tick(&mut self, now: Instant) {
        let late: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.deadline.is_some_and(|deadline| now >= deadline))
            .map(|(&token, _)| token)
            .collect();
        for token in late {
            self.late(token);
        }
        let again: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.retry)
            .map(|(&token, _)| token)
            .collect();
        for token in again {
            self.flush(token);
        }
        self.retry_sources(now);
    }
}

fn watch(
    epoll: &OwnedFd,
    fd: rustix::fd::BorrowedFd<'_>,
    token: u64,
    flags: epoll::EventFlags,
) -> io::Result<()> {
    Ok(epoll::add(epoll, fd, epoll::EventData::new_u64(token), flags)?)
}

/// Raises the limit of descriptors to the hard limit, as each segment is one.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
