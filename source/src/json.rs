//! JSON: objects one after the other, a line each or not, or arrays of them.
//!
//! One thread cuts between objects; others parse. A field that no row had when types were inferred is an error: no
//! field is dropped silently.

mod big;
mod values;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use memchr::memchr2;
use rustix::event::{EventfdFlags, eventfd};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use self::big::Big;
use self::values::Exact;
use crate::csv::{BLOCK, Cutting, Ends, LONGEST, Scan, Splitter, WHOLE, unmarked};
use crate::input::Opened;
use crate::options::{InferRows, Reading};
use crate::pipeline::{Block, Parse, Pipeline, Split};
use crate::third_party::guard;
use crate::{Batches, SourceError, schema};

/// Rows that types are inferred from if an input cannot be examined as a whole.
const SAMPLE_ROWS: u64 = 10_000;

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
                let (inferred, basis) = infer(&opened, reading, &name, given)?;
                let fields = inferred.fields().iter().map(|field| field.as_ref().clone());
                (schema::apply(given, fields.collect(), &name, false)?, basis)
            }
        };
        let cutting = Cutting {
            bytes: if reading.batch_rows_asked { LONGEST } else { BLOCK },
            rows: reading.batch_rows as u64,
            flush_every: reading.flush_every,
            read: reading.read.clone(),
        };
        let parse = JsonParse { schema, basis, name };
        // A type that JSON cannot represent is refused before waiting for anything.
        parse.decode(b"", 0)?;
        let threads = reading.threads;
        Ok(Json { unread: Some(opened), cutting, parse: Arc::new(parse), pipeline: None, threads })
    }
}

/// Returns the schema of the examined rows, and which rows these are.
fn infer(
    opened: &Opened,
    reading: &Reading,
    name: &str,
    given: Option<&SchemaRef>,
) -> Result<(Schema, String), SourceError> {
    let small = opened.len().is_some_and(|len| len <= WHOLE);
    let again = opened.can_be_read_again() && !opened.is_known_whole();
    let rows = match reading.infer_rows {
        InferRows::All => u64::MAX,
        InferRows::Rows(rows) => rows,
        InferRows::Auto if small || opened.is_known_whole() => u64::MAX,
        InferRows::Auto => SAMPLE_ROWS,
    };
    let bytes = match again {
        true => opened.reopened()?,
        false => {
            let sample = opened.first(usize::MAX);
            let end = match opened.is_known_whole() {
                true => sample.len(),
                false => memchr::memrchr(b'\n', sample).map_or(sample.len(), |end| end + 1),
            };
            crate::input::Bytes::known(sample[..end].to_vec(), name)
        }
    };
    let read = Arc::new(AtomicU64::new(0));
    let cutting = Cutting { bytes: BLOCK, rows: u64::MAX, flush_every: reading.flush_every, read };
    let whole = again || opened.is_known_whole();
    let mut split = Splitter::new(bytes, JsonScan::new(whole), cutting, 0);
    let stop = eventfd(0, EventfdFlags::CLOEXEC)
        .map_err(|error| SourceError::host("cannot make an event", &error.into()))?;
    let mut order = HashMap::new();
    let mut big = Big::default();
    let (mut failure, mut seen, mut all) = (None, 0, true);
    let mut values = Vec::<Value>::new().into_iter();
    let next = || {
        loop {
            if seen >= rows {
                all = false;
                return None;
            }
            if let Some(mut value) = values.next() {
                seen += 1;
                // A given type is not inferred, nor refused if it could not be.
                for field in given.iter().flat_map(|given| given.fields()) {
                    if let Some(value) = value.get_mut(field.name()) {
                        *value = Value::Null;
                    }
                }
                big.look(&value);
                return Some(Ok(value));
            }
            let block = match split.next(&stop) {
                Ok(Some(block)) => block,
                Ok(None) => return None,
                Err(error) => {
                    failure = Some(error);
                    return None;
                }
            };
            let bytes = if block.line == 1 { unmarked(&block.bytes) } else { &block.bytes };
            let quoted = big::quote(bytes);
            let bytes = quoted.as_deref().unwrap_or(bytes);
            let read: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_slice(bytes).into_iter().collect();
            // A JSON value does not keep the order of its fields.
            for keys in serde_json::Deserializer::from_slice(bytes).into_iter::<Keys>().flatten() {
                for key in keys.0 {
                    let next = order.len();
                    order.entry(key).or_insert(next);
                }
            }
            match read {
                Ok(read) => values = read.into_iter(),
                Err(error) => {
                    let line = block.line + error.line() as u64 - 1;
                    let why = format!("line {line}: {error}");
                    failure = Some(SourceError::malformed(name, why));
                    return None;
                }
            }
        }
    };
    let mut next = next;
    let inferred = guard(name, "JSON", || {
        infer_json_schema_from_iterator(std::iter::from_fn(&mut next))
            .map_err(|error: ArrowError| SourceError::malformed(name, error))
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut fields = inferred?.fields().to_vec();
    for field in &mut fields {
        if let Some(data_type) = big.data_type(field.name()) {
            *field = Arc::new(field.as_ref().clone().with_data_type(data_type));
        }
    }
    fields.sort_by_key(|field: &Arc<Field>| order.get(field.name()).copied().unwrap_or(usize::MAX));
    let basis = match all && whole {
        true => "inferred from all rows".to_owned(),
        false => format!("inferred from the first {seen} rows"),
    };
    Ok((Schema::new(fields), basis))
}

/// Returns the keys of an object, in order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Keys;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys, M::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Visit)
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
        match self.decode(bytes, bytes.len() / 2) {
            Ok(Some(batch)) => Ok(batch),
            Ok(None) => Ok(RecordBatch::new_empty(self.schema.clone())),
            Err(error) => Err(self.blame(&block, bytes, error)),
        }
    }
}

/// Finds the ends of objects, and blanks out what is between them in an array.
#[derive(Debug)]
struct JsonScan {
    at: usize,
    depth: u32,
    array: bool,
    quoted: bool,
    line: u64,
    /// The line where the object began, and the line where the next does.
    began: u64,
    begins: u64,
    /// False for a sample, which may end within an object.
    whole: bool,
}

impl JsonScan {
    fn new(whole: bool) -> JsonScan {
        JsonScan { at: 0, depth: 0, array: false, quoted: false, line: 1, began: 1, begins: 1, whole }
    }
}

impl Scan for JsonScan {
    fn scan(&mut self, bytes: &mut [u8], rows: u64, ended: bool) -> Ends {
        let mut found = Ends::default();
        while found.rows < rows && self.at < bytes.len() {
            if self.quoted {
                let Some(next) = memchr2(b'"', b'\\', &bytes[self.at..]).map(|next| self.at + next) else {
                    self.at = bytes.len();
                    break;
                };
                if bytes[next] == b'\\' {
                    // The escaped character may not be there yet.
                    if next + 1 == bytes.len() && !ended {
                        self.at = next;
                        break;
                    }
                    self.at = (next + 2).min(bytes.len());
                } else {
                    self.quoted = false;
                    self.at = next + 1;
                }
                continue;
            }
            let byte = &mut bytes[self.at];
            self.at += 1;
            match *byte {
                b'"' => self.quoted = true,
                b'\n' => self.line += 1,
                b'[' if self.depth == 0 && !self.array => {
                    (self.array, self.began) = (true, self.line);
                    *byte = b' ';
                }
                b'{' | b'[' => {
                    if self.depth == 0 {
                        self.began = self.line;
                    }
                    self.depth += 1;
                }
                b']' if self.depth == 0 && self.array => {
                    self.array = false;
                    *byte = b' ';
                }
                b',' if self.depth == 0 && self.array => *byte = b' ',
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        found.rows += 1;
                        found.len = self.at;
                        self.begins = self.line;
                    }
                }
                _ => {}
            }
        }
        found.broken =
            ended && self.whole && (self.quoted || self.depth > 0 || self.array) && self.at == bytes.len();
        if ended && found.rows < rows && found.len < bytes.len() && !found.broken {
            found.len = if self.whole { bytes.len() } else { found.len };
        }
        found
    }

    fn cut(&mut self, len: usize) {
        self.at -= len;
    }

    fn next_line(&self) -> u64 {
        self.begins
    }

    fn unfinished(&self, name: &str, ended: bool) -> SourceError {
        let (what, line) = (if self.array && self.depth == 0 { "array" } else { "object" }, self.began);
        SourceError::malformed(
            name,
            match ended {
                true => format!("the {what} that begins in line {line} is never closed"),
                false => {
                    format!("the {what} that begins in line {line} is longer than {} MiB", LONGEST >> 20)
                }
            },
        )
        .advise("it was cut short, or is still being written; --format csv if it is no JSON")
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
