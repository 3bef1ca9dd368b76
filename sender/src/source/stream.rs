//! Arrow IPC streams: batches as they come.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::interop::Align;
use bowstring::codec::read::IoReader;

use super::Batches;
use super::input::{Opened, Whole};
use crate::failure::Failure;

/// An Arrow IPC stream.
#[derive(Debug)]
pub(crate) struct ArrowStream {
    reader: IoReader<Whole>,
    name: String,
    /// Whether only one more batch is wanted, or none.
    chosen: Option<bool>,
}

impl ArrowStream {
    pub(crate) fn open(opened: Opened) -> Result<ArrowStream, Failure> {
        let name = opened.name().to_owned();
        let reader = IoReader::new(opened.stream()).map_err(|error| Failure::arrow(&name, &error))?;
        Ok(ArrowStream { reader, name, chosen: None })
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let imported = self.reader.next_record_batch(Align::Copy);
        let imported = imported.map_err(|error| Failure::arrow(&self.name, &error))?;
        Ok(imported.map(|imported| imported.batch))
    }
}

impl Batches for ArrowStream {
    fn schema(&self) -> &SchemaRef {
        self.reader.schema()
    }

    fn choose(&mut self, batch: usize) -> Result<bool, Failure> {
        for there in 0..batch {
            if self.read()?.is_none() {
                let what = format!("there is no batch {batch} in {}: it has {there}", self.name);
                return Err(Failure::usage(what));
            }
        }
        self.chosen = Some(true);
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self.chosen {
            Some(false) => return Ok(None),
            Some(true) => self.chosen = Some(false),
            None => {}
        }
        self.read()
    }
}
