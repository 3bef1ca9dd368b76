//! Parquet files.

mod columns;
mod intervals;
mod positioned;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::Batches;
use crate::SourceError;
use crate::csv::BLOCK;
use crate::input::Opened;
use crate::options::Reading;
use crate::parquet::columns::Columns;
use crate::parquet::intervals::Months;
use crate::parquet::positioned::Positioned;
use crate::third_party::guard;

/// A Parquet file.
pub(crate) struct ParquetFile {
    file: Positioned,
    metadata: ArrowReaderMetadata,
    /// `None` until the first batch is asked for.
    reader: Option<Reader>,
    months: Option<Months>,
    schema: SchemaRef,
    rows: u64,
    /// Rows to leave out.
    offset: usize,
    batch_rows: usize,
    threads: usize,
    name: String,
}

/// The reader of all columns, or threads that read some each.
enum Reader {
    One(ParquetRecordBatchReader),
    Several(Columns),
}

impl ParquetFile {
    pub(crate) fn open(opened: Opened, reading: &Reading) -> Result<ParquetFile, SourceError> {
        let name = opened.name().to_owned();
        let file = Positioned::new(opened.file()?);
        let (metadata, months, batch_rows) = guard(&name, "Parquet", || {
            let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
            let metadata = metadata.map_err(|error| wrong(&name, error))?;
            let batch_rows = match reading.batch_rows_asked {
                true => reading.batch_rows,
                false => reading.batch_rows.min(rows_of_block(metadata.metadata())),
            };
            let months = Months::of(&metadata, file.clone(), batch_rows);
            Ok((metadata, months.map_err(|error| wrong(&name, error))?, batch_rows))
        })?;
        let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        let schema =
            months.as_ref().map_or_else(|| metadata.schema().clone(), |months| months.schema().clone());
        let threads = reading.threads;
        Ok(ParquetFile {
            file,
            metadata,
            reader: None,
            months,
            schema,
            rows,
            offset: 0,
            batch_rows,
            threads,
            name,
        })
    }

    /// Begins to read.
    fn reader(&self) -> Result<Reader, SourceError> {
        // The months of an interval come from a reader of their own, batch by batch.
        let threads = if self.months.is_some() { 1 } else { self.threads };
        let how = (self.batch_rows, self.offset, threads);
        if let Some(columns) = Columns::start(&self.file, &self.metadata, &self.name, how)? {
            return Ok(Reader::Several(columns));
        }
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone());
        let builder = builder.with_batch_size(self.batch_rows).with_offset(self.offset);
        builder.build().map(Reader::One).map_err(|error| SourceError::malformed(&self.name, error))
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
        // The row count of an existing file; beyond the address space nothing is skipped.
        let Ok(places) = usize::try_from(offset) else { return Ok(0) };
        if self.reader.is_some() {
            return Ok(0);
        }
        self.offset = places;
        self.months.iter_mut().for_each(|months| months.skip(places));
        Ok(offset)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let name = self.name.clone();
        guard(&name, "Parquet", || {
            if self.reader.is_none() {
                self.reader = Some(self.reader()?);
            }
            let next = match &mut self.reader {
                None => None,
                Some(Reader::Several(columns)) => columns.next()?,
                Some(Reader::One(reader)) => {
                    reader.next().transpose().map_err(|error| SourceError::malformed(&name, error))?
                }
            };
            let (Some(batch), Some(months)) = (&next, &mut self.months) else { return Ok(next) };
            months.complete(batch).map(Some).map_err(|error| SourceError::malformed(&name, error))
        })
    }
}

/// Returns the rows that take about as much as a block of text does: several batches are on their way at a time.
fn rows_of_block(file: &ParquetMetaData) -> usize {
    let rows = u64::try_from(file.file_metadata().num_rows()).unwrap_or(0).max(1);
    let mut width = 0_u64;
    for leaf in 0..file.file_metadata().schema_descr().num_columns() {
        // Text in a dictionary takes less in the file than it does here; most writers say how much that is.
        let columns = file.row_groups().iter().filter_map(|group| group.columns().get(leaf));
        let sizes = columns.clone().map(|column| {
            let texts = column.unencoded_byte_array_data_bytes().unwrap_or(0);
            u64::try_from(column.uncompressed_size().max(texts)).unwrap_or(0)
        });
        let encoded = sizes.fold(0_u64, u64::saturating_add) / rows;
        let plain = columns.clone().next().map_or(0, |column| match column.column_type() {
            Type::BOOLEAN => 0,
            Type::INT32 | Type::FLOAT => 4,
            Type::INT96 | Type::INT64 | Type::DOUBLE => 8,
            // A dictionary's key, or a length.
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => 4,
        });
        width = width.saturating_add(encoded.max(plain));
    }
    usize::try_from(BLOCK as u64 / width.max(1)).unwrap_or(1).max(1)
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
