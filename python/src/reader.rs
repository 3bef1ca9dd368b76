//! The reading end.

mod again;
mod call;
mod channel;
mod fork;
mod missing;
mod poll;
mod source;
mod stats;
mod stream;
mod wanted;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowstring::turn::Turn;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyTuple};

use self::again::{Again, Reconnect};
use self::call::{closed, dial, of_opening};
use self::channel::{Channel, Keeping, Next};
use self::missing::Missing;
use self::wanted::Wanted;
use crate::batch::Batch;
use crate::capsule::{self, Request};
use crate::names::Place;
use crate::process::Own;
use crate::schema::Schema;
use crate::table::Table;
use crate::wait::{self, Deadline};
use crate::{convert, errors};

/// Reads the batches of one table, as they come; or the tables of several names as one, in the order of arrival.
///
/// - ``timeout``: seconds to wait for a writer to appear, so that either may start first.
/// - ``columns``, ``limit``, ``where``: the columns, in this order; the number of rows; a SQL condition, such as
///   ``"price > 9 and city in ('Rome', 'Oslo')"``. Writers hear of columns and rows, and leave out what no reader wants.
/// - ``source_column``: adds a column of this name with the name of each row's writer.
/// - ``reconnect``: ``True`` goes on with another writer of the name if one dies or breaks off, ``"always"`` after the end of
///   a table too. Waits up to ``timeout`` seconds for it, each time.
/// - ``from_now``, ``allow_gaps``: without these, whoever comes late or is skipped gets an ``IncompleteWarning`` with the next
///   batch, and ``Incomplete`` from ``read_all()``, ``to_…()`` and libraries that read the whole table.
/// - ``delivery``, ``trust``: ``"pooled"``, ``"copied"``, ``"sealed"``; ``trust=False`` never reads where a writer could still
///   write.
///
/// >>> import bowstring, pyarrow as pa
/// >>> for name in ["doc-rome", "doc-oslo"]:
/// ...     with bowstring.Writer(name) as w:
/// ...         _ = w.write(pa.table({"at": [1, 2, 3], "price": [9.5, 3.0, 12.0]}))
/// >>> reader = bowstring.Reader("doc-rome", "doc-oslo", where="price > 9", columns=["price"])
/// >>> sorted(reader.to_pyarrow()["price"].to_pylist())
/// [9.5, 9.5, 12.0, 12.0]
/// >>> reader.stats()["complete"]
/// True
#[pyclass(frozen, weakref, module = "bowstring")]
pub(crate) struct Reader {
    channel: Own<Turn<Channel>>,
    closed: Arc<AtomicBool>,
    name: String,
    /// The rows that were missing at the last warning.
    warned: Mutex<Missing>,
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

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (
        name, *names, timeout = 10.0, columns = None, limit = None, r#where = None, source_column = None,
        reconnect = None, from_now = false, allow_gaps = false, delivery = None, trust = true
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        names: &Bound<'_, PyTuple>,
        timeout: Option<f64>,
        columns: Option<Vec<String>>,
        limit: Option<u64>,
        r#where: Option<String>,
        source_column: Option<String>,
        reconnect: Option<&Bound<'_, PyAny>>,
        from_now: bool,
        allow_gaps: bool,
        delivery: Option<&str>,
        trust: bool,
    ) -> PyResult<Reader> {
        let deadline = Deadline::after(timeout)?;
        let deliveries = deliveries(delivery, trust)?;
        let wanted =
            Wanted { columns, limit, condition: r#where, source_column, deliveries, from_now, allow_gaps };
        let reconnect = Reconnect::of(reconnect)?;
        let first = Place::of(name)?;
        if reconnect.is_some() && (!names.is_empty() || wanted.source_column.is_some()) {
            return Err(PyValueError::new_err(
                "reconnect= is for a reader of one name, without source_column=",
            ));
        }
        let patience = deadline.patience().unwrap_or(Duration::MAX);
        let address = first.path.clone().into_os_string();
        let again = reconnect.map(|when| Again { when, address, patience, waiting: None });
        let mut sockets = vec![(first.said.clone(), dial(py, &first, deadline, timeout)?)];
        let mut said = first.said;
        for name in names {
            let place = Place::of(&name)?;
            sockets.push((place.said.clone(), dial(py, &place, deadline, timeout)?));
            said = format!("{said}, {}", place.said);
        }
        let channel = Channel::connect(sockets, first.path, wanted, again);
        Ok(Reader::over(channel.map_err(|error| errors::set_up(py, &error, None))?, said))
    }

    /// A reader over one end of a pair; the descriptor stays the caller's.
    #[staticmethod]
    #[pyo3(signature = (file, columns = None, limit = None, delivery = None, r#where = None))]
    fn _over(
        py: Python<'_>,
        file: i32,
        columns: Option<Vec<String>>,
        limit: Option<u64>,
        delivery: Option<&str>,
        r#where: Option<String>,
    ) -> PyResult<Reader> {
        let socket = crate::pair::duplicate(file)?;
        let wanted = Wanted {
            columns,
            limit,
            condition: r#where,
            source_column: None,
            deliveries: deliveries(delivery, true)?,
            from_now: false,
            allow_gaps: false,
        };
        let channel = Channel::connect(vec![("pair".into(), socket)], "pair".into(), wanted, None)
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
        channel.schema().map(Schema).ok_or_else(closed)
    }

    /// The delivery of batches: ``"pooled"``, ``"copied"`` or ``"sealed"``; ``"mixed"`` if several writers differ.
    #[getter]
    fn delivery(&self, py: Python<'_>) -> PyResult<&'static str> {
        let summary = self.take_open(py, Deadline::after(None)?)?.summary();
        Ok(summary.ok_or_else(closed)?.delivery())
    }

    /// True once it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The next batch; ``None`` at the end of the table.
    #[pyo3(signature = (timeout = None))]
    fn read(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Batch>> {
        let next = self.next(py, Deadline::after(timeout)?, Keeping::InPlace)?;
        Ok(next.map(Next::into_batch))
    }

    /// All that is still to come, as one table. Raises ``Incomplete`` if rows of it are missing: sent before this reader
    /// came (``from_now=True`` accepts that), or lost in between (``allow_gaps=True``).
    #[pyo3(signature = (timeout = None))]
    fn read_all(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Table> {
        let deadline = Deadline::after(timeout)?;
        let schema = self.take_whole(py, deadline)?.schema().ok_or_else(closed)?;
        let mut table = Table { schema, batches: Vec::new(), zero_copy: true };
        while let Some(next) = self.next(py, deadline, Keeping::Everything)? {
            table.zero_copy &= !next.shared.is_empty();
            table.batches.push(next.batch);
        }
        drop(self.take_whole(py, deadline)?);
        Ok(table)
    }

    /// All that is still to come, as a ``pyarrow.Table``.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pyarrow_table(slf.as_any())
    }

    /// All that is still to come, as a ``polars.DataFrame``.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_polars(slf.as_any())
    }

    /// All that is still to come, as a ``pandas.DataFrame``.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_pandas(slf.as_any())
    }

    /// This reader's statistics. ``missed``, ``rows_before``, ``batches_before`` and ``interruptions`` say which rows it was
    /// not given; ``complete`` is true if none of these is known.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let channel = self.take(py, Deadline::after(Some(1.0))?)?;
        stats::of(py, &channel)
    }

    /// A descriptor for ``select``, ``poll`` and asyncio: readable when ``read(timeout=0)`` has something to return.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let mut channel = self.take_open(py, Deadline::after(None)?)?;
        match channel.fileno() {
            Some(fileno) => fileno.map_err(|error| errors::receiving(py, &error)),
            None => Err(PyValueError::new_err(
                "a reader with reconnect= has no descriptor that stays; `async for` works without one",
            )),
        }
    }

    /// True if the writer has begun its table.
    fn _is_open(&self, py: Python<'_>) -> PyResult<bool> {
        let mut channel = self.take(py, Deadline::after(None)?)?;
        match channel.open_within(Duration::ZERO) {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(fault)) => Err(of_opening(py, fault, &channel.path)),
        }
    }

    /// True if it waits for another writer after one is gone.
    fn _reconnects(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.take(py, Deadline::after(None)?)?.reconnects_at_all())
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
        let schema = self.take_whole(py, Deadline::after(None)?)?.schema().ok_or_else(closed)?;
        let request = Request::new(&schema, requested_schema)?;
        capsule::export(py, Box::new(stream::Incoming::new(self.turn()?.clone(), schema, request)))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = self.take_open(py, Deadline::after(None)?)?.schema().ok_or_else(closed)?;
        capsule::export_schema(py, &schema)
    }
}
