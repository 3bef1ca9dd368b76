//! Arrow IPC streams: batches as they come.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::interop::Align;
use bowstring::codec::read::IoReader;

use crate::Batches;
use crate::SourceError;
use crate::input::{Opened, Whole};

/// An Arrow IPC stream.
pub(crate) struct ArrowStream {
    reader: IoReader<Whole>,
    name: String,
    /// The single requested batch, if there is one; `None` in it once it was returned.
    chosen: Option<Option<RecordBatch>>,
}

impl std::fmt::Debug for ArrowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrowStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ArrowStream {
    pub(crate) fn open(opened: Opened) -> Result<ArrowStream, SourceError> {
        let name = opened.name().to_owned();
        let reader = IoReader::new(opened.stream()).map_err(|error| SourceError::arrow(&name, &error))?;
        Ok(ArrowStream { reader, name, chosen: None })
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let imported = self.reader.next_record_batch(Align::Copy);
        let imported = imported.map_err(|error| SourceError::arrow(&self.name, &error))?;
        Ok(imported.map(|imported| imported.batch))
    }
}

impl Batches for ArrowStream {
    fn schema(&self) -> &SchemaRef {
        self.reader.schema()
    }

    fn choose(&mut self, batch: usize) -> Result<bool, SourceError> {
        for there in 0..=batch {
            let Some(found) = self.read()? else {
                let what = format!("there is no batch {batch} in {}: it has {there}", self.name);
                return Err(SourceError::usage(what));
            };
            if there == batch {
                self.chosen = Some(Some(found));
            }
        }
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        match &mut self.chosen {
            Some(chosen) => Ok(chosen.take()),
            None => self.read(),
        }
    }
}
