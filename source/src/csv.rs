//! Separated values, with types that are inferred or given.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::{BufReader, Format};
use arrow_schema::{DataType, SchemaRef};

use crate::SourceError;
use crate::format::FORMATS;
use crate::input::{Opened, Whole};
use crate::options::Reading;
use crate::third_party::guard;
use crate::{Batches, schema};

/// Rows and bytes that types are inferred from.
const SAMPLE_ROWS: usize = 10_000;
const SAMPLE_BYTES: usize = 16 << 20;

/// Separated values.
pub(crate) struct Csv {
    reader: BufReader<Whole>,
    schema: SchemaRef,
    name: String,
}

impl Csv {
    pub(crate) fn open(
        mut opened: Opened,
        reading: &Reading,
        given: Option<&SchemaRef>,
    ) -> Result<Csv, SourceError> {
        let name = opened.name().to_owned();
        let delimiter = match (reading.delimiter, name.ends_with(".tsv")) {
            (b',', true) => b'\t',
            (delimiter, _) => delimiter,
        };
        let format = Format::default().with_header(reading.header).with_delimiter(delimiter);
        let schema = match given {
            Some(given) => {
                schema::supported(given, "CSV", has_csv_form)?;
                given.clone()
            }
            None => {
                let sample = opened.sample(SAMPLE_BYTES)?;
                let sample = sample.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&sample);
                is_text(sample, reading)
                    .map_err(|(why, advice)| SourceError::malformed(&name, why).advise(advice))?;
                let inferred = guard(&name, "CSV", || {
                    let inferred = format.infer_schema(sample, Some(SAMPLE_ROWS));
                    inferred.map_err(|error| SourceError::malformed(&name, error))
                })?;
                if reading.format.is_none() && inferred.0.fields().len() < 2 && !is_named_so(&name) {
                    return Err(SourceError::malformed(
                        &name,
                        "text, and no table: its first line has one field",
                    )
                    .advise("say --format csv if it is a column, and --delimiter if it has others"));
                }
                Arc::new(inferred.0)
            }
        };
        let reader = ReaderBuilder::new(schema.clone())
            .with_format(format)
            .with_batch_size(reading.batch_rows)
            .build_buffered(opened.text()?)
            .map_err(|error| SourceError::malformed(&name, error))?;
        Ok(Csv { reader, schema, name })
    }
}

/// Whether the name says that it is what it was taken for.
fn is_named_so(name: &str) -> bool {
    [".csv", ".tsv"].iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}

/// Whether it is text at all; the last letter of the sample may be cut. If not, why, and what to do.
fn is_text(sample: &[u8], reading: &Reading) -> Result<(), (String, &'static str)> {
    match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_some() => Err(match reading.format {
            None => ("its format is not recognised: it is no text in UTF-8 either".to_owned(), FORMATS),
            Some(_) => {
                let at = error.valid_up_to();
                (
                    format!("no text in UTF-8, from byte {at} on"),
                    "convert it, as in `iconv -f latin1 -t utf8 FILE | sender -`",
                )
            }
        }),
        _ => Ok(()),
    }
}

fn has_csv_form(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => has_csv_form(values),
        other => {
            !other.is_nested()
                && !matches!(
                    other,
                    DataType::Interval(_) | DataType::Duration(_) | DataType::FixedSizeBinary(_)
                )
        }
    }
}

impl std::fmt::Debug for Csv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Batches for Csv {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let Csv { reader, name, .. } = self;
        let advice = "types are inferred from the first rows; give them with --schema FILE if these mislead";
        guard(name, "CSV", || {
            reader.next().transpose().map_err(|error| SourceError::malformed(name, error).advise(advice))
        })
    }
}
