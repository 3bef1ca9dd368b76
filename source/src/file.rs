//! Arrow IPC files, including Feather V2: batches in any order, located by the footer.

use std::fs::File;
use std::io::BufReader;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::interop::Align;
use bowstring::codec::read::IoFileReader;

use crate::Batches;
use crate::SourceError;
use crate::input::Opened;

/// An Arrow IPC file.
#[derive(Debug)]
pub(crate) struct ArrowFile {
    reader: IoFileReader<BufReader<File>>,
    name: String,
    rows: u64,
    /// The index of the next batch.
    next: usize,
    end: usize,
}

impl ArrowFile {
    pub(crate) fn open(opened: Opened) -> Result<ArrowFile, SourceError> {
        let name = opened.name().to_owned();
        let failed = |error| SourceError::arrow(&name, &error);
        let mut reader = IoFileReader::new(BufReader::new(opened.file()?)).map_err(failed)?;
        let end = reader.num_batches();
        let mut rows = 0_u64;
        for batch in 0..end {
            rows = rows.saturating_add(reader.num_rows(batch).map_err(failed)? as u64);
        }
        Ok(ArrowFile { reader, rows, next: 0, end, name })
    }

    fn failed(&self) -> impl Fn(bowstring::codec::read::IoError) -> SourceError + use<> {
        let name = self.name.clone();
        move |error| SourceError::arrow(&name, &error)
    }
}

impl Batches for ArrowFile {
    fn schema(&self) -> &SchemaRef {
        self.reader.schema()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn skip(&mut self, rows: u64) -> Result<u64, SourceError> {
        let mut skipped = 0;
        while self.next < self.end {
            let whole = self.reader.num_rows(self.next).map_err(self.failed())? as u64;
            if skipped + whole > rows {
                break;
            }
            skipped += whole;
            self.next += 1;
        }
        Ok(skipped)
    }

    fn choose(&mut self, batch: usize) -> Result<bool, SourceError> {
        let there = self.reader.num_batches();
        if batch >= there {
            let what = format!("there is no batch {batch} in {}: it has {there}", self.name);
            return Err(SourceError::usage(what));
        }
        (self.next, self.end) = (batch, batch + 1);
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if self.next == self.end {
            return Ok(None);
        }
        let imported = self.reader.record_batch(self.next, Align::Copy).map_err(self.failed())?;
        self.next += 1;
        Ok(Some(imported.batch))
    }
}
