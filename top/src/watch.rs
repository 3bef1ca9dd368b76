//! Holding on to senders, and taking samples of them.

use std::collections::BTreeMap;
use std::time::Instant;

use bowstring_transport::names::{Address, AddressError};
use bowstring_transport::running::{self, Running as Found};
use bowstring_transport::{Access, HandshakeError, Observer, RegionId, Stats, SubscriberStats};

/// A sender at one moment, and what it did since the moment before.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) place: Place,
    pub(crate) state: State,
}

/// The place at which a sender was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// It listens there.
    Address(Address),
    /// A process holds its stats. It has no name that we know of.
    Process { pid: i32, program: String, region: RegionId },
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
    /// At the last look; `None` before the first.
    last: Option<Stats>,
    /// By place and process of the receiver: a process may have several, and a place several one after the other.
    last_bytes: BTreeMap<(u32, u32), u64>,
    at: Instant,
}

/// All senders that are held on to.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    watched: BTreeMap<Place, Watched>,
}

impl Watch {
    /// Takes a sample of every sender at these sockets and, with `others`, of every other sender of this user.
    pub(crate) fn look(&mut self, addresses: &[Address], others: bool) -> Vec<Sample> {
        self.watched.retain(|place, watched| {
            let is_wanted = match place {
                Place::Address(address) => addresses.contains(address),
                Place::Process { .. } => others,
            };
            is_wanted && watched.is_running()
        });
        let mut samples = self.at(addresses);
        if others {
            self.beside(&mut samples);
        }
        samples
    }

    /// Takes a sample of every sender that listens.
    fn at(&mut self, addresses: &[Address]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for address in addresses {
            let place = Place::Address(address.clone());
            let state = match self.watched.get_mut(&place) {
                Some(watched) => State::Running(Box::new(watched.sample())),
                None => match address.observe(Access::SameUser) {
                    Ok(observer) => self.begin(place.clone(), observer),
                    Err(AddressError::Meet(error)) if !matches!(error, HandshakeError::Os(_)) => {
                        State::Silent(error.to_string())
                    }
                    Err(error) => State::Absent(error),
                },
            };
            samples.push(Sample { place, state });
        }
        samples
    }

    /// Adds samples of the senders that were not found by where they listen: those without a name, and those that let
    /// nobody observe them.
    fn beside(&mut self, samples: &mut Vec<Sample>) {
        let by_address = self.watched.iter().filter(|(place, _)| matches!(place, Place::Address(_)));
        let seen: Vec<RegionId> = by_address.map(|(_, watched)| watched.observer.id()).collect();
        // Where nobody can look at processes, there are no others.
        let found = running::senders().unwrap_or_default();
        for sender in found.iter().filter(|sender| !seen.contains(&sender.id())) {
            let known = self.watched.iter_mut().find(|(_, watched)| watched.observer.id() == sender.id());
            samples.extend(match known {
                Some((place, watched)) => {
                    Some(Sample { place: place.clone(), state: State::Running(Box::new(watched.sample())) })
                }
                None => self.discover(sender),
            });
        }
    }

    /// Takes a first sample of a sender without a name; `None` if it has closed.
    fn discover(&mut self, sender: &Found) -> Option<Sample> {
        let observer = sender.observe();
        let pid = observer.as_ref().map_or(sender.pid(), |observer| observer.peer().pid);
        let program = Found::program_of(pid).unwrap_or_default();
        let place = Place::Process { pid, program, region: sender.id() };
        let state = match observer {
            Ok(observer) if observer.stats().closed => return None,
            Ok(observer) => self.begin(place.clone(), observer),
            Err(error) => State::Silent(error.to_string()),
        };
        Some(Sample { place, state })
    }

    /// Holds on to a sender, and takes a first sample.
    fn begin(&mut self, place: Place, observer: Observer) -> State {
        let mut watched = Watched::new(observer);
        let sample = watched.sample();
        self.watched.insert(place, watched);
        State::Running(Box::new(sample))
    }
}

impl Watched {
    fn new(observer: Observer) -> Watched {
        Watched { last: None, last_bytes: BTreeMap::new(), at: Instant::now(), observer }
    }

    fn is_running(&self) -> bool {
        self.observer.is_alive().unwrap_or(false) && !self.observer.stats().closed
    }

    fn sample(&mut self) -> Running {
        let (now, at) = (self.observer.stats(), Instant::now());
        // As if the look before the first had been when the sender began, when everything was zero.
        let (last, seconds) = match self.last {
            None => (Stats::default(), since(now.started)),
            Some(last) => (last, (at - self.at).as_secs_f64()),
        };
        let per_second = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds.max(1e-3);
        let rates = Rates {
            messages: per_second(now.messages, last.messages),
            bytes: per_second(now.bytes, last.bytes),
            wake_ups: per_second(now.wake_ups, last.wake_ups),
            stalls: per_second(now.stalls, last.stalls),
        };
        let subscribers: Vec<SubscriberStats> = self.observer.receivers().collect();
        let receivers = subscribers.iter().map(|subscriber| {
            let last = self.last_bytes.get(&key(subscriber)).copied().unwrap_or(0);
            // Another receiver of the same process may have taken the place over, and counts from 0.
            let last = if subscriber.bytes < last { 0 } else { last };
            Receiver { now: *subscriber, bytes_per_second: per_second(subscriber.bytes, last) }
        });
        let receivers = receivers.collect();
        self.last_bytes = subscribers.iter().map(|subscriber| (key(subscriber), subscriber.bytes)).collect();
        (self.last, self.at) = (Some(now), at);
        Running { now, rates, receivers }
    }
}

/// Tells the receivers of a sender apart.
fn key(subscriber: &SubscriberStats) -> (u32, u32) {
    (subscriber.place, subscriber.pid)
}

/// Returns the seconds since a time of the monotonic clock in nanoseconds.
fn since(nanoseconds: u64) -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as f64 + now.tv_nsec as f64 / 1e9 - nanoseconds as f64 / 1e9).max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use bowstring_transport::{Connector, Deliveries, HandshakeConfig, Label, SenderConfig, To, socket_pair};

    use super::*;

    /// Returns the sample of the only sender of this process.
    fn own(watch: &mut Watch) -> Running {
        let own = watch.look(&[], true).into_iter().find_map(|sample| match (sample.place, sample.state) {
            (Place::Process { pid, .. }, State::Running(running)) if pid as u32 == std::process::id() => {
                Some(*running)
            }
            _ => None,
        });
        own.unwrap()
    }

    #[test]
    fn two_receivers_in_one_process_have_rates_of_their_own() {
        let mut sender = SenderConfig::new().slots(64, 64).build().unwrap();
        let receivers = [(); 2].map(|()| {
            let (here, there) = socket_pair().unwrap();
            let receiving = std::thread::spawn(move || {
                let incoming = Connector::new(Deliveries::ANY).connect(there).unwrap();
                incoming.foreign().unwrap().copying().unwrap()
            });
            sender.accept(here, &HandshakeConfig::new(b"")).unwrap();
            receiving.join().unwrap()
        });
        let ids: Vec<_> = sender.subscribers().collect();
        let mut watch = Watch::default();
        let mut send = |to, bytes: usize| {
            let loan = sender.loan(bytes).unwrap();
            loan.commit_as(bytes, Label { to: To::Only(to), ..Label::default() }).unwrap();
        };
        send(ids[0], 1000);
        send(ids[1], 10);
        assert_eq!(own(&mut watch).receivers.len(), 2);
        // Only the second has had anything since.
        send(ids[1], 10);
        let [first, second] = own(&mut watch).receivers[..] else { panic!() };
        assert_eq!((first.now.pid, second.now.pid), (std::process::id(), std::process::id()));
        assert_eq!((first.now.place, second.now.place), (0, 1));
        assert!(first.bytes_per_second == 0.0, "{first:?}");
        assert!(second.bytes_per_second > 0.0, "{second:?}");
        drop(receivers);
    }
}
