//! JSON: objects one after the other, a line each or not, or arrays of them.
//!
//! One thread cuts between objects; others parse. Most objects are plain: `flat` decodes them. Where it gives up, the
//! `arrow-json` crate reads the same bytes, and says what is wrong with them if anything is. A field that no row had when types were inferred is an error: no
//! field is dropped silently.

mod big;
mod flat;
mod infer;
mod look;
mod plain;
mod scan;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::SchemaRef;

use self::flat::Flat;
use self::infer::infer;
use self::scan::JsonScan;
use self::values::Exact;
use crate::csv::{Cutting, Scan, Splitter, unmarked};
use crate::input::Opened;
use crate::options::{InferRows, Reading};
use crate::pipeline::{Block, Parse, Pipeline};
use crate::third_party::guard;
use crate::{Batches, SourceError, schema};

/// JSON.
pub(crate) struct Json {
    unread: Option<Opened>,
    cutting: Cutting,
    parse: Arc<JsonParse>,
    pipeline: Option<Pipeline>,
    threads: usize,
}

struct JsonParse {
    schema: SchemaRef,
    /// The quick way, where each column has a type that it knows.
    flat: Option<Flat>,
    basis: String,
    name: String,
}

impl Json {
    /// Opens JSON. `exact` is the schema if it is already known.
    pub(crate) fn open(
        mut opened: Opened,
        reading: &Reading,
        given: Option<&SchemaRef>,
        exact: Option<&SchemaRef>,
    ) -> Result<Json, SourceError> {
        let name = opened.name().to_owned();
        if reading.infer_rows == InferRows::All && exact.is_none() {
            opened = opened.keep()?;
        }
        let (schema, basis) = match exact {
            Some(exact) => (exact.clone(), "inferred before".to_owned()),
            None => {
                opened.sample(1, reading.flush_every)?;
                let (inferred, basis) = infer(&mut opened, reading, &name, given)?;
                let fields = inferred.fields().iter().map(|field| field.as_ref().clone());
                (schema::apply(given, fields.collect(), &name, false)?, basis)
            }
        };
        let cutting = Cutting::of(reading, schema.fields().len());
        let parse = JsonParse { flat: Flat::new(&schema), schema, basis, name };
        // A type that JSON cannot represent is refused before waiting for anything.
        parse.decode(b"", 0)?;
        let threads = reading.threads;
        Ok(Json { unread: Some(opened), cutting, parse: Arc::new(parse), pipeline: None, threads })
    }
}

impl JsonParse {
    /// Parses objects one after the other.
    fn decode(&self, bytes: &[u8], rows: usize) -> Result<Option<RecordBatch>, SourceError> {
        guard(&self.name, "JSON", || {
            let failed = |error| SourceError::malformed(&self.name, error);
            let mut decoder = ReaderBuilder::new(self.schema.clone())
                .with_batch_size(rows.max(1))
                .with_strict_mode(true)
                .with_coerce_primitive(true)
                .with_decoder_factory(Arc::new(Exact))
                .build_decoder()
                .map_err(failed)?;
            let read = decoder.decode(bytes).map_err(failed)?;
            let batch = decoder.flush().map_err(failed)?;
            match bytes[read.min(bytes.len())..].iter().all(u8::is_ascii_whitespace) {
                true => Ok(batch),
                false => Err(SourceError::malformed(&self.name, "more rows than were counted")),
            }
        })
    }

    /// Returns the error of the row that cannot be parsed.
    fn blame(&self, block: &Block, bytes: &[u8], whole: SourceError) -> SourceError {
        let mut scan = JsonScan::new(true);
        let mut rest = bytes.to_vec();
        let (mut row, mut line) = (block.row, block.line);
        loop {
            let found = scan.scan(&mut rest, 1, true);
            if found.rows == 0 {
                return whole;
            }
            if let Err(error) = self.decode(&rest[..found.len], 1) {
                let why = error.what.strip_prefix(&format!("{}: ", self.name)).unwrap_or(&error.what);
                // Blank lines before the object belong to the piece.
                let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
                let line = line + blank.filter(|byte| **byte == b'\n').count() as u64;
                let what = format!("row {row} (line {line}): {why} ({})", self.basis);
                return SourceError::malformed(&self.name, what).advise(
                    "--infer-rows all looks at all rows first; or give the column's type with --schema",
                );
            }
            rest.drain(..found.len);
            scan.cut(found.len);
            row += 1;
            line = block.line + scan.next_line() - 1;
        }
    }
}

impl Parse for JsonParse {
    fn parse(&self, block: Block) -> Result<RecordBatch, SourceError> {
        let bytes = if block.line == 1 { unmarked(&block.bytes) } else { &block.bytes };
        if let Some(batch) = self.flat.as_ref().and_then(|flat| flat.decode(bytes)) {
            return Ok(batch);
        }
        match self.decode(bytes, bytes.len() / 2) {
            Ok(Some(batch)) => Ok(batch),
            Ok(None) => Ok(RecordBatch::new_empty(self.schema.clone())),
            Err(error) => Err(self.blame(&block, bytes, error)),
        }
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Json").field("name", &self.parse.name).finish_non_exhaustive()
    }
}

impl Batches for Json {
    fn schema(&self) -> &SchemaRef {
        &self.parse.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if let Some(opened) = self.unread.take() {
            let split = Splitter::new(opened.bytes(), JsonScan::new(true), self.cutting.clone(), 0);
            self.pipeline = Some(Pipeline::start(split, self.parse.clone(), self.threads)?);
        }
        let Some(pipeline) = &mut self.pipeline else { return Ok(None) };
        loop {
            match pipeline.next()? {
                Some(batch) if batch.num_rows() == 0 => {}
                batch => return Ok(batch),
            }
        }
    }
}
