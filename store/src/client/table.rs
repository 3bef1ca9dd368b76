//! An open table: its rows are in the files of their producer, mapped as they are read.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, SchemaRef};
use bowstring_codec::decode::{Decoder, MessageKind};
use bowstring_codec::interop::{Align, ImportError};

use super::Position;
use crate::error::StoreError;
use crate::segment::map;
use crate::wire::WireFault;
use crate::wire::message::{Metadata, Record, SchemaAt, TableHead};

/// A segment in memory.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub(crate) memory: Buffer,
}

impl Mapped {
    /// Returns the bytes of its messages.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory
    }
}

/// A schema that came before, and its message.
#[derive(Clone, Debug)]
pub(super) struct Known {
    message: Arc<[u8]>,
    schema: SchemaRef,
}

/// A version of a table, or some rows of it. It never changes, whatever happens to the name or the store.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    source: String,
    version: u64,
    base: u64,
    bytes: u64,
    made: u64,
    first_row: u64,
    rows: Range<u64>,
    message: Arc<[u8]>,
    schema: SchemaRef,
    metadata: Metadata,
    segments: Arc<[Mapped]>,
}

impl Table {
    pub(super) fn new(
        head: TableHead,
        parts: Vec<(Vec<Record>, Vec<OwnedFd>)>,
        before: Option<&Known>,
    ) -> Result<Table, StoreError> {
        let mut parts = parts.into_iter();
        let (records, fds) = parts.next().unwrap_or_default();
        let mut fds = fds.into_iter();
        let message: Arc<[u8]> = match (&head.schema, before) {
            (SchemaAt::Inline(bytes), _) => bytes.as_slice().into(),
            (SchemaAt::Descriptor(len), _) => match fds.next() {
                Some(fd) => map(&fd, (*len).into())?.as_slice().into(),
                None => return Err(StoreError::Protocol(WireFault::Descriptors { found: 0, wanted: 1 })),
            },
            (SchemaAt::AsBefore, Some(before)) => before.message.clone(),
            (SchemaAt::AsBefore, None) => return Err(StoreError::Protocol(WireFault::Value(0))),
        };
        let mut segments = Vec::with_capacity(head.segments as usize);
        for (record, fd) in records.into_iter().zip(fds) {
            segments.push(Mapped { memory: map(&fd, record.len)? });
        }
        for (records, fds) in parts {
            for (record, fd) in records.into_iter().zip(fds) {
                segments.push(Mapped { memory: map(&fd, record.len)? });
            }
        }
        // Followers are given many short tables of one schema: it is read once.
        let schema = match (&head.schema, before) {
            (SchemaAt::AsBefore, Some(before)) => before.schema.clone(),
            _ => Decoder::from_schema_message(&message).map_err(StoreError::Schema)?.schema().clone(),
        };
        let TableHead { version, base, from_row, first_row, end_row, bytes, made, .. } = head;
        if from_row < first_row || end_row < from_row {
            return Err(StoreError::Protocol(WireFault::Value(0)));
        }
        Ok(Table {
            name: head.name,
            source: head.source,
            version,
            base,
            bytes,
            made,
            first_row,
            rows: from_row..end_row,
            message,
            schema,
            metadata: head.metadata,
            segments: segments.into(),
        })
    }

    /// Returns its schema, for tables that come later.
    pub(super) fn known(&self) -> Known {
        Known { message: self.message.clone(), schema: self.schema.clone() }
    }

    /// Returns the table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the source of its rows; empty if a client put them.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the position after its last row, to ask later for the rows added since.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { base: self.base, row: self.rows.end }
    }

    /// Returns the numbers of its rows.
    #[must_use]
    pub fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    /// Returns the bytes of the whole version.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns when the version was made, in nanoseconds since 1970.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the encapsulated schema message.
    #[must_use]
    pub fn schema_message(&self) -> &Arc<[u8]> {
        &self.message
    }

    /// Returns the table's keys and values.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the segments.
    #[must_use]
    pub fn segments(&self) -> &[Mapped] {
        &self.segments
    }

    /// Reads the batches, whose buffers are in the segments. Each is checked in full when it is read.
    pub fn batches(&self) -> Result<Batches, StoreError> {
        Batches::new(&self.message, self.segments.clone(), self.first_row, self.rows.clone())
    }

    /// Reads some columns of the batches, by their places in the schema and in this order. Others are neither checked nor
    /// read.
    ///
    /// ```
    /// fn rows_with_a_size(table: &bowstring_store::Table) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let size = table.schema().index_of("size")?;
    ///     let mut rows = 0;
    ///     for batch in table.batches_of(&[size])? {
    ///         let batch = batch?;
    ///         rows += batch.num_rows() - batch.column(0).null_count();
    ///     }
    ///     Ok(rows)
    /// }
    /// ```
    pub fn batches_of(&self, columns: &[usize]) -> Result<Batches, StoreError> {
        let schema = self.schema.project(columns).map_err(|_| StoreError::NoColumn)?;
        let mut batches = self.batches()?;
        batches.columns = Some((schema.into(), columns.into()));
        Ok(batches)
    }
}

/// The batches of a table.
#[derive(Debug)]
pub struct Batches {
    decoder: Decoder,
    segments: Arc<[Mapped]>,
    segment: usize,
    at: usize,
    /// The number of the next batch's first row.
    row: u64,
    rows: Range<u64>,
    /// The columns that are read, with their schema, if not all are.
    columns: Option<(SchemaRef, Box<[usize]>)>,
    over: bool,
}

impl Batches {
    pub(crate) fn new(
        schema: &[u8],
        segments: Arc<[Mapped]>,
        first_row: u64,
        rows: Range<u64>,
    ) -> Result<Batches, StoreError> {
        let decoder = Decoder::from_schema_message(schema).map_err(StoreError::Schema)?;
        Ok(Batches { decoder, segments, segment: 0, at: 0, row: first_row, rows, columns: None, over: false })
    }

    /// Returns the next message: its segment, where it begins there, and its bytes.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, StoreError> {
        loop {
            let Some(Mapped { memory }) = self.segments.get(self.segment) else {
                // All announced rows must have come.
                return if self.row >= self.rows.end { Ok(None) } else { Err(StoreError::Rows) };
            };
            if self.at >= memory.len() {
                (self.segment, self.at) = (self.segment + 1, 0);
                continue;
            }
            if self.row >= self.rows.end && self.rows.end > self.rows.start {
                return Ok(None);
            }
            let (segment, at) = (self.segment, self.at);
            let failed = |error: ImportError| StoreError::Message { segment, at, error };
            let message = memory.slice(at);
            let (kind, len) = self.decoder.measure(&message).map_err(|error| failed(error.into()))?;
            self.at = at.saturating_add(len.max(1));
            match kind {
                MessageKind::Dictionary => {
                    self.decoder.dictionary(&message).map_err(|error| failed(error.into()))?;
                }
                MessageKind::Batch => {
                    let view = self.decoder.decode(&message).map_err(|error| failed(error.into()))?;
                    let first = self.row;
                    self.row = first.saturating_add(view.num_rows() as u64);
                    if self.row <= self.rows.start {
                        continue;
                    }
                    let imported = match &self.columns {
                        Some((schema, columns)) => {
                            view.columns_to_record_batch(schema, columns, &message, Align::Copy)
                        }
                        None => view
                            .validate()
                            .map_err(ImportError::from)
                            .and_then(|view| view.to_record_batch(&message, Align::Copy)),
                    };
                    let imported = imported.map_err(failed)?;
                    return Ok(Some(self.cut(&imported.batch, first)));
                }
                _ => return Err(StoreError::Protocol(WireFault::Value(at))),
            }
        }
    }

    /// Returns the requested rows of a batch.
    fn cut(&self, batch: &RecordBatch, first: u64) -> RecordBatch {
        // Both are within the batch's rows, which are a usize.
        let start = self.rows.start.saturating_sub(first) as usize;
        let end = self.rows.end.saturating_sub(first).min(batch.num_rows() as u64) as usize;
        match (start, end) {
            (0, end) if end == batch.num_rows() => batch.clone(),
            (start, end) => batch.slice(start, end.saturating_sub(start)),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.next_batch().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The batches as a `RecordBatchReader`.
#[derive(Debug)]
pub struct Reader(pub Batches);

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|batch| batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        match &self.0.columns {
            Some((schema, _)) => schema.clone(),
            None => self.0.decoder.schema().clone(),
        }
    }
}
