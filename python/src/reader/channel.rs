//! A channel from its connection to its end, for one thread at a time.
//!
//! # Safety
//!
//! Batches are read in place from a sender of the same user, which is declared honest here as by the programs: it leaves
//! slots alone that are out on lease. `trust=False` keeps a reader from asking for that delivery.
#![allow(unsafe_code)]

use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::transport::{Connector, Deliveries, Delivery, HandshakeError, Wait, fd::OwnedFd};
use bowstring::{ReceiveError, Receiver, SetUpError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::poll::Poll;

/// The sealed messages that are kept as mappings of their own; those beyond are copied. The host allows a process some
/// 65,000 mappings.
const MAPPINGS: usize = 1024;

pub(crate) struct Channel {
    state: State,
    pub(crate) path: PathBuf,
    columns: Option<Vec<String>>,
    places: Option<Vec<usize>>,
    /// Rows that may still come.
    left: Option<usize>,
    poll: Option<Poll>,
    /// Bytes of the writer's pool; 0 without one.
    pool: usize,
    warning: Option<String>,
    warned: bool,
    copied_to_keep: u64,
    /// True if forked children inherit the pool's mapping.
    inherited: bool,
}

enum State {
    /// The handshake goes on, on a thread of its own: a writer replies once it knows its schema.
    Connecting {
        answer: mpsc::Receiver<Result<Receiver, SetUpError>>,
        socket: OwnedFd,
    },
    Open(Box<Receiver>),
    Closed,
}

/// The share of what comes that is going to be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A batch at a time: in place, until what is kept fills half the pool.
    InPlace,
    /// As `InPlace`, and nobody is to be told.
    Quietly,
    /// Everything, so slots are copied.
    Everything,
}

/// A reason that there is no batch.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was not received.
    Receive(ReceiveError),
    /// It has no column of this name.
    NoColumn(String),
}

/// A batch, and where it lies.
pub(crate) struct Next {
    pub(crate) batch: RecordBatch,
    pub(crate) shared: Range<usize>,
    number: u64,
}

impl Next {
    pub(crate) fn into_batch(self) -> crate::batch::Batch {
        crate::batch::Batch::new(self.batch, self.shared, self.number)
    }
}

impl Channel {
    /// Begins the handshake over a connected socket.
    pub(crate) fn connect(
        socket: OwnedFd,
        deliveries: Deliveries,
        path: PathBuf,
        columns: Option<Vec<String>>,
        limit: Option<usize>,
    ) -> Result<Channel, SetUpError> {
        let host = |error: std::io::Error| {
            let call = bowstring::transport::Call::Connect;
            let errno = rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::AGAIN);
            SetUpError::Host(bowstring::transport::OsError::new(call, errno))
        };
        let ours = socket.try_clone().map_err(host)?;
        let (tell, answer) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("bowstring-connect".into())
            .spawn(move || {
                let greeting = concat!("program=python ", env!("CARGO_PKG_VERSION"), "\n");
                let meeting =
                    Connector::new(deliveries).patience(Duration::MAX).greeting(greeting.as_bytes());
                let opened = meeting.connect(socket).map_err(SetUpError::from).and_then(|incoming| {
                    // SAFETY: only senders of the same user are talked to, and the program trusts them: see the
                    // module's page.
                    let opened = unsafe { incoming.open() }?;
                    Receiver::from_opened(opened)
                });
                // Nobody waits any more if the reader was closed.
                let _ = tell.send(opened);
            })
            .map_err(host)?;
        Ok(Channel {
            state: State::Connecting { answer, socket: ours },
            path,
            columns,
            places: None,
            left: limit,
            poll: None,
            pool: 0,
            warning: None,
            warned: false,
            copied_to_keep: 0,
            inherited: false,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Waits up to `slice` for the writer's answer.
    pub(crate) fn open_within(&mut self, slice: Duration) -> Option<Result<(), SetUpError>> {
        let State::Connecting { answer, .. } = &self.state else { return Some(Ok(())) };
        let opened = match answer.recv_timeout(slice) {
            Ok(opened) => opened,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => Err(SetUpError::Meet(HandshakeError::HungUp)),
        };
        match opened {
            Ok(receiver) => {
                let pool = receiver.sender_stats().map_or(0, |stats| stats.slots * stats.slot_size);
                self.pool = usize::try_from(pool).unwrap_or(usize::MAX);
                self.state = State::Open(Box::new(receiver));
                Some(Ok(()))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn receiver(&self) -> PyResult<&Receiver> {
        match &self.state {
            State::Open(receiver) => Ok(receiver),
            _ => Err(PyValueError::new_err("this reader is closed")),
        }
    }

    pub(crate) fn schema(&self) -> PyResult<SchemaRef> {
        let schema = self.receiver()?.schema().clone();
        match &self.columns {
            None => Ok(schema),
            Some(columns) => {
                let places =
                    places(&schema, columns).map_err(|name| crate::batch::no_column(&schema, &name))?;
                let schema = schema.project(&places);
                schema.map(Into::into).map_err(|error| PyValueError::new_err(error.to_string()))
            }
        }
    }

    pub(crate) fn delivery(&self) -> &'static str {
        match self.receiver().map(Receiver::delivery) {
            Ok(Delivery::Pooled) => "pooled",
            Ok(Delivery::Copied) => "copied",
            Ok(Delivery::Sealed) => "sealed",
            Err(_) => "closed",
        }
    }

    /// Waits up to `slice` for the next batch. `None` if none came; `Some(Ok(None))` is the end.
    pub(crate) fn next_within(&mut self, slice: Duration, keep: Keep) -> Option<Result<Option<Next>, Fault>> {
        let State::Open(receiver) = &mut self.state else { return Some(Ok(None)) };
        if self.left == Some(0) {
            return Some(Ok(None));
        }
        if let Some(poll) = &mut self.poll {
            poll.before(receiver);
        }
        let delivery = receiver.delivery();
        let outstanding = receiver.outstanding().clone();
        let outcome = match receiver.next_batch_with(Wait::sleeping().at_most(slice)) {
            Err(ReceiveError::TimedOut) => None,
            Err(error) => Some(Err(error)),
            Ok(None) => Some(Ok(None)),
            Ok(Some(batch)) => {
                let (messages, bytes) = (outstanding.messages(), outstanding.bytes());
                let private = match delivery {
                    Delivery::Pooled => {
                        keep == Keep::Everything || (bytes + batch.message_len()) > self.pool / 2
                    }
                    Delivery::Sealed => messages >= MAPPINGS,
                    Delivery::Copied => false,
                };
                if private
                    && delivery == Delivery::Pooled
                    && keep == Keep::InPlace
                    && messages > 0
                    && !self.warned
                {
                    self.warned = true;
                    self.warning = Some(format!(
                        "{messages} batches that this reader's arrays keep alive hold {bytes} of the {} bytes of the \
                         writer's pool. Batches are copied from now on, so that the writer can go on. Release batches \
                         with batch.release() or `with batch:`, keep copies (batch.copy()), use read_all(), or have \
                         the writer make a larger pool: Writer(size=…)",
                        self.pool
                    ));
                }
                self.copied_to_keep += u64::from(private);
                let (number, shared) = (batch.number(), batch.shared_addresses());
                if delivery == Delivery::Pooled && !self.inherited {
                    self.inherited = true;
                    super::fork::inherit(&shared);
                }
                let made =
                    if private { batch.into_private_record_batch() } else { batch.into_record_batch() };
                let shared = if private { 0..0 } else { shared };
                Some(made.map(|batch| Some(Next { batch, shared, number })))
            }
        };
        if let Some(poll) = &mut self.poll {
            poll.after(receiver);
        }
        outcome.map(|outcome| outcome.map_err(Fault::Receive)?.map(|next| self.cut(next)).transpose())
    }

    /// Keeps the columns and rows that were asked for.
    fn cut(&mut self, mut next: Next) -> Result<Next, Fault> {
        if let Some(columns) = &self.columns {
            if self.places.is_none() {
                let found = places(&next.batch.schema(), columns);
                self.places = Some(found.map_err(Fault::NoColumn)?);
            }
            let places = self.places.as_deref().unwrap_or_default();
            next.batch = next.batch.project(places).map_err(|error| Fault::NoColumn(error.to_string()))?;
        }
        if let Some(left) = &mut self.left {
            if next.batch.num_rows() > *left {
                next.batch = next.batch.slice(0, *left);
            }
            *left -= next.batch.num_rows();
        }
        Ok(next)
    }

    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    pub(crate) fn fileno(&mut self) -> Result<i32, ReceiveError> {
        let State::Open(receiver) = &self.state else { return Ok(-1) };
        if self.poll.is_none() {
            self.poll = Some(Poll::new(receiver)?);
        }
        Ok(self.poll.as_ref().map_or(-1, Poll::fileno))
    }

    pub(crate) fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = PyDict::new(py);
        stats.set_item("delivery", self.delivery())?;
        let Ok(receiver) = self.receiver() else { return Ok(stats) };
        let counted = receiver.stats();
        stats.set_item("writer_pid", receiver.peer().pid)?;
        stats.set_item("batches", counted.batches)?;
        stats.set_item("rows", counted.rows)?;
        stats.set_item("bytes", counted.bytes)?;
        stats.set_item("bytes_copied", counted.bytes_copied)?;
        stats.set_item("zero_copy", counted.batches > 0 && counted.bytes_copied == 0)?;
        stats.set_item("batches_copied_to_keep", self.copied_to_keep)?;
        stats.set_item("dictionaries", counted.dictionaries)?;
        stats.set_item("missed", counted.transport.missed)?;
        stats.set_item("sleeps", counted.transport.sleeps)?;
        stats.set_item("leases", receiver.outstanding().messages())?;
        stats.set_item("leased_bytes", receiver.outstanding().bytes())?;
        stats.set_item("pool_bytes", self.pool)?;
        Ok(stats)
    }

    pub(crate) fn close(&mut self) {
        if let State::Connecting { socket, .. } = &self.state {
            // Ends the wait of the thread that shakes hands.
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
        self.poll = None;
        self.state = State::Closed;
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}

fn places(schema: &SchemaRef, columns: &[String]) -> Result<Vec<usize>, String> {
    columns.iter().map(|name| schema.index_of(name).map_err(|_| name.clone())).collect()
}
