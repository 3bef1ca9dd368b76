//! The reading end.

mod channel;
mod fork;
mod poll;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowstring::turn::{Taken, Turn};
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyTuple};

use self::channel::{Channel, Fault, Keep, Next};
use crate::batch::Batch;
use crate::capsule::{self, Request};
use crate::names::Place;
use crate::process::Own;
use crate::schema::Schema;
use crate::table::Table;
use crate::wait::{self, Deadline};
use crate::{convert, errors};

/// Reads the batches of one table, as they come.
///
/// Waits up to ``timeout`` seconds for a writer to appear, so that either may start first.
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Reader {
    channel: Own<Turn<Channel>>,
    closed: Arc<AtomicBool>,
    name: String,
}

pub(crate) fn deliveries(which: Option<&str>, trust: bool) -> PyResult<bowstring::transport::Deliveries> {
    use bowstring::transport::{Deliveries, Delivery};
    Ok(match which {
        None if trust => Deliveries::ANY,
        None => Deliveries::only(Delivery::Copied).and(Delivery::Sealed),
        Some("pooled") => Deliveries::only(Delivery::Pooled),
        Some("copied") => Deliveries::only(Delivery::Copied),
        Some("sealed") => Deliveries::only(Delivery::Sealed),
        Some(other) => {
            let message = format!(
                "delivery={other:?}: \"pooled\", \"copied\", \"sealed\", or None to agree with the other side"
            );
            return Err(PyValueError::new_err(message));
        }
    })
}

impl Reader {
    pub(crate) fn over(channel: Channel, name: String) -> Reader {
        Reader { channel: Own::new(Turn::new(channel)), closed: Arc::default(), name }
    }

    fn turn(&self) -> PyResult<&Turn<Channel>> {
        let turn = self.channel.get("Reader")?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(PyValueError::new_err("this reader is closed"));
        }
        Ok(turn)
    }

    /// Takes the channel for one call. Another thread may be in the middle of one.
    fn take(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Taken<Channel>> {
        let turn = self.turn()?;
        if let Some(taken) = turn.take(Duration::ZERO) {
            return Ok(taken);
        }
        wait::until(py, deadline, |slice| turn.take(slice))?
            .ok_or_else(|| errors::timed_out(py, "another thread was reading all that time"))
    }

    /// Takes the channel once the writer has said what the table looks like.
    fn take_open(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Taken<Channel>> {
        let mut channel = self.take(py, deadline)?;
        if !channel.is_open() {
            let opened = wait::until(py, deadline, |slice| channel.open_within(slice))?;
            match opened {
                None => {
                    return Err(errors::timed_out(
                        py,
                        "the writer is there, and has not begun its table yet",
                    ));
                }
                Some(Err(error)) => return Err(errors::set_up(py, &error, Some(&channel.path))),
                Some(Ok(())) => {}
            }
        }
        Ok(channel)
    }

    fn next(&self, py: Python<'_>, deadline: Deadline, keep: Keep) -> PyResult<Option<Next>> {
        let mut channel = self.take_open(py, deadline)?;
        // The first look makes no system call, and is worth no slice.
        let outcome = match py.detach(|| channel.next_within(Duration::ZERO, keep)) {
            Some(outcome) => Some(outcome),
            None => wait::until(py, deadline, |slice| channel.next_within(slice, keep))?,
        };
        match outcome {
            None => Err(errors::timed_out(py, "nothing came in time")),
            Some(Err(Fault::Receive(error))) => Err(errors::receiving(py, &error)),
            Some(Err(Fault::NoColumn(name))) => Err(PyKeyError::new_err(format!("no column {name:?}"))),
            Some(Ok(next)) => {
                if let Some(warning) = channel.take_warning() {
                    drop(channel);
                    let category = py.import("bowstring._errors")?.getattr("LeaseWarning")?;
                    PyErr::warn(py, &category, &std::ffi::CString::new(warning)?, 2)?;
                }
                Ok(next)
            }
        }
    }
}

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (name, *, timeout = 10.0, columns = None, limit = None, delivery = None, trust = true))]
    fn new(
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        columns: Option<Vec<String>>,
        limit: Option<usize>,
        delivery: Option<&str>,
        trust: bool,
    ) -> PyResult<Reader> {
        let deadline = Deadline::after(timeout)?;
        let deliveries = deliveries(delivery, trust)?;
        let address = Place::of(name)?;
        let socket = wait::until(py, deadline, |slice| match address.dial() {
            Ok(Some(socket)) => Some(Ok(socket)),
            Ok(None) => {
                std::thread::sleep(slice.min(Duration::from_millis(5)));
                None
            }
            Err(error) => Some(Err(error)),
        })?;
        let socket = match socket {
            Some(Ok(socket)) => socket,
            Some(Err(error)) => return Err(errors::address(py, &error, &address.path)),
            None => {
                let waited = timeout.map(|t| format!(" (waited {t} s)")).unwrap_or_default();
                return Err(errors::nobody(&address.path, &waited));
            }
        };
        let channel = Channel::connect(socket, deliveries, address.path, columns, limit)
            .map_err(|error| errors::set_up(py, &error, None))?;
        Ok(Reader::over(channel, address.said))
    }

    /// A reader over one end of a pair; the descriptor stays the caller's.
    #[staticmethod]
    #[pyo3(signature = (file, columns = None, limit = None, delivery = None))]
    fn _over(
        py: Python<'_>,
        file: i32,
        columns: Option<Vec<String>>,
        limit: Option<usize>,
        delivery: Option<&str>,
    ) -> PyResult<Reader> {
        let socket = crate::pair::duplicate(file)?;
        let channel = Channel::connect(socket, deliveries(delivery, true)?, "pair".into(), columns, limit)
            .map_err(|error| errors::set_up(py, &error, None))?;
        Ok(Reader::over(channel, "pair".to_owned()))
    }

    /// The name that was given.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// Names and types of the columns. Waits for the writer to begin its table.
    #[getter]
    fn schema(&self, py: Python<'_>) -> PyResult<Schema> {
        let channel = self.take_open(py, Deadline::after(None)?)?;
        channel.schema().map(Schema)
    }

    /// The delivery of batches: ``"pooled"``, ``"copied"`` or ``"sealed"``.
    #[getter]
    fn delivery(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.take_open(py, Deadline::after(None)?)?.delivery())
    }

    /// True once it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The next batch; ``None`` at the end of the table.
    #[pyo3(signature = (timeout = None))]
    fn read(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Batch>> {
        let next = self.next(py, Deadline::after(timeout)?, Keep::InPlace)?;
        Ok(next.map(Next::into_batch))
    }

    /// All that is still to come, as one table.
    #[pyo3(signature = (timeout = None))]
    fn read_all(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Table> {
        let deadline = Deadline::after(timeout)?;
        let schema = self.take_open(py, deadline)?.schema()?;
        let mut table = Table { schema, batches: Vec::new(), zero_copy: true };
        while let Some(next) = self.next(py, deadline, Keep::Everything)? {
            table.zero_copy &= !next.shared.is_empty();
            table.batches.push(next.batch);
        }
        Ok(table)
    }

    /// All that is still to come, as a ``pyarrow.Table``.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pyarrow(slf.as_any(), "table")
    }

    /// All that is still to come, as a ``polars.DataFrame``.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_polars(slf.as_any())
    }

    /// All that is still to come, as a ``pandas.DataFrame``.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pandas(slf.as_any())
    }

    /// This reader's statistics.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let channel = self.take(py, Deadline::after(Some(1.0))?)?;
        channel.stats(py)
    }

    /// A descriptor for ``select``, ``poll`` and asyncio: readable when ``read(timeout=0)`` has something to return.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let mut channel = self.take_open(py, Deadline::after(None)?)?;
        channel.fileno().map_err(|error| errors::receiving(py, &error))
    }

    /// True if the writer has begun its table.
    fn _is_open(&self, py: Python<'_>) -> PyResult<bool> {
        let mut channel = self.take(py, Deadline::after(None)?)?;
        match channel.open_within(Duration::ZERO) {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(errors::set_up(py, &error, Some(&channel.path))),
        }
    }

    /// Leaves the table. Arrays that live stay as they are.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.channel.is_ours() || self.closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let turn = &*self.channel;
        if let Some(mut channel) = wait::until(py, Deadline::after(None)?, |slice| turn.take(slice))? {
            py.detach(|| channel.close());
        }
        Ok(())
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Batch> {
        self.read(py, None)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("bowstring._aio")?.call_method1("batches", (slf,))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyRuntimeError::new_err(
            "a Reader cannot be pickled: pass its name, or an end of bowstring.pair()",
        ))
    }

    fn __repr__(&self) -> String {
        format!("Reader({:?}{})", self.name, if self.closed() { ", closed" } else { "" })
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = self.take_open(py, Deadline::after(None)?)?.schema()?;
        let request = Request::new(&schema, requested_schema)?;
        capsule::export(py, Box::new(stream::Incoming::new(self.turn()?.clone(), schema, request)))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = self.take_open(py, Deadline::after(None)?)?.schema()?;
        capsule::export_schema(py, &schema)
    }
}
