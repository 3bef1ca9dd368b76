//! Workers for slow tasks. They do not know the catalogue: they get what they need, and their results are collected.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::config::Load;
use super::put::again;
use crate::catalogue::{Incoming, Piece, Version};
use crate::error::Refused;
use crate::json;
use crate::segment::{self, Segment, Segments};
use crate::state::State;
use crate::wire::message::{Code, Mode};

/// A slow task.
pub(super) enum Job {
    Check { token: u64, name: String, mode: Mode, expected: u64, incoming: Incoming, deadline: Instant },
    Write { token: u64, name: String, state: Arc<State>, version: Box<Version>, before: Option<Arc<Version>> },
    Remove { token: u64, name: String, state: Arc<State>, version: Arc<Version> },
    Rename { token: u64, name: String, to: String, state: Arc<State>, version: Arc<Version> },
    Merge { name: String, pieces: Vec<Arc<Piece>> },
    Load { name: String, load: Load, most: u64 },
    Tell { token: u64, socket: OwnedFd, version: Arc<Version>, rows: Range<u64>, patience: Duration },
}

/// The result of a task.
pub(super) enum Outcome {
    Checked {
        token: u64,
        name: String,
        mode: Mode,
        expected: u64,
        incoming: Incoming,
        checked: Result<u32, Refused>,
    },
    Written {
        token: u64,
        name: String,
        version: Box<Version>,
        written: io::Result<()>,
    },
    Removed {
        token: u64,
        name: String,
        version: Arc<Version>,
        removed: io::Result<()>,
    },
    Renamed {
        token: u64,
        name: String,
        to: String,
        version: Arc<Version>,
        renamed: io::Result<()>,
    },
    Merged {
        name: String,
        pieces: Vec<Arc<Piece>>,
        merged: io::Result<Segment>,
    },
    Loaded {
        name: String,
        loaded: Result<(Segments, u32), String>,
    },
    /// Rows were sent as JSON; an error without a reason is a client that is gone.
    Told {
        token: u64,
        rows: u64,
        told: Result<(), Option<Refused>>,
    },
}

/// The workers.
#[derive(Debug)]
pub(super) struct Jobs {
    give: Sender<Job>,
    done: Receiver<Outcome>,
}

impl Jobs {
    pub(super) fn start(workers: usize, wake: &Arc<OwnedFd>) -> io::Result<Jobs> {
        let (give, take) = mpsc::channel::<Job>();
        let (tell, done) = mpsc::channel();
        let take = Arc::new(Mutex::new(take));
        for number in 0..workers.max(1) {
            let (take, tell, wake) = (take.clone(), tell.clone(), wake.clone());
            std::thread::Builder::new().name(format!("store-{number}")).spawn(move || {
                loop {
                    let job = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    if tell.send(job.run()).is_err() {
                        return;
                    }
                    ring(&wake);
                }
            })?;
        }
        Ok(Jobs { give, done })
    }

    pub(super) fn give(&self, job: Job) {
        // The workers live as long as this does.
        let _ = self.give.send(job);
    }

    pub(super) fn done(&self) -> Vec<Outcome> {
        self.done.try_iter().collect()
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Job {
    fn run(self) -> Outcome {
        match self {
            Job::Check { token, name, mode, expected, incoming, deadline } => {
                let checked = segment::check(&incoming.schema, &incoming.segments, Some(deadline));
                let checked = checked.map(|schema| schema.fields().len() as u32).map_err(|fault| {
                    let code = match fault {
                        segment::SegmentFault::Late => Code::Limit,
                        _ => Code::Segment,
                    };
                    Refused::new(code, fault.to_string())
                });
                Outcome::Checked { token, name, mode, expected, incoming, checked }
            }
            Job::Write { token, name, state, version, before } => {
                let written = state.write(&name, &version);
                if let (Ok(()), Some(before)) = (&written, before) {
                    state.forget(&before, Some(&version));
                }
                Outcome::Written { token, name, version, written }
            }
            Job::Remove { token, name, state, version } => {
                let removed = state.remove(&name);
                if removed.is_ok() {
                    state.forget(&version, None);
                }
                Outcome::Removed { token, name, version, removed }
            }
            Job::Rename { token, name, to, state, version } => {
                // The later number is the one that counts if this is interrupted in between.
                let renamed = state.write(&to, &again(&version, version.version.saturating_add(1)));
                let renamed = renamed.and_then(|()| state.remove(&name));
                Outcome::Renamed { token, name, to, version, renamed }
            }
            Job::Merge { name, pieces } => {
                let segments: Vec<_> = pieces.iter().map(|piece| piece.segment.clone()).collect();
                Outcome::Merged { name, pieces, merged: segment::merge(&segments) }
            }
            Job::Load { name, load, most } => {
                let loaded = load(most).and_then(|segments| {
                    let checked = segment::check(&segments.schema, &segments.list, None);
                    let columns = checked.map(|schema| schema.fields().len() as u32);
                    columns.map(|columns| (segments, columns)).map_err(|fault| fault.to_string())
                });
                Outcome::Loaded { name, loaded }
            }
            Job::Tell { token, socket, version, rows, patience } => {
                let (rows, told) = json::tell(&socket, &version, rows, patience);
                Outcome::Told { token, rows, told }
            }
        }
    }
}

/// Wakes the store's thread.
pub(super) fn ring(wake: &OwnedFd) {
    // A counter that is full has woken it already.
    let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
}

pub(super) fn silence(wake: &OwnedFd) {
    let _ = rustix::io::read(wake, &mut [0_u8; 8]);
}
