//! Parquet files.

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::Batches;
use crate::SourceError;
use crate::input::Opened;
use crate::options::Reading;
use crate::third_party::guard;

/// A Parquet file.
pub(crate) struct ParquetFile {
    /// `None` once rows were chosen.
    builder: Option<ParquetRecordBatchReaderBuilder<File>>,
    reader: Option<ParquetRecordBatchReader>,
    schema: SchemaRef,
    rows: u64,
    name: String,
}

impl ParquetFile {
    pub(crate) fn open(opened: Opened, reading: &Reading) -> Result<ParquetFile, SourceError> {
        let name = opened.name().to_owned();
        let file = opened.file()?;
        let builder = guard(&name, "Parquet", || {
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
                let advice = "its index is at its end: it may have been cut short, or is still being written";
                SourceError::malformed(&name, error).advise(advice)
            })
        })?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let schema = builder.schema().clone();
        let builder = Some(builder.with_batch_size(reading.batch_rows));
        Ok(ParquetFile { builder, reader: None, schema, rows, name })
    }
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Batches for ParquetFile {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn skip(&mut self, rows: u64) -> Result<u64, SourceError> {
        let offset = rows.min(self.rows);
        let Some(builder) = self.builder.take() else { return Ok(0) };
        // The row count of an existing file; beyond the address space nothing is skipped.
        match usize::try_from(offset) {
            Ok(offset) => self.builder = Some(builder.with_offset(offset)),
            Err(_) => {
                self.builder = Some(builder);
                return Ok(0);
            }
        }
        Ok(offset)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let ParquetFile { builder, reader, name, .. } = self;
        guard(name, "Parquet", || {
            if let Some(builder) = builder.take() {
                let built = builder.build().map_err(|error| SourceError::malformed(name, error))?;
                *reader = Some(built);
            }
            let next = reader.as_mut().and_then(Iterator::next).transpose();
            next.map_err(|error| SourceError::malformed(name, error))
        })
    }
}
