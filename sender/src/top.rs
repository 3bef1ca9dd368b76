//! Senders that run, watched without disturbing them.
//!
//! A sender shows its figures in memory that others can read; a look costs it nothing. It does not measure how long a
//! message takes, so that is not shown; what is, are rates, slots in use, waits for room, and each receiver's backlog.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bowstring::transport::{Access, Figures, LaneFigures, MeetError, Observer, session};
use serde_json::json;

use crate::args::TopArgs;
use crate::failure::Failure;
use crate::place::Place;
use crate::signals::Signals;
use crate::text;

/// The longest pause between two looks whether a signal has come.
const NAP: Duration = Duration::from_millis(50);

/// A sender that is watched.
struct Watched {
    observer: Observer,
    before: Figures,
    looked: Instant,
}

/// What one look found.
struct Look<'a> {
    place: &'a str,
    now: Figures,
    messages: f64,
    bytes: f64,
    stalls: f64,
    receivers: Vec<LaneFigures>,
}

pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    let mut watched = BTreeMap::new();
    let mut looks = 0;
    find(args, &mut watched)?;
    while args.count.is_none_or(|count| looks < count) && signals.caught().is_none() {
        pause(args.interval, &signals);
        find(args, &mut watched)?;
        watched.retain(|_, sender: &mut Watched| sender.observer.is_alive().unwrap_or(false));
        let looked: Vec<_> = watched.iter_mut().map(|(place, sender)| sender.look(place)).collect();
        match show(&looked, args.json) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            shown => shown.map_err(|error| Failure::output("standard output", &error))?,
        }
        looks += 1;
    }
    Ok(())
}

fn pause(interval: Duration, signals: &Signals) {
    let until = Instant::now() + interval;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || signals.caught().is_some() {
            return;
        }
        std::thread::sleep(left.min(NAP));
    }
}

/// Attaches to senders that are not watched yet. One that was named must be there; others may come and go.
fn find(args: &TopArgs, watched: &mut BTreeMap<String, Watched>) -> Result<(), Failure> {
    let named = !args.sockets.is_empty();
    let sockets = if named { args.sockets.clone() } else { in_runtime_directory() };
    for socket in sockets {
        let place = Place::named(socket);
        let name = place.to_string();
        if watched.contains_key(&name) {
            continue;
        }
        match attach(&place) {
            Ok(observer) => {
                let (before, looked) = (observer.figures(), Instant::now());
                watched.insert(name, Watched { observer, before, looked });
            }
            Err(error) if named && watched.is_empty() => return Err(Failure::set_up(&place, &error.into())),
            Err(_) => {}
        }
    }
    Ok(())
}

fn attach(place: &Place) -> Result<Observer, MeetError> {
    match place {
        Place::Path(path) => Observer::attach(path.as_os_str().as_bytes(), Access::SameUser),
        Place::Abstract(name) => Observer::attach_abstract(name, Access::SameUser),
        Place::Child => Err(MeetError::WrongSocket),
    }
}

/// The sockets of the directory that default sockets are in. One that is not a sender's does not answer as one.
fn in_runtime_directory() -> Vec<PathBuf> {
    let directory = session::default_socket().and_then(|socket| socket.parent().map(Path::to_owned));
    let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok());
    let entries = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut sockets: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "sock")).collect();
    sockets.sort();
    sockets
}

impl Watched {
    fn look<'a>(&mut self, place: &'a str) -> Look<'a> {
        let (now, before) = (self.observer.figures(), self.before);
        let seconds = self.looked.elapsed().as_secs_f64().max(1e-9);
        (self.before, self.looked) = (now, Instant::now());
        // A reader may see one figure before another; none of them ever goes down.
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        Look {
            place,
            now,
            messages: rate(now.messages, before.messages),
            bytes: rate(now.bytes, before.bytes),
            stalls: rate(now.stalls, before.stalls),
            receivers: self.observer.receivers().collect(),
        }
    }
}

fn show(looks: &[Look<'_>], as_json: bool) -> io::Result<()> {
    let mut out = String::new();
    if as_json {
        looks.iter().for_each(|look| out += &format!("{}\n", look.object()));
    } else {
        out += &format!(
            "{:>8} {:>10} {:>9} {:>11} {:>8} {:>9}  {}\n",
            "PID", "MSG/S", "B/S", "SLOTS", "WAITS/S", "RECEIVERS", "SOCKET"
        );
        looks.iter().for_each(|look| look.lines(&mut out));
        if looks.is_empty() {
            out += "no sender runs\n";
        }
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(out.as_bytes())?;
    stdout.flush()
}

impl Look<'_> {
    fn lines(&self, out: &mut String) {
        let now = &self.now;
        *out += &format!(
            "{:>8} {:>10} {:>9} {:>11} {:>8} {:>9}  {}\n",
            now.pid,
            text::grouped(self.messages as u64),
            text::bytes(self.bytes as u64),
            format!("{}/{}", now.slots_in_use, now.slots),
            text::grouped(self.stalls as u64),
            now.receivers,
            text::escaped(self.place),
        );
        for receiver in &self.receivers {
            let behind = receiver.messages.saturating_sub(receiver.taken);
            *out += &format!(
                "{:>8} receiver: {} messages, {}, {behind} behind, {} slots held, {} skipped\n",
                receiver.pid,
                text::grouped(receiver.messages),
                text::bytes(receiver.bytes),
                receiver.slots,
                text::grouped(receiver.skipped),
            );
        }
    }

    fn object(&self) -> serde_json::Value {
        let now = &self.now;
        let receivers: Vec<_> = self
            .receivers
            .iter()
            .map(|receiver| {
                json!({
                    "pid": receiver.pid,
                    "messages": receiver.messages,
                    "bytes": receiver.bytes,
                    "taken": receiver.taken,
                    "slots": receiver.slots,
                    "skipped": receiver.skipped,
                })
            })
            .collect();
        json!({
            "socket": self.place,
            "pid": now.pid,
            "messages": now.messages,
            "bytes": now.bytes,
            "messages_per_second": self.messages,
            "bytes_per_second": self.bytes,
            "slots": now.slots,
            "slot_bytes": now.slot_size,
            "slots_in_use": now.slots_in_use,
            "most_in_use": now.high_water,
            "stalls": now.stalls,
            "skips": now.skips,
            "wake_ups": now.wake_ups,
            "closed": now.closed,
            "receivers": receivers,
        })
    }
}
