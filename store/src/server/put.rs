//! Writes to a table: a client's put is collected, checked, written to disk if tables are kept there, and only then
//! published. One at a time for each name.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Server;
use super::connection::{Connection, Stand};
use super::jobs::{Job, Outcome};
use crate::catalogue::{Incoming, Piece, Version, check_name, no_table, same};
use crate::error::Refused;
use crate::segment::{Segment, SegmentFault, check, map};
use crate::wire::WireFault;
use crate::wire::message::{Code, Metadata, Mode, PutHead, Record, Reply, SchemaAt};

/// The longest schema accepted.
const MAX_SCHEMA: u32 = 16 << 20;
/// A put this short is checked at once, if that takes no longer than this.
const SHORT: u64 = 1 << 20;
const AT_ONCE: Duration = Duration::from_millis(1);
/// Segments below this are merged, into ones of up to this size.
const SMALL: u64 = 4 << 20;
const MERGED: u64 = 64 << 20;

/// A put whose segments are coming.
#[derive(Debug)]
pub(super) struct Collect {
    head: PutHead,
    schema: Arc<[u8]>,
    segments: Vec<Segment>,
    bytes: u64,
}

/// A change that holds the lock of a name.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) token: u64,
    pub(super) name: String,
    pub(super) change: Change,
}

/// The kind of change.
#[derive(Debug)]
pub(super) enum Change {
    Put {
        mode: Mode,
        expected: u64,
        incoming: Incoming,
        checked: bool,
    },
    Annotate(Metadata),
    Remove {
        expected: u64,
    },
    Rename {
        to: String,
    },
    /// Many small segments that an earlier change left behind.
    Merge(Vec<Arc<Piece>>),
}

impl Server {
    /// Begins a put.
    pub(super) fn put(&mut self, token: u64, head: PutHead, mut fds: Vec<OwnedFd>) {
        if let Err(Refused { code, text }) = self.may_put(token, &head) {
            // The rest of it is in flight, and would be out of turn.
            return match head.records.len() == head.segments as usize {
                true => self.refuse(token, code, &text),
                false => self.dismiss(token, code, &text),
            };
        }
        let schema: Arc<[u8]> = match &head.schema {
            SchemaAt::Inline(bytes) => bytes.as_slice().into(),
            SchemaAt::Descriptor(len) if *len <= MAX_SCHEMA => match map(&fds.remove(0), (*len).into()) {
                Ok(memory) => memory.as_slice().into(),
                Err(fault) => return self.dismiss(token, Code::Segment, &format!("the schema: {fault}")),
            },
            _ => return self.dismiss(token, Code::Limit, &format!("over the limit schema = {MAX_SCHEMA}")),
        };
        let records = head.records.clone();
        let collect = Collect { head, schema, segments: Vec::new(), bytes: 0 };
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.stand = Stand::Putting(Box::new(collect));
            connection.begin();
        }
        self.more_segments(token, &records, fds);
    }

    fn may_put(&self, token: u64, head: &PutHead) -> Result<(), Refused> {
        self.may_write(token)?;
        if head.segments as usize > self.config.max_segments {
            return Err(Refused::limit("max_segments", self.config.max_segments as u64));
        }
        self.catalogue.writable(&head.name, head.expected)
    }

    pub(super) fn may_write(&self, token: u64) -> Result<(), Refused> {
        match self.connections.get(&token) {
            Some(Connection { may_write: false, peer, .. }) => {
                Err(Refused::new(Code::Denied, format!("user {} may only read", peer.uid)))
            }
            _ => Ok(()),
        }
    }

    /// Takes more segments of a put.
    pub(super) fn more_segments(&mut self, token: u64, records: &[Record], fds: Vec<OwnedFd>) {
        let most = self.config.max_table;
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Stand::Putting(collect) = &mut connection.stand else { return };
        let so_far = collect.segments.len() + records.len();
        if so_far > collect.head.segments as usize || (records.is_empty() && collect.head.segments > 0) {
            let text = WireFault::OutOfTurn(crate::wire::message::SEGMENTS).to_string();
            return self.dismiss(token, Code::Protocol, &text);
        }
        for (record, fd) in records.iter().zip(fds) {
            collect.bytes = collect.bytes.saturating_add(record.len);
            collect.segments.push(Segment { fd, len: record.len, rows: record.rows });
        }
        let whole = so_far == collect.head.segments as usize;
        if collect.bytes > most {
            let refused = Refused::limit("max_table_size", most);
            if whole {
                connection.stand = Stand::Ready;
                return self.refuse(token, refused.code, &refused.text);
            }
            return self.dismiss(token, refused.code, &refused.text);
        }
        if !whole {
            return self.flush(token);
        }
        let Stand::Putting(collect) = std::mem::replace(&mut connection.stand, Stand::Waiting) else {
            return;
        };
        let Collect { head, schema, segments, bytes } = *collect;
        let PutHead { mode, expected, name, metadata, .. } = head;
        let mut incoming = Incoming { schema, columns: 0, segments, metadata };
        let mut checked = false;
        if bytes <= SHORT && incoming.segments.len() <= 4 {
            match check(&incoming.schema, &incoming.segments, Some(Instant::now() + AT_ONCE)) {
                Ok(schema) => {
                    incoming.columns = schema.fields().len() as u32;
                    checked = true;
                }
                Err(SegmentFault::Late) => {}
                Err(fault) => return self.failed(token, &Refused::new(Code::Segment, fault.to_string())),
            }
        }
        self.enqueue(Task { token, name, change: Change::Put { mode, expected, incoming, checked } });
    }

    /// Starts a change, once no other holds that name.
    pub(super) fn enqueue(&mut self, task: Task) {
        let token = task.token;
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.stand = Stand::Waiting;
        }
        match self.is_free(&task) {
            true => self.start(task),
            false => self.queue.push_back(task),
        }
        // Last, as most small changes are over by now, and there is nothing to wait for.
        self.wait_for(token);
    }

    fn is_free(&self, task: &Task) -> bool {
        let to = match &task.change {
            Change::Rename { to } => Some(to),
            _ => None,
        };
        !self.locked.contains(&task.name) && to.is_none_or(|to| !self.locked.contains(to))
    }

    fn start(&mut self, task: Task) {
        let Task { token, name, change } = task;
        match change {
            Change::Put { mode, expected, incoming, checked: false } => {
                self.locked.insert(name.clone());
                let deadline = Instant::now() + self.config.request_timeout;
                self.jobs.give(Job::Check { token, name, mode, expected, incoming, deadline });
            }
            Change::Put { mode, expected, incoming, checked: true } => {
                self.commit(token, name, mode, expected, incoming);
            }
            Change::Annotate(changes) => {
                let may = self.catalogue.writable(&name, 0);
                match may.and_then(|()| self.catalogue.prepare_annotation(&name, &changes)) {
                    Ok(version) => self.write(token, name, version),
                    Err(refused) => self.failed(token, &refused),
                }
            }
            Change::Remove { expected } => {
                let may = self.catalogue.writable(&name, expected);
                match may.and_then(|()| self.catalogue.newest(&name).cloned()) {
                    Ok(version) => match self.state.clone() {
                        Some(state) => {
                            self.locked.insert(name.clone());
                            self.jobs.give(Job::Remove { token, name, state, version });
                        }
                        None => self.removed(token, &name, &version),
                    },
                    Err(refused) => self.failed(token, &refused),
                }
            }
            Change::Rename { to } => match self.may_rename(&name, &to) {
                Ok(version) => match self.state.clone() {
                    Some(state) => {
                        self.locked.extend([name.clone(), to.clone()]);
                        self.jobs.give(Job::Rename { token, name, to, state, version });
                    }
                    None => self.renamed(token, &name, &to, version),
                },
                Err(refused) => self.failed(token, &refused),
            },
            Change::Merge(pieces) => {
                self.locked.insert(name.clone());
                self.jobs.give(Job::Merge { name, pieces });
            }
        }
    }

    /// Publishes a checked put, on disk first if tables are kept there.
    fn commit(&mut self, token: u64, name: String, mode: Mode, expected: u64, incoming: Incoming) {
        let may = self.catalogue.writable(&name, expected);
        match may.and_then(|()| self.catalogue.prepare(&name, mode, incoming)) {
            Ok(version) => self.write(token, name, version),
            Err(refused) => {
                self.failed(token, &refused);
                self.unlock(&name);
            }
        }
    }

    fn write(&mut self, token: u64, name: String, version: Version) {
        match self.state.clone() {
            Some(state) => {
                self.locked.insert(name.clone());
                let before = self.catalogue.newest(&name).ok().cloned();
                self.jobs.give(Job::Write { token, name, state, version: Box::new(version), before });
            }
            None => {
                self.publish(token, &name, version);
                self.unlock(&name);
                self.merge_if_due(&name);
            }
        }
    }

    fn publish(&mut self, token: u64, name: &str, version: Version) {
        let before = self.catalogue.newest(name).ok().cloned();
        let version = self.catalogue.publish(name, version);
        let (number, base, rows) = (version.version, version.base, version.rows);
        self.ready(token);
        self.say(token, &Reply::Done { version: number, base, rows });
        self.tell_followers(name, before.as_ref());
    }

    fn removed(&mut self, token: u64, name: &str, version: &Arc<Version>) {
        self.catalogue.tables.remove(name);
        for connection in self.connections.values_mut() {
            if let Stand::Following(following) = &mut connection.stand
                && following.name == name
            {
                following.gone = true;
            }
        }
        self.tell_followers(name, Some(version));
        self.ready(token);
        let (version, base, rows) = (version.version, version.base, version.rows);
        self.say(token, &Reply::Done { version, base, rows });
    }

    fn may_rename(&self, name: &str, to: &str) -> Result<Arc<Version>, Refused> {
        self.catalogue.writable(name, 0)?;
        check_name(to)?;
        if self.catalogue.tables.contains_key(to) {
            return Err(Refused::new(Code::Exists, format!("there is a table {to} already")));
        }
        self.catalogue.newest(name).cloned()
    }

    fn renamed(&mut self, token: u64, name: &str, to: &str, version: Arc<Version>) {
        if let Some(table) = self.catalogue.tables.remove(name) {
            self.catalogue.tables.insert(to.to_owned(), table);
        }
        for connection in self.connections.values_mut() {
            if let Stand::Following(following) = &mut connection.stand
                && following.name == name
            {
                to.clone_into(&mut following.name);
            }
        }
        self.ready(token);
        self.say(token, &Reply::Done { version: version.version, base: version.base, rows: version.rows });
    }

    /// Lets the client send requests again.
    pub(super) fn ready(&mut self, token: u64) {
        if let Some(connection) = self.connections.get_mut(&token)
            && matches!(connection.stand, Stand::Waiting)
        {
            connection.stand = Stand::Ready;
            connection.deadline = None;
        }
    }

    pub(super) fn failed(&mut self, token: u64, refused: &Refused) {
        self.ready(token);
        self.refuse(token, refused.code, &refused.text);
    }

    /// Starts the next change of that name.
    fn unlock(&mut self, name: &str) {
        self.locked.remove(name);
        // A change that ends at once comes here again: do not recurse for each that waits.
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        while let Some(at) = self.queue.iter().position(|task| self.is_free(task)) {
            if let Some(task) = self.queue.remove(at) {
                self.start(task);
            }
        }
        self.draining = false;
    }

    /// Merges small segments once there are many; after the changes that wait for the name, if there are some.
    fn merge_if_due(&mut self, name: &str) {
        let Ok(version) = self.catalogue.newest(name) else { return };
        if version.pieces.len() < self.config.merge_from {
            return;
        }
        // Whole parts only: a part's dictionaries may be in another piece of it.
        let (mut run, mut bytes): (Vec<Arc<Piece>>, u64) = (Vec::new(), 0);
        for part in version.pieces.chunk_by(|a, b| a.part == b.part) {
            let len: u64 = part.iter().map(|piece| piece.segment.len).sum();
            if len < SMALL && bytes + len <= MERGED {
                run.extend(part.iter().cloned());
                bytes += len;
            } else if run.len() < self.config.merge_from / 2 {
                run.clear();
                bytes = 0;
            } else {
                break;
            }
        }
        let due = run.len() >= (self.config.merge_from / 2).max(2);
        // One at a time: another would copy the same again, and keep it open meanwhile.
        if due && self.merging.insert(name.to_owned()) {
            self.enqueue(Task { token: 0, name: name.to_owned(), change: Change::Merge(run) });
        }
    }

    /// Handles the result of a worker.
    pub(super) fn conclude(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Checked { token, name, mode, expected, mut incoming, checked } => match checked {
                Ok(columns) => {
                    incoming.columns = columns;
                    self.commit(token, name, mode, expected, incoming);
                }
                Err(refused) => {
                    self.failed(token, &refused);
                    self.unlock(&name);
                }
            },
            Outcome::Written { token, name, version, written } => {
                match written {
                    Ok(()) => self.publish(token, &name, *version),
                    Err(error) => {
                        let text = format!("cannot keep {name} on disk: {error}");
                        self.failed(token, &Refused::new(Code::Host, text));
                    }
                }
                self.unlock(&name);
                self.merge_if_due(&name);
            }
            Outcome::Removed { token, name, version, removed } => {
                match removed {
                    Ok(()) => self.removed(token, &name, &version),
                    Err(error) => self.failed(token, &Refused::new(Code::Host, error.to_string())),
                }
                self.unlock(&name);
            }
            Outcome::Renamed { token, name, to, version, renamed } => {
                match renamed {
                    Ok(()) => self.renamed(token, &name, &to, version),
                    Err(error) => self.failed(token, &Refused::new(Code::Host, error.to_string())),
                }
                self.locked.remove(&to);
                self.unlock(&name);
            }
            Outcome::Merged { name, pieces, merged } => {
                self.merging.remove(&name);
                let merged = merged.ok();
                match merged.and_then(|segment| self.catalogue.compact(&name, &pieces, segment)) {
                    Some(version) => self.write(0, name, version),
                    None => self.unlock(&name),
                }
            }
            Outcome::Loaded { name, loaded } => self.loaded(&name, loaded),
            Outcome::Told { token, rows, told } => {
                self.stats.json_rows += rows;
                self.ready(token);
                match told {
                    Ok(()) => self.say(token, &Reply::End),
                    Err(Some(refused)) => self.refuse(token, refused.code, &refused.text),
                    Err(None) => self.let_go(token),
                }
            }
        }
    }

    pub(super) fn change(&mut self, token: u64, name: String, change: Change) {
        let known = self.catalogue.tables.contains_key(&name);
        match self.may_write(token) {
            Ok(()) if known => self.enqueue(Task { token, name, change }),
            Ok(()) => self.failed(token, &no_table(&name)),
            Err(refused) => self.failed(token, &refused),
        }
    }
}

/// Returns a version under another name: only its number differs.
pub(super) fn again(version: &Version, number: u64) -> Version {
    Version { version: number, ..same(version) }
}
