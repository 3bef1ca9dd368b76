//! Parquet, compressed with Snappy.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Row groups are also closed at this size, so that wide tables need no more memory than long ones.
const GROUP_BYTES: usize = 128 << 20;

/// Writes Parquet.
pub(super) struct Parquet {
    writer: ArrowWriter<Output>,
    watch: Watch,
}

impl Parquet {
    pub(super) fn new(output: Output, schema: &SchemaRef) -> Result<Parquet, Failure> {
        let watch = output.watch();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("bowstring receiver ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(output, schema.clone(), Some(properties));
        Ok(Parquet { writer: writer.map_err(|error| watch.explain(error))?, watch })
    }
}

impl Sink for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        // The columns are encoded here and now; the batch is not kept.
        let mut written = self.writer.write(batch);
        if written.is_ok() && self.writer.in_progress_size() > GROUP_BYTES {
            written = self.writer.flush();
        }
        written.map_err(|error| self.watch.explain(error))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        if let End::Partial(missing) = end {
            let pair = |(key, value): (&str, String)| KeyValue::new(key.to_owned(), value);
            missing.metadata().map(pair).for_each(|pair| self.writer.append_key_value_metadata(pair));
        }
        match end {
            End::Whole | End::Partial(_) => {
                self.writer.into_inner().map_err(|error| self.watch.explain(error))?.finish()
            }
            End::BrokenOff => Ok(()),
        }
    }
}
