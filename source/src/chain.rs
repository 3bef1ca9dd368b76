//! Reads several inputs one after the other, as one table.

use std::sync::Arc;

use crate::options::Format;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};

use crate::SourceError;
use crate::input::Opened;
use crate::options::{Input, Reading};
use crate::{Batches, csv, excel, file, format, json, parquet, schema, stream};

/// Inputs whose schemas agree.
#[derive(Debug)]
pub(crate) struct Chain {
    inputs: Vec<Input>,
    reading: Reading,
    /// The types given by the user.
    given: Option<SchemaRef>,
    schema: SchemaRef,
    /// Rows of each input, if known.
    rows: Vec<Option<u64>>,
    /// The schema of each input, so that it is inferred once.
    schemas: Vec<SchemaRef>,
    /// The size of each input, if it is a file.
    sizes: Vec<Option<u64>>,
    current: Box<dyn Batches>,
    /// The index of the current input.
    at: usize,
}

impl Chain {
    /// Opens all inputs, to check that their schemas agree, and stays with the first.
    pub(crate) fn open(inputs: &[Input], reading: &Reading) -> Result<Chain, SourceError> {
        let given = reading.schema.as_deref().map(schema::read).transpose()?;
        let mut first: Option<Box<dyn Batches>> = None;
        let mut schema: Option<Schema> = None;
        let mut rows = Vec::with_capacity(inputs.len());
        let mut schemas = Vec::with_capacity(inputs.len());
        let mut sizes = Vec::with_capacity(inputs.len());
        let mut read = None;
        reading.position.go_to(0);
        for input in inputs {
            let (opened, size) = open(input, reading, given.as_ref(), None)?;
            sizes.push(size);
            // Only the first is read on from here.
            read.get_or_insert(reading.position.read());
            schemas.push(opened.schema().clone());
            rows.push(opened.rows());
            schema = Some(match schema {
                None => opened.schema().as_ref().clone(),
                Some(so_far) => agree(&so_far, opened.schema(), &inputs[0], input)?,
            });
            // Standard input is opened only once; elsewhere an input can be closed and opened again.
            match (&first, input, inputs.len()) {
                (None, ..) => first = Some(opened),
                (Some(_), Input::Stdin, _) => {
                    return Err(SourceError::usage("standard input must come first among several inputs"));
                }
                _ => {}
            }
        }
        let (Some(current), Some(schema)) = (first, schema) else {
            return Err(SourceError::usage("nothing to send"));
        };
        reading.position.go_to(read.unwrap_or(0));
        let size = sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add((*size)?));
        reading.position.set_size(size);
        let (inputs, reading) = (inputs.to_vec(), reading.clone());
        Ok(Chain { inputs, reading, given, schema: Arc::new(schema), rows, schemas, sizes, current, at: 0 })
    }

    /// Goes back to the first input.
    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        self.go_to(0)
    }

    fn go_to(&mut self, at: usize) -> Result<(), SourceError> {
        self.reading.position.go_to(self.sizes[..at].iter().flatten().sum());
        let exact = Some(&self.schemas[at]);
        (self.current, _) = open(&self.inputs[at], &self.reading, self.given.as_ref(), exact)?;
        self.at = at;
        Ok(())
    }

    /// Returns the batch under the schema that all inputs share.
    fn adopt(&self, batch: RecordBatch) -> Result<RecordBatch, SourceError> {
        if Arc::ptr_eq(batch.schema_ref(), &self.schema) {
            return Ok(batch);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (_, columns, _) = batch.into_parts();
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| SourceError::malformed(&self.inputs[self.at].name(), error))
    }
}

impl Batches for Chain {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        self.rows.iter().try_fold(0_u64, |sum, rows| sum.checked_add((*rows)?))
    }

    fn skip(&mut self, rows: u64) -> Result<u64, SourceError> {
        let mut skipped = 0;
        // Whole inputs first, while their lengths are known.
        while let Some(whole) = self.rows[self.at]
            && skipped + whole <= rows
            && self.at + 1 < self.inputs.len()
        {
            skipped += whole;
            self.go_to(self.at + 1)?;
        }
        Ok(skipped + self.current.skip(rows - skipped)?)
    }

    fn choose(&mut self, batch: usize) -> Result<bool, SourceError> {
        self.current.choose(batch)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        loop {
            if let Some(batch) = self.current.next()? {
                return self.adopt(batch).map(Some);
            }
            if self.at + 1 == self.inputs.len() {
                return Ok(None);
            }
            self.go_to(self.at + 1)?;
        }
    }
}

/// Opens an input, and returns its size too, if it is a file.
fn open(
    input: &Input,
    reading: &Reading,
    given: Option<&SchemaRef>,
    exact: Option<&SchemaRef>,
) -> Result<(Box<dyn Batches>, Option<u64>), SourceError> {
    let opened = Opened::open(input, reading)?;
    let size = opened.size();
    let format = match reading.format {
        Some(format) => format,
        None => format::recognise(&opened)?,
    };
    let batches: Box<dyn Batches> = match format {
        Format::Arrow => Box::new(file::ArrowFile::open(opened)?),
        Format::Arrows => Box::new(stream::ArrowStream::open(opened)?),
        Format::Parquet => Box::new(parquet::ParquetFile::open(opened, reading)?),
        Format::Csv => Box::new(csv::Csv::open(opened, reading, given, exact)?),
        Format::Jsonl => Box::new(json::Json::open(opened, reading, given, exact)?),
        Format::Excel => Box::new(excel::Excel::open(opened, reading, given)?),
    };
    Ok((batches, size))
}

/// Returns the schema of both, if they agree: names and types must be the same; a column that may be null in one may
/// be null in both.
fn agree(first: &Schema, other: &Schema, first_name: &Input, name: &Input) -> Result<Schema, SourceError> {
    let (first_name, name) = (first_name.name(), name.name());
    let differ = |what: String| {
        SourceError::malformed(&name, what)
            .advise("inputs of one table must have the same columns; see --schema for text")
    };
    if first.fields().len() != other.fields().len() {
        let (here, there) = (other.fields().len(), first.fields().len());
        return Err(differ(format!("{here} columns, and {first_name} has {there}")));
    }
    let mut fields = Vec::with_capacity(first.fields().len());
    for (a, b) in first.fields().iter().zip(other.fields()) {
        if a.name() != b.name() || a.data_type() != b.data_type() {
            let (b, b_type, a, a_type) = (b.name(), b.data_type(), a.name(), a.data_type());
            return Err(differ(format!(
                "column {b:?} of {b_type}, where {first_name} has {a:?} of {a_type}"
            )));
        }
        let field: &Field = a;
        fields.push(field.clone().with_nullable(a.is_nullable() || b.is_nullable()));
    }
    Ok(Schema::new_with_metadata(fields, first.metadata().clone()))
}
