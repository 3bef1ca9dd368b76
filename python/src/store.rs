//! Named tables in a store: see the package's `_store`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use bowstring::transport::{Listener, names};
use bowstring_query::Condition;
use bowstring_store as store;
use bowstring_store::{Client, Code, Event, Handle, Mode, Put, SegmentWriter, StoreError};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::batch::{self, Batch};
use crate::process::Own;
use crate::table::Table;
use crate::wait::{self, Deadline};
use crate::{capsule, errors};

/// Puts a table, or adds to one. Returns its version.
#[pyfunction]
#[pyo3(signature = (name, data, append, socket = None))]
pub(crate) fn store_put(
    py: Python<'_>,
    name: &str,
    data: &Bound<'_, PyAny>,
    append: bool,
    socket: Option<PathBuf>,
) -> PyResult<u64> {
    let stream = capsule::import(data)?;
    let mode = if append { Mode::Append } else { Mode::Put };
    let done = py.detach(|| -> PyResult<Result<u64, StoreError>> {
        let mut writer = match SegmentWriter::new(stream.schema()) {
            Ok(writer) => writer,
            Err(error) => return Ok(Err(error.into())),
        };
        for batch in stream {
            let batch = batch.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            if let Err(error) = writer.write(&batch) {
                return Ok(Err(error.into()));
            }
        }
        let put = Put { mode, ..Put::default() };
        let made = writer.finish().map_err(StoreError::from);
        Ok(made
            .and_then(|segments| connect(socket)?.put_segments(name, &segments, &put))
            .map(|done| done.version))
    })?;
    done.map_err(|error| raise(py, &error))
}

/// Opens a table. Returns the rows that were asked for, where they come from, and the version.
#[pyfunction]
#[pyo3(signature = (name, columns, condition, limit, socket = None))]
pub(crate) fn store_get(
    py: Python<'_>,
    name: &str,
    columns: Option<Vec<String>>,
    condition: Option<&str>,
    limit: Option<usize>,
    socket: Option<PathBuf>,
) -> PyResult<(Table, String, u64)> {
    let got = py.detach(|| connect(socket)?.get(name)).map_err(|error| raise(py, &error))?;
    let question = Question::new(got.schema(), columns, condition, limit)?;
    let batches = got.batches().map_err(|error| raise(py, &error))?;
    let table = question.ask(py, batches, |error| raise(py, &error))?;
    Ok((table, got.source().to_owned(), got.version()))
}

/// Returns a table's rows as lines of JSON, for whoever cannot take descriptors.
#[pyfunction]
#[pyo3(signature = (name, limit, socket = None))]
pub(crate) fn store_json<'py>(
    py: Python<'py>,
    name: &str,
    limit: Option<u64>,
    socket: Option<PathBuf>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut lines = Vec::new();
    let got = py.detach(|| {
        connect(socket)?.get_json(name, limit.unwrap_or(0), |bytes| {
            lines.extend_from_slice(bytes);
            Ok(())
        })
    });
    got.map_err(|error| raise(py, &error))?;
    Ok(PyBytes::new(py, &lines))
}

/// Chooses columns and rows of anything that exports Arrow data.
#[pyfunction]
pub(crate) fn choose(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    columns: Option<Vec<String>>,
    condition: Option<&str>,
    limit: Option<usize>,
) -> PyResult<Table> {
    let stream = capsule::import(data)?;
    let question = Question::new(&stream.schema(), columns, condition, limit)?;
    let table = question.ask(py, stream, |error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(Table { zero_copy: false, ..table })
}

/// Takes a table away. Whoever has opened it keeps it.
#[pyfunction]
#[pyo3(signature = (name, socket = None))]
pub(crate) fn store_remove(py: Python<'_>, name: &str, socket: Option<PathBuf>) -> PyResult<()> {
    let done = py.detach(|| connect(socket)?.remove(name, 0).map(drop));
    done.map_err(|error| raise(py, &error))
}

/// Gives a table another name.
#[pyfunction]
#[pyo3(signature = (name, to, socket = None))]
pub(crate) fn store_rename(py: Python<'_>, name: &str, to: &str, socket: Option<PathBuf>) -> PyResult<()> {
    let done = py.detach(|| connect(socket)?.rename(name, to).map(drop));
    done.map_err(|error| raise(py, &error))
}

/// Lists the tables, a dict for each.
#[pyfunction]
#[pyo3(signature = (socket = None))]
pub(crate) fn store_list(py: Python<'_>, socket: Option<PathBuf>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let entries = py.detach(|| connect(socket)?.list()).map_err(|error| raise(py, &error))?;
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let one = PyDict::new(py);
        one.set_item("name", entry.name)?;
        one.set_item("rows", entry.rows)?;
        one.set_item("bytes", entry.bytes)?;
        one.set_item("columns", entry.columns)?;
        one.set_item("version", entry.version)?;
        one.set_item("source", entry.source)?;
        one.set_item("requests", entry.requests)?;
        one.set_item("trouble", entry.trouble)?;
        all.push(one);
    }
    Ok(all)
}

/// A request for a part of a table: columns, a condition, and the most rows.
struct Question {
    schema: SchemaRef,
    places: Option<Vec<usize>>,
    condition: Option<Condition>,
    limit: usize,
}

impl Question {
    fn new(
        schema: &SchemaRef,
        columns: Option<Vec<String>>,
        condition: Option<&str>,
        limit: Option<usize>,
    ) -> PyResult<Question> {
        let condition = condition.map(|sql| Condition::parse(sql, schema)).transpose();
        let condition = condition.map_err(errors::condition)?;
        let place = |name: &String| schema.index_of(name).map_err(|_| batch::no_column(schema, name));
        let places: Option<Vec<usize>> =
            columns.map(|columns| columns.iter().map(place).collect()).transpose()?;
        Ok(Question { schema: schema.clone(), places, condition, limit: limit.unwrap_or(usize::MAX) })
    }

    fn ask<E: Send>(
        self,
        py: Python<'_>,
        mut all: impl Iterator<Item = Result<RecordBatch, E>> + Send,
        raise: impl Fn(E) -> PyErr,
    ) -> PyResult<Table> {
        let of = |error: arrow_schema::ArrowError| PyValueError::new_err(error.to_string());
        let mut left = self.limit;
        let mut kept = Vec::new();
        while left > 0 {
            // One batch at a time, so that Ctrl-C is heard in between.
            py.check_signals()?;
            let Some(batch) = py.detach(|| all.next()) else { break };
            let mut batch = batch.map_err(&raise)?;
            if let Some(condition) = &self.condition {
                batch = py.detach(|| condition.filter(&batch)).map_err(errors::query)?;
            }
            if let Some(places) = &self.places {
                batch = batch.project(places).map_err(of)?;
            }
            let batch = batch.slice(0, left.min(batch.num_rows()));
            left -= batch.num_rows();
            if batch.num_rows() > 0 {
                kept.push(batch);
            }
        }
        let schema = match &self.places {
            Some(places) => self.schema.project(places).map_err(of)?.into(),
            None => self.schema,
        };
        Ok(Table { schema, batches: kept, zero_copy: self.condition.is_none() })
    }
}

/// Follows a table: what is there, then what comes.
#[pyclass(frozen, module = "bowstring._bowstring")]
pub(crate) struct Follower(Own<Mutex<store::Follower>>);

#[pymethods]
impl Follower {
    #[new]
    #[pyo3(signature = (name, socket = None))]
    fn new(py: Python<'_>, name: &str, socket: Option<PathBuf>) -> PyResult<Follower> {
        let follower = py.detach(|| connect(socket)?.follow(name, None));
        Ok(Follower(Own::new(Mutex::new(follower.map_err(|error| raise(py, &error))?))))
    }

    /// The batches that came next; ``None`` once the table was removed.
    #[pyo3(signature = (timeout = None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Vec<Batch>>> {
        let follower = self.0.get("follower")?;
        let event = wait::until(py, Deadline::after(timeout)?, |slice| {
            follower.lock().unwrap_or_else(PoisonError::into_inner).next_event(Some(slice)).transpose()
        })?;
        let table = match event {
            None => return Err(errors::timed_out(py, "nothing came in time")),
            Some(Err(error)) => return Err(raise(py, &error)),
            Some(Ok(Event::Removed)) => return Ok(None),
            Some(Ok(Event::Rows(table) | Event::Replaced(table))) => table,
        };
        let first = table.rows().start;
        let batches = py.detach(|| table.batches()?.collect::<Result<Vec<_>, _>>());
        let batches = batches.map_err(|error| raise(py, &error))?;
        let made = batches.into_iter().map(|batch| {
            let home = home(&batch, &table);
            Batch::new(batch, home, first)
        });
        Ok(Some(made.collect()))
    }
}

/// A store in this process, for programs without a daemon.
#[pyclass(frozen, module = "bowstring._bowstring")]
pub(crate) struct StoreServer(Own<Mutex<Option<Running>>>);

type Running = (Handle, JoinHandle<()>);

#[pymethods]
impl StoreServer {
    #[new]
    #[pyo3(signature = (socket = None))]
    fn new(py: Python<'_>, socket: Option<PathBuf>) -> PyResult<StoreServer> {
        if socket.is_none() {
            names::make_directory().map_err(|error| PyOSError::new_err(error.to_string()))?;
        }
        let path = socket.unwrap_or_else(names::store_socket);
        let bound = Listener::bind(path.as_os_str().as_encoded_bytes());
        let listener = bound.map_err(|error| errors::set_up(py, &error.into(), Some(&path)))?;
        let (mut server, _) = store::Server::new(listener, store::Config::default())?;
        let handle = server.handle();
        let thread = std::thread::Builder::new().name("bowstring-store".into()).spawn(move || {
            // It ends when it is stopped, or when the host has no resources left: clients see that it is gone.
            let _ = server.run();
        })?;
        Ok(StoreServer(Own::new(Mutex::new(Some((handle, thread))))))
    }

    /// Ends the store. Tables that were opened stay readable.
    fn close(&self, py: Python<'_>) {
        if !self.0.is_ours() {
            return;
        }
        py.detach(|| {
            let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((handle, thread)) = running {
                handle.stop();
                let _ = thread.join();
            }
        });
    }
}

fn connect(socket: Option<PathBuf>) -> Result<Client, StoreError> {
    Client::connect(&socket.unwrap_or_else(names::store_socket))
}

/// Addresses of the segment that a batch lies in; empty if it was copied.
fn home(batch: &RecordBatch, table: &store::Table) -> std::ops::Range<usize> {
    let data = batch.columns().first().map(|column| column.to_data());
    let Some(at) = data.and_then(|data| data.buffers().first().map(|buffer| buffer.as_ptr().addr())) else {
        return 0..0;
    };
    let ranges = table.segments().iter().map(|segment| segment.bytes().as_ptr_range());
    let mut ranges = ranges.map(|range| range.start.addr()..range.end.addr());
    ranges.find(|range| range.contains(&at)).unwrap_or(0..0)
}

fn raise(py: Python<'_>, error: &StoreError) -> PyErr {
    match error {
        StoreError::NoStore(error) => {
            let path = names::store_socket();
            let advice = format!(
                "no store ({error}); start one with `bowstring serve`, or bowstring.Store() in a program"
            );
            PyFileNotFoundError::new_err((2, advice, path.display().to_string()))
        }
        StoreError::Refused(refused) => match refused.code {
            Code::NoTable => errors::exception(py, "NoTable", (refused.text.clone(),)),
            Code::Full => PyOSError::new_err((11, refused.text.clone())),
            Code::Denied => PyPermissionError::new_err((13, refused.text.clone())),
            Code::Schema => errors::schema_mismatch(py, &refused.text),
            Code::Name => PyValueError::new_err(refused.text.clone()),
            _ => errors::exception(py, "Refused", (refused.text.clone(), 0, refused.text.clone())),
        },
        StoreError::Foreign { .. } => PyPermissionError::new_err((13, error.to_string())),
        StoreError::HungUp => errors::exception(py, "PeerCrashed", (error.to_string(),)),
        StoreError::TimedOut => errors::timed_out(py, error),
        StoreError::Io(error) => PyOSError::new_err((error.raw_os_error().unwrap_or(5), error.to_string())),
        StoreError::Make(_) => PyValueError::new_err(error.to_string()),
        other => errors::exception(py, "Malformed", (other.to_string(),)),
    }
}
