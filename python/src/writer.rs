//! The writing end.

mod linger;
mod open;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::serve::{Served, Serving};
use bowstring::transport::fd::OwnedFd;
use bowstring::transport::names::AddressError;
use bowstring::transport::{Deliveries, HandshakeError, Listener};
use bowstring::turn::Taken;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) use self::linger::await_lingering;
use self::open::conform;
use crate::alias::Alias;
use crate::names::Place;
use crate::process::Own;
use crate::room::{self, Current, Room};
use crate::schema::Schema;
use crate::wait::{self, Deadline};
use crate::{capsule, errors, pair, reader};

/// Writes the batches of one table, for any number of readers.
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Writer {
    phase: Own<Mutex<Phase>>,
    name: String,
    path: Option<PathBuf>,
    options: Options,
    /// The batch that is being computed in the pool, and the mapping that this is done through.
    current: Mutex<Option<Current>>,
    alias: Mutex<Option<Arc<Alias>>>,
}

#[derive(Clone, Copy)]
struct Options {
    /// Bytes of the pool; chosen by the first batch if not given.
    size: Option<usize>,
    deliveries: Deliveries,
    linger: f64,
    /// Batches that are kept for readers who come later.
    keep: usize,
}

enum Phase {
    /// The name is taken; what the table looks like is not known yet.
    Bound(Option<Listener>),
    /// One end of a pair; nobody has come to the other yet.
    Paired(Option<OwnedFd>),
    Open(Open),
    Closed,
}

#[derive(Clone)]
struct Open {
    served: Arc<Served>,
    schema: SchemaRef,
}

impl Open {
    /// Takes the sender for a turn; `None` once the table has ended.
    fn turn(&self, py: Python<'_>) -> PyResult<Option<Taken<Serving>>> {
        let taken = wait::until(py, Deadline::after(None)?, |slice| match self.served.take(slice) {
            Some(serving) => Some(Some(serving)),
            None => self.served.is_finished().then_some(None),
        })?;
        Ok(taken.flatten())
    }
}

impl Writer {
    /// The lock's holder may be waiting for the interpreter, which is let go of here meanwhile.
    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Phase>> {
        Ok(self.phase.get("Writer")?.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the reader of a pair's other end has opened it.
    fn await_peer(&self, py: Python<'_>, deadline: Deadline) -> PyResult<()> {
        let socket = match &*self.lock(py)? {
            Phase::Paired(Some(socket)) => socket.try_clone()?,
            _ => return Ok(()),
        };
        let came = wait::until(py, deadline, |slice| {
            let time = Timespec { tv_sec: 0, tv_nsec: slice.subsec_nanos().into() };
            let mut look = [PollFd::new(&socket, PollFlags::IN)];
            let _ = poll(&mut look, Some(&time));
            (!look[0].revents().is_empty()).then_some(())
        })?;
        came.ok_or_else(|| errors::timed_out(py, "nobody opened the other end of the pair in time"))
    }

    /// The open table; begins it if this is the first that is heard of its schema.
    fn begin(&self, py: Python<'_>, schema: &SchemaRef, first: Option<&RecordBatch>) -> PyResult<Open> {
        let mut phase = self.lock(py)?;
        let (listener, socket) = match &mut *phase {
            Phase::Open(open) => return Ok(open.clone()),
            Phase::Closed => return Err(PyValueError::new_err("this writer is closed")),
            Phase::Bound(listener) => (listener.take(), None),
            Phase::Paired(socket) => (None, socket.take()),
        };
        let (size, deliveries) = (self.options.size, self.options.deliveries);
        let keep = self.options.keep;
        let sender = py.detach(|| open::sender(schema, first, size, deliveries, keep));
        let mut sender = sender.map_err(|error| errors::set_up(py, &error, None))?;
        if let Some(socket) = socket {
            let met = py.detach(|| sender.accept_socket(socket));
            if let Err(error) = met {
                *phase = Phase::Closed;
                return Err(errors::set_up(py, &error, None));
            }
        }
        let room = open::waiting_room(&sender);
        let served = Served::new(sender, listener, room);
        let served = served.map_err(|error| errors::set_up(py, &error, self.path.as_deref()))?;
        let open = Open { served: Arc::new(served), schema: schema.clone() };
        *phase = Phase::Open(open.clone());
        Ok(open)
    }

    /// An error if this very thread has taken the sender for a batch that is under way: it would wait for itself.
    fn not_building(&self) -> PyResult<()> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(current) if current.is_under_way() && current.thread == std::thread::current().id() => {
                let message = "a batch is being built: leave its `with` block first";
                Err(PyValueError::new_err(message))
            }
            _ => Ok(()),
        }
    }

    /// Gives up the batch that is being built, if there is one.
    fn revoke(&self) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(current.map(|current| current.take()));
    }

    /// Writes a batch, and returns how many rows that were.
    fn write_batch(
        &self,
        py: Python<'_>,
        schema: &SchemaRef,
        batch: RecordBatch,
        deadline: Deadline,
    ) -> PyResult<usize> {
        self.await_peer(py, deadline)?;
        let open = self.begin(py, schema, Some(&batch))?;
        let mut batch = conform(py, &open.schema, batch)?;
        if self.options.keep > 0 {
            // What is kept must not change with the arrays that the program goes on computing in.
            let copy = py.detach(|| bowstring::copy_batch(&batch));
            batch = copy.map_err(|error| errors::copying(py, &error))?;
        }
        if self.path.is_none() && open.turn(py)?.is_none_or(|mut serving| serving.sender().receivers() == 0) {
            let gone = "the reader at the other end of the pair has gone";
            return Err(errors::exception(py, "PeerCrashed", (gone,)));
        }
        let interrupt = wait::by_signals();
        let sent = py.detach(|| open.served.send_unless(&batch, deadline.patience(), &interrupt));
        sent.map_err(|error| errors::sending(py, &error))?;
        Ok(batch.num_rows())
    }

    fn open(&self, py: Python<'_>) -> PyResult<Option<Open>> {
        Ok(match &*self.lock(py)? {
            Phase::Open(open) => Some(open.clone()),
            _ => None,
        })
    }
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(signature = (name, schema = None, *, size = None, delivery = None, linger = 60.0, keep = 0))]
    fn new(
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        schema: Option<&Bound<'_, PyAny>>,
        size: Option<usize>,
        delivery: Option<&str>,
        linger: f64,
        keep: usize,
    ) -> PyResult<Writer> {
        let address = Place::of(name)?;
        let deliveries = reader::deliveries(delivery, true)?;
        let listener = match address.listen() {
            // A table of this very process that nobody has come for.
            Err(AddressError::Meet(HandshakeError::InUse))
                if py.detach(|| linger::give_up(&address.path)) =>
            {
                address.listen()
            }
            bound => bound,
        };
        let listener = listener.map_err(|error| errors::address(py, &error, &address.path))?;
        let writer = Writer {
            phase: Own::new(Mutex::new(Phase::Bound(Some(listener)))),
            name: address.said,
            path: Some(address.path),
            options: Options { size, deliveries, linger, keep },
            current: Mutex::default(),
            alias: Mutex::default(),
        };
        if let Some(schema) = schema.filter(|schema| !schema.is_none()) {
            writer.begin(py, &capsule::import_schema(schema)?, None)?;
        }
        Ok(writer)
    }

    /// A writer over one end of a pair; the descriptor stays the caller's.
    #[staticmethod]
    #[pyo3(signature = (file, schema = None, size = None, delivery = None))]
    fn _over(
        py: Python<'_>,
        file: i32,
        schema: Option<&Bound<'_, PyAny>>,
        size: Option<usize>,
        delivery: Option<&str>,
    ) -> PyResult<Writer> {
        let socket = pair::duplicate(file)?;
        let deliveries = reader::deliveries(delivery, true)?;
        let writer = Writer {
            phase: Own::new(Mutex::new(Phase::Paired(Some(socket)))),
            name: "pair".to_owned(),
            path: None,
            // Nobody comes later.
            options: Options { size, deliveries, linger: 0.0, keep: 0 },
            current: Mutex::default(),
            alias: Mutex::default(),
        };
        if let Some(schema) = schema.filter(|schema| !schema.is_none()) {
            writer.await_peer(py, Deadline::after(None)?)?;
            writer.begin(py, &capsule::import_schema(schema)?, None)?;
        }
        Ok(writer)
    }

    /// The name that was given.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The socket that readers connect to.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    /// Names and types of the columns; ``None`` before the first batch.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Option<Schema>> {
        Ok(self.open(py)?.map(|open| Schema(open.schema)))
    }

    /// True once it was closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(matches!(*self.lock(py)?, Phase::Closed))
    }

    /// The number of readers that are connected.
    #[getter]
    fn readers(&self, py: Python<'_>) -> PyResult<u32> {
        self.not_building()?;
        let Some(open) = self.open(py)? else { return Ok(0) };
        Ok(open.turn(py)?.map_or(0, |mut serving| serving.sender().receivers()))
    }

    /// Writes anything that exports Arrow data, and returns how many rows that were.
    #[pyo3(signature = (data, *, timeout = None, block = true))]
    fn write(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        block: bool,
    ) -> PyResult<usize> {
        self.not_building()?;
        let deadline = Deadline::after(if block { timeout } else { Some(0.0) })?;
        if let Some(batch) = capsule::import_batch(data)? {
            return self.write_batch(py, &batch.schema(), batch, deadline);
        }
        let mut stream = capsule::import(data)?;
        let schema = stream.schema();
        let mut rows = 0;
        let mut any = false;
        loop {
            let batch = match py.detach(|| stream.next()) {
                Some(batch) => batch.map_err(|error| PyRuntimeError::new_err(error.to_string()))?,
                None if any => return Ok(rows),
                // A table without batches still has columns.
                None => RecordBatch::new_empty(schema.clone()),
            };
            any = true;
            rows += self.write_batch(py, &schema, batch, deadline)?;
        }
    }

    /// A batch of ``rows`` rows, to be computed column by column: ``with w.build(rows) as b: b["price"][:] = …``.
    ///
    /// If a reader is there that reads the pool, numbers and times are computed in its slots: `b.in_place` says so.
    /// `text` says how many bytes there are to be for a column of text or binary, all rows together (16 a row).
    #[pyo3(signature = (rows, *, text = None, timeout = None))]
    fn build<'py>(
        slf: &Bound<'py, Self>,
        rows: isize,
        text: Option<HashMap<String, usize>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("bowstring._build")?.call_method1("Build", (slf, rows, text, timeout))
    }

    /// Room in the pool for a batch of `rows` rows; `None` if its columns must be computed elsewhere.
    fn _room(
        &self,
        py: Python<'_>,
        rows: usize,
        text: HashMap<String, usize>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Room>> {
        self.not_building()?;
        let Some(open) = self.open(py)? else { return Ok(None) };
        if rows == 0 || self.options.keep > 0 || !room::can_hold(&open.schema) {
            return Ok(None);
        }
        let patience = Deadline::after(timeout)?.left().min(room::PATIENCE);
        let Some(serving) = open.turn(py)? else { return Ok(None) };
        let before = self.alias.lock().unwrap_or_else(PoisonError::into_inner).take();
        let found = py.detach(|| Room::find(serving, rows, &text, patience, before));
        let Some((room, alias)) = found.map_err(|error| errors::sending(py, &error))? else {
            return Ok(None);
        };
        *self.alias.lock().unwrap_or_else(PoisonError::into_inner) = Some(alias);
        let current = Current { thread: std::thread::current().id(), building: room.building() };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        Ok(Some(room))
    }

    /// Waits until ``count`` readers are connected.
    #[pyo3(signature = (count = 1, timeout = None))]
    fn wait_for_readers(&self, py: Python<'_>, count: u32, timeout: Option<f64>) -> PyResult<()> {
        self.not_building()?;
        let deadline = Deadline::after(timeout)?;
        let here = wait::until(py, deadline, |slice| {
            let open = Python::attach(|py| self.open(py).ok().flatten());
            let served = open.as_ref().and_then(|open| open.served.take(slice));
            let here = served.map_or(0, |mut serving| serving.sender().receivers());
            if here >= count {
                return Some(());
            }
            std::thread::sleep(slice.min(std::time::Duration::from_millis(2)));
            None
        })?;
        here.ok_or_else(|| errors::timed_out(py, format!("fewer than {count} readers came in time")))
    }

    /// This writer's statistics.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.not_building()?;
        let stats = PyDict::new(py);
        let Some(open) = self.open(py)? else { return Ok(stats) };
        let Some(mut serving) = open.turn(py)? else { return Ok(stats) };
        stats.set_item("waiting", serving.waiting())?;
        let sender = serving.sender();
        let counted = sender.stats();
        stats.set_item("readers", sender.receivers())?;
        stats.set_item("batches", counted.batches)?;
        stats.set_item("rows", counted.rows)?;
        stats.set_item("bytes", counted.bytes)?;
        stats.set_item("split", counted.split)?;
        stats.set_item("skipped", counted.skipped)?;
        stats.set_item("slots", counted.transport.slots)?;
        stats.set_item("slot_size", counted.transport.slot_size)?;
        stats.set_item("slots_in_use", counted.transport.slots_in_use)?;
        stats.set_item("stalls", counted.transport.stalls)?;
        Ok(stats)
    }

    /// Ends the table. Readers get what was written, and then its end.
    ///
    /// Batches written while nobody was there wait for a first reader for ``linger`` seconds, also after the program's
    /// last line; then it is given up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.phase.is_ours() {
            return Ok(());
        }
        py.detach(|| self.revoke());
        let phase = std::mem::replace(&mut *self.lock(py)?, Phase::Closed);
        let linger = self.options.linger;
        if let Phase::Open(open) = phase {
            let path = self.path.clone();
            py.detach(|| linger::end(open.served, path, linger));
            linger::note(py)?;
        }
        Ok(())
    }

    /// Gives the table up before its end: readers get ``PeerCrashed`` in place of the end.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.revoke());
        let phase = std::mem::replace(&mut *self.lock(py)?, Phase::Closed);
        if let Phase::Open(open) = phase
            && let Some(serving) = open.turn(py)?
        {
            py.detach(|| serving.keep().abandon());
        }
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Closes; after an exception, gives the table up, so that nobody takes a part for the whole.
    #[pyo3(signature = (*exception))]
    fn __exit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        let failed = exception.get_item(0).is_ok_and(|kind| !kind.is_none());
        if failed { self.abandon(py) } else { self.close(py) }
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyRuntimeError::new_err(
            "a Writer cannot be pickled: pass its name, or an end of bowstring.pair()",
        ))
    }

    fn __repr__(&self) -> String {
        format!("Writer({:?})", self.name)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A writer that is forgotten ends as one that is closed.
        if !self.phase.is_ours() {
            return;
        }
        self.revoke();
        let phase =
            std::mem::replace(&mut *self.phase.lock().unwrap_or_else(PoisonError::into_inner), Phase::Closed);
        if let Phase::Open(open) = phase {
            linger::end(open.served, self.path.take(), self.options.linger);
        }
    }
}
