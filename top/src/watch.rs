//! Holding on to senders, and taking samples of them.

use std::collections::BTreeMap;
use std::time::Instant;

use bowstring_transport::names::{Address, AddressError};
use bowstring_transport::{Access, HandshakeError, Observer, Stats, SubscriberStats};

/// A sender at one moment, and what it did since the moment before.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) address: Address,
    pub(crate) state: State,
}

/// The state of a socket.
#[derive(Debug)]
pub(crate) enum State {
    /// A sender.
    Running(Box<Running>),
    /// Nobody that we can connect to.
    Absent(AddressError),
    /// Somebody who does not answer as a sender would.
    Silent(String),
}

/// A sender's stats.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) now: Stats,
    /// Since the last look; since the sender began, at the first.
    pub(crate) rates: Rates,
    pub(crate) receivers: Vec<Receiver>,
}

/// A receiver's stats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver {
    pub(crate) now: SubscriberStats,
    pub(crate) bytes_per_second: f64,
}

/// The rates per second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) messages: f64,
    pub(crate) bytes: f64,
    pub(crate) wake_ups: f64,
    pub(crate) stalls: f64,
}

/// A sender that is held on to.
#[derive(Debug)]
struct Watched {
    observer: Observer,
    last: Stats,
    /// By the process of the receiver.
    last_bytes: BTreeMap<u32, u64>,
    at: Instant,
}

/// All senders that are held on to.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    watched: BTreeMap<Address, Watched>,
}

impl Watch {
    /// Takes a sample of every sender at these sockets.
    pub(crate) fn look(&mut self, addresses: &[Address]) -> Vec<Sample> {
        self.watched.retain(|address, watched| {
            addresses.contains(address)
                && watched.observer.is_alive().unwrap_or(false)
                && !watched.observer.stats().closed
        });
        let mut samples = Vec::new();
        for address in addresses {
            let state = match self.watched.get_mut(address) {
                Some(watched) => State::Running(Box::new(watched.sample())),
                None => match address.observe(Access::SameUser) {
                    Ok(observer) => {
                        let mut watched = Watched::new(observer);
                        let sample = watched.sample();
                        self.watched.insert(address.clone(), watched);
                        State::Running(Box::new(sample))
                    }
                    Err(AddressError::Meet(error)) if !matches!(error, HandshakeError::Os(_)) => {
                        State::Silent(error.to_string())
                    }
                    Err(error) => State::Absent(error),
                },
            };
            samples.push(Sample { address: address.clone(), state });
        }
        samples
    }
}

impl Watched {
    fn new(observer: Observer) -> Watched {
        // As if the last look had been when the sender began, when everything was zero.
        Watched { last: Stats::default(), last_bytes: BTreeMap::new(), at: Instant::now(), observer }
    }

    fn sample(&mut self) -> Running {
        let (now, at) = (self.observer.stats(), Instant::now());
        let seconds = match self.last.started {
            0 => since(now.started),
            _ => (at - self.at).as_secs_f64(),
        };
        let per_second = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds.max(1e-3);
        let rates = Rates {
            messages: per_second(now.messages, self.last.messages),
            bytes: per_second(now.bytes, self.last.bytes),
            wake_ups: per_second(now.wake_ups, self.last.wake_ups),
            stalls: per_second(now.stalls, self.last.stalls),
        };
        let subscribers: Vec<SubscriberStats> = self.observer.receivers().collect();
        let receivers = subscribers.iter().map(|subscriber| {
            let last = self.last_bytes.get(&subscriber.pid).copied().unwrap_or(0);
            Receiver { now: *subscriber, bytes_per_second: per_second(subscriber.bytes, last) }
        });
        let receivers = receivers.collect();
        self.last_bytes = subscribers.iter().map(|subscriber| (subscriber.pid, subscriber.bytes)).collect();
        (self.last, self.at) = (now, at);
        Running { now, rates, receivers }
    }
}

/// Returns the seconds since a time of the monotonic clock in nanoseconds.
fn since(nanoseconds: u64) -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as f64 + now.tv_nsec as f64 / 1e9 - nanoseconds as f64 / 1e9).max(0.0)
}
