//! Begins a table, and makes batches fit it.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use bowstring::transport::Deliveries;
use bowstring::{Sender, SetUpError};
use pyo3::prelude::*;

use crate::errors;

const SLOTS: usize = 64;
const PAGE: usize = 4096;
/// The largest pool that a first batch brings about.
const MOST: usize = 512 << 20;
/// The bytes that may wait for a first reader, whatever the pool.
const WAITING: usize = 64 << 20;

/// A sender whose pool holds at least four batches like the first, unless it was given a size.
pub(super) fn sender(
    schema: &SchemaRef,
    first: Option<&RecordBatch>,
    size: Option<usize>,
    deliveries: Deliveries,
    keep: usize,
) -> Result<Sender, SetUpError> {
    let pool = size.unwrap_or_else(|| first.map_or(0, |first| (4 * message_len(first)).min(MOST)));
    let slot = pool.div_ceil(SLOTS).next_multiple_of(PAGE).max(if size.is_some() { PAGE } else { 64 << 10 });
    Sender::builder(schema.clone()).slots(SLOTS as u32, slot).deliveries(deliveries).keep(keep).build()
}

/// About how long the message of a batch is going to be: its data, and room for metadata and padding.
fn message_len(batch: &RecordBatch) -> usize {
    let data: usize = batch.columns().iter().filter_map(|c| c.to_data().get_slice_memory_size().ok()).sum();
    data + 1024 + 512 * batch.num_columns()
}

pub(super) fn waiting_room(sender: &Sender) -> usize {
    let stats = sender.stats().transport;
    usize::try_from(stats.slots * stats.slot_size).unwrap_or(WAITING).max(WAITING)
}

/// The batch with the table's schema: names and types must be the same; metadata may differ, and a column that allows
/// nulls will do where there are none.
pub(super) fn conform(py: Python<'_>, schema: &SchemaRef, batch: RecordBatch) -> PyResult<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let has = batch.schema();
    if has.fields().len() != schema.fields().len() {
        let message =
            format!("the table has {} columns, and this batch {}", schema.fields().len(), has.fields().len());
        return Err(errors::schema_mismatch(py, message));
    }
    for (has, wanted) in has.fields().iter().zip(schema.fields()) {
        if has.name() != wanted.name() || !has.data_type().equals_datatype(wanted.data_type()) {
            let message = format!(
                "the table's column is {:?}: {}, and this batch's {:?}: {}",
                wanted.name(),
                wanted.data_type(),
                has.name(),
                has.data_type()
            );
            return Err(errors::schema_mismatch(py, message));
        }
    }
    let options =
        RecordBatchOptions::new().with_row_count(Some(batch.num_rows())).with_match_field_names(false);
    let made = RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options);
    made.map_err(|error| errors::schema_mismatch(py, error))
}
