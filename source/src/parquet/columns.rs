//! The columns of a file, shared out among threads.
//!
//! Each thread reads its columns of the same rows, and the batches are put together in the order of the file. So all cores
//! decode without a row group in memory: at most two batches for each thread are on their way.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

use super::positioned::Positioned;
use crate::SourceError;
use crate::third_party::guard;

/// Batches that a thread reads ahead, beside the one that it is at.
const AHEAD: usize = 1;

/// A file that several threads read.
pub(super) struct Columns {
    parts: Vec<Part>,
    schema: SchemaRef,
    name: String,
}

/// Columns that one thread reads.
struct Part {
    /// Their places in the schema, in order.
    places: Vec<usize>,
    batches: Receiver<Result<RecordBatch, SourceError>>,
    /// The rest of the batch that came last.
    current: Option<RecordBatch>,
}

impl Columns {
    /// Starts a thread for each share of the columns, if there are at least two.
    pub(super) fn start(
        file: &Positioned,
        metadata: &ArrowReaderMetadata,
        name: &str,
        (batch_rows, offset, threads): (usize, usize, usize),
    ) -> Result<Option<Columns>, SourceError> {
        let shares = shares(metadata, threads);
        if shares.len() < 2 {
            return Ok(None);
        }
        let mut parts = Vec::with_capacity(shares.len());
        for places in shares {
            let (give, batches) = sync_channel(AHEAD);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
            let builder = builder.with_projection(mask).with_batch_size(batch_rows).with_offset(offset);
            let name = name.to_owned();
            let read = move || {
                let wrong = |error: &dyn std::fmt::Display| SourceError::malformed(&name, error);
                let mut reader = match guard(&name, "Parquet", || builder.build().map_err(|e| wrong(&e))) {
                    Ok(reader) => reader,
                    Err(error) => {
                        let _ = give.send(Err(error));
                        return;
                    }
                };
                loop {
                    let next = guard(&name, "Parquet", || reader.next().transpose().map_err(|e| wrong(&e)));
                    let Some(next) = next.transpose() else { return };
                    let failed = next.is_err();
                    // Nobody takes it any more if the source was dropped.
                    if give.send(next).is_err() || failed {
                        return;
                    }
                }
            };
            let spawned = thread::Builder::new().name("parquet".to_owned()).spawn(read);
            spawned.map_err(|error| SourceError::host("cannot start a thread", &error))?;
            parts.push(Part { places, batches, current: None });
        }
        Ok(Some(Columns { parts, schema: metadata.schema().clone(), name: name.to_owned() }))
    }

    /// Returns the next rows of all columns.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let mut rows = usize::MAX;
        let mut ended = 0;
        for part in &mut self.parts {
            if part.current.is_none() {
                part.current = part.batches.recv().ok().transpose()?;
            }
            match &part.current {
                Some(batch) => rows = rows.min(batch.num_rows()),
                None => ended += 1,
            }
        }
        if ended == self.parts.len() {
            return Ok(None);
        }
        if ended > 0 {
            return Err(SourceError::malformed(&self.name, "columns of different lengths"));
        }
        let mut columns: Vec<Option<ArrayRef>> = vec![None; self.schema.fields().len()];
        for part in &mut self.parts {
            let Some(batch) = part.current.take() else { continue };
            for (&place, column) in part.places.iter().zip(batch.columns()) {
                columns[place] = Some(column.slice(0, rows));
            }
            let left = batch.num_rows() - rows;
            part.current = (left > 0).then(|| batch.slice(rows, left));
        }
        let columns = columns.into_iter().flatten().collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map(Some)
            .map_err(|error| SourceError::malformed(&self.name, error))
    }
}

/// Shares the columns out: the next largest goes to who has least.
fn shares(metadata: &ArrowReaderMetadata, threads: usize) -> Vec<Vec<usize>> {
    let parquet = metadata.parquet_schema();
    let count = metadata.schema().fields().len();
    // Without a column of the one for each of the other there is nothing to share out by.
    if parquet.root_schema().get_fields().len() != count {
        return Vec::new();
    }
    let mut sizes: Vec<(u64, usize)> = (0..count).map(|place| (0, place)).collect();
    for group in metadata.metadata().row_groups() {
        for (leaf, column) in group.columns().iter().enumerate() {
            let size = u64::try_from(column.uncompressed_size()).unwrap_or(0);
            let (sum, _) = &mut sizes[parquet.get_column_root_idx(leaf)];
            *sum = sum.saturating_add(size);
        }
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut shares: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); threads.min(count)];
    for (size, place) in sizes {
        if let Some((sum, places)) = shares.iter_mut().min_by_key(|(sum, places)| (*sum, places.len())) {
            *sum = sum.saturating_add(size);
            places.push(place);
        }
    }
    shares
        .into_iter()
        .map(|(_, mut places)| {
            places.sort_unstable();
            places
        })
        .collect()
}
