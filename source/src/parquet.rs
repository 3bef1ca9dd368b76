//! Parquet files.

mod intervals;

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::Batches;
use crate::SourceError;
use crate::input::Opened;
use crate::options::Reading;
use crate::parquet::intervals::Months;
use crate::third_party::guard;

/// A Parquet file.
pub(crate) struct ParquetFile {
    /// `None` once rows were chosen.
    builder: Option<ParquetRecordBatchReaderBuilder<File>>,
    reader: Option<ParquetRecordBatchReader>,
    months: Option<Months>,
    schema: SchemaRef,
    rows: u64,
    name: String,
}

impl ParquetFile {
    pub(crate) fn open(opened: Opened, reading: &Reading) -> Result<ParquetFile, SourceError> {
        let name = opened.name().to_owned();
        let file = opened.file()?;
        let again = file.try_clone().map_err(|error| SourceError::host(&name, &error))?;
        let (builder, months) = guard(&name, "Parquet", || {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| wrong(&name, error))?;
            let months =
                Months::of(&builder, again, reading.batch_rows).map_err(|error| wrong(&name, error))?;
            Ok((builder, months))
        })?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let schema =
            months.as_ref().map_or_else(|| builder.schema().clone(), |months| months.schema().clone());
        let builder = Some(builder.with_batch_size(reading.batch_rows));
        Ok(ParquetFile { builder, reader: None, months, schema, rows, name })
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
            Ok(offset) => {
                self.builder = Some(builder.with_offset(offset));
                self.months.iter_mut().for_each(|months| months.skip(offset));
            }
            Err(_) => {
                self.builder = Some(builder);
                return Ok(0);
            }
        }
        Ok(offset)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let ParquetFile { builder, reader, months, name, .. } = self;
        guard(name, "Parquet", || {
            if let Some(builder) = builder.take() {
                let built = builder.build().map_err(|error| SourceError::malformed(name, error))?;
                *reader = Some(built);
            }
            let next = reader.as_mut().and_then(Iterator::next).transpose();
            let next = next.map_err(|error| SourceError::malformed(name, error))?;
            let (Some(batch), Some(months)) = (&next, months) else { return Ok(next) };
            months.complete(batch).map(Some).map_err(|error| SourceError::malformed(name, error))
        })
    }
}

/// Returns the error for a file that cannot be opened, with advice that fits.
fn wrong(name: &str, error: ParquetError) -> SourceError {
    let advice = match &error {
        ParquetError::EOF(_) | ParquetError::NeedMoreData(_) | ParquetError::IndexOutOfBound(..) => true,
        // What stands at the end of a file that was cut short is no footer.
        ParquetError::General(why) => {
            ["footer", "magic", "metadata"].iter().any(|part| why.to_lowercase().contains(part))
        }
        _ => false,
    };
    let error = SourceError::malformed(name, error);
    match advice {
        true => {
            error.advise("its index is at its end: it may have been cut short, or is still being written")
        }
        false => error.advise("it has a type or an encoding that the `parquet` crate does not read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_cut_short_is_called_so() {
        let advice = |error| wrong("x", error).advice.unwrap_or_default();
        assert!(advice(ParquetError::EOF("footer".into())).contains("cut short"));
        assert!(
            advice(ParquetError::General("Invalid Parquet file. Corrupt footer".into()))
                .contains("cut short")
        );
        for other in [
            ParquetError::NYI("Int128".into()),
            ParquetError::ArrowError("unknown type".into()),
            ParquetError::General("cannot convert FIXED_LEN_BYTE_ARRAY of 16 bytes".into()),
        ] {
            assert!(advice(other).contains("does not read"));
        }
    }
}
