//! Tables that are read from sources, and read again when these are replaced.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::fs::inotify;

use super::config::Source;
use super::connection::Stand;
use super::jobs::Job;
use super::{CHANGES, Server, watch};
use crate::catalogue::{Incoming, check_name};
use crate::segment::Segments;
use crate::wire::message::{Metadata, Mode};

/// The longest wait before a source is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A source, and whether it is being read.
#[derive(Debug)]
pub(super) struct Reading {
    source: Source,
    busy: bool,
    /// It changed while it was read.
    again: bool,
    /// Failed readings since the last one that succeeded, and the time of the next.
    failures: u32,
    due: Option<Instant>,
}

/// Watches directories for files that replace others.
#[derive(Debug)]
pub(super) struct Changes {
    fd: OwnedFd,
    /// By watch and file name: the tables.
    files: HashMap<(i32, OsString), Vec<String>>,
}

impl Server {
    /// Begins to read every source.
    pub(super) fn open_sources(&mut self) -> io::Result<()> {
        for source in self.config.sources.clone() {
            let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
            check_name(&source.name).map_err(|refused| invalid(refused.text))?;
            if self.readings.contains_key(&source.name) {
                return Err(invalid(format!("two sources for {}", source.name)));
            }
            let table = self.catalogue.tables.entry(source.name.clone()).or_default();
            table.source = Some(source.origin.clone());
            for path in &source.watched {
                self.watch_file(path, &source.name)?;
            }
            let name = source.name.clone();
            self.readings
                .insert(name.clone(), Reading { source, busy: false, again: false, failures: 0, due: None });
            self.read_source(&name);
        }
        Ok(())
    }

    fn watch_file(&mut self, path: &std::path::Path, table: &str) -> io::Result<()> {
        if self.changes.is_none() {
            let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            watch(&self.epoll, fd.as_fd(), CHANGES, epoll::EventFlags::IN)?;
            self.changes = Some(Changes { fd, files: HashMap::new() });
        }
        let (Some(changes), Some(file)) = (&mut self.changes, path.file_name()) else { return Ok(()) };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Files that take its place, and files that were written in place and closed.
        let flags = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CLOSE_WRITE;
        let number = inotify::add_watch(&changes.fd, &directory, flags)?;
        changes.files.entry((number, file.to_owned())).or_default().push(table.to_owned());
        Ok(())
    }

    /// Reads changed sources again.
    pub(super) fn sources_changed(&mut self) {
        let Some(Changes { fd, files }) = &self.changes else { return };
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(fd, &mut space);
        let (mut changed, mut all) = (Vec::new(), false);
        // Ends with EAGAIN once all were read.
        while let Ok(event) = reader.next() {
            all |= event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
            if let Some(name) = event.file_name() {
                let key = (event.wd(), std::ffi::OsStr::from_bytes(name.to_bytes()).to_owned());
                changed.extend(files.get(&key).into_iter().flatten().cloned());
            }
        }
        changed.sort();
        changed.dedup();
        match all {
            true => self.read_all_sources(),
            false => changed.iter().for_each(|name| self.read_source(name)),
        }
    }

    pub(super) fn read_all_sources(&mut self) {
        let names: Vec<String> = self.readings.keys().cloned().collect();
        names.iter().for_each(|name| self.read_source(name));
    }

    /// Tries again what could not be read, if it is time.
    pub(super) fn retry_sources(&mut self, now: Instant) {
        let due = |reading: &Reading| reading.due.is_some_and(|due| now >= due);
        let names: Vec<String> =
            self.readings.iter().filter(|(_, reading)| due(reading)).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.read_source(name));
    }

    fn read_source(&mut self, name: &str) {
        let Some(reading) = self.readings.get_mut(name) else { return };
        if reading.busy {
            reading.again = true;
            return;
        }
        (reading.busy, reading.due) = (true, None);
        let load = reading.source.load.clone();
        self.jobs.give(Job::Load { name: name.to_owned(), load, most: self.config.max_table });
    }

    /// Publishes the rows of a source. If it cannot be read, the table stays as it was.
    pub(super) fn loaded(&mut self, name: &str, loaded: Result<(Segments, u32), String>) {
        let Some(reading) = self.readings.get_mut(name) else { return };
        reading.busy = false;
        let again = std::mem::take(&mut reading.again);
        let before = self.catalogue.newest(name).ok().cloned();
        let prepared = loaded.and_then(|(Segments { schema, list }, columns)| {
            let incoming = Incoming { schema, columns, segments: list, metadata: Metadata::new() };
            self.catalogue.prepare(name, Mode::Put, incoming).map_err(|refused| refused.text)
        });
        let trouble = match prepared {
            Ok(version) => {
                self.catalogue.publish(name, version);
                None
            }
            Err(why) => {
                self.stats.count_error("source");
                Some(why)
            }
        };
        let fresh = trouble.is_none();
        if let Some(reading) = self.readings.get_mut(name) {
            reading.failures = if fresh { 0 } else { reading.failures + 1 };
            let wait = LONGEST_WAIT.min(Duration::from_secs(1 << reading.failures.min(16)));
            reading.due = (!fresh && reading.source.retry).then(|| Instant::now() + wait);
        }
        if let Some(table) = self.catalogue.tables.get_mut(name) {
            table.trouble = trouble;
        }
        if fresh {
            self.tell_followers(name, before.as_ref());
        }
        let parked: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| matches!(connection.stand, Stand::Parked(_)))
            .map(|(&token, _)| token)
            .collect();
        for token in parked {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            if let Stand::Parked(request) = std::mem::replace(&mut connection.stand, Stand::Ready) {
                connection.deadline = None;
                self.read(token, request);
            }
        }
        if again {
            self.read_source(name);
        }
    }
}
