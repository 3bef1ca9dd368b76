//! A reader's statistics.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::channel::Channel;
use super::missing::Missing;

/// Returns the statistics of a reader.
pub(super) fn of<'py>(py: Python<'py>, channel: &Channel) -> PyResult<Bound<'py, PyDict>> {
    let stats = PyDict::new(py);
    let Some(summary) = channel.summary() else {
        stats.set_item("delivery", "closed")?;
        return Ok(stats);
    };
    let counted = summary.stats;
    let missing = Missing { skipped: counted.transport.missed, ..channel.all_missing() };
    stats.set_item("delivery", summary.delivery())?;
    if let [writer] = &summary.writers[..] {
        stats.set_item("writer_pid", writer.pid)?;
    }
    stats.set_item("batches", counted.batches)?;
    stats.set_item("rows", counted.rows)?;
    stats.set_item("bytes", counted.bytes)?;
    stats.set_item("bytes_copied", counted.bytes_copied)?;
    stats.set_item("zero_copy", counted.batches > 0 && counted.bytes_copied == 0)?;
    stats.set_item("batches_copied_to_keep", channel.copied_to_keep)?;
    stats.set_item("dictionaries", counted.dictionaries)?;
    stats.set_item("complete", missing == Missing::default())?;
    stats.set_item("missed", missing.skipped)?;
    stats.set_item("rows_before", missing.before.rows)?;
    stats.set_item("batches_before", missing.before.batches)?;
    stats.set_item("interruptions", missing.interruptions)?;
    stats.set_item("reconnects", channel.reconnects)?;
    stats.set_item("sleeps", counted.transport.sleeps)?;
    let held = summary.writers.iter().map(|writer| &writer.outstanding);
    stats.set_item("leases", held.clone().map(|held| held.messages()).sum::<usize>())?;
    stats.set_item("leased_bytes", held.map(|held| held.bytes()).sum::<usize>())?;
    stats.set_item("pool_bytes", summary.pool)?;
    if summary.writers.iter().any(|writer| writer.name.is_some()) {
        let writers = PyList::empty(py);
        for writer in &summary.writers {
            let one = PyDict::new(py);
            one.set_item("name", &writer.name)?;
            one.set_item("writer_pid", writer.pid)?;
            one.set_item("rows_before", writer.before.rows)?;
            one.set_item("batches_before", writer.before.batches)?;
            writers.append(one)?;
        }
        stats.set_item("writers", writers)?;
    }
    Ok(stats)
}
