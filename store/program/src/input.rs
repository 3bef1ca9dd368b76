//! Converts inputs to segments.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_adbc::{AdbcError, Drivers, Location, Origin};
use bowstring_source::options::SourceOptions;
use bowstring_source::{OnMisfit, Source, open};
use bowstring_store::segment::MakeError;
use bowstring_store::{SegmentWriter, Segments};

use crate::failure::{self, Failure};

/// Returns the options that read a file as it is.
pub(crate) fn options(path: &Path) -> SourceOptions {
    SourceOptions::new(vec![path.to_owned()])
}

/// Opens inputs as one table.
pub(crate) fn opened(options: &SourceOptions) -> Result<Source, Failure> {
    if options.compact_misfit == OnMisfit::Widen {
        return Err(Failure::usage("--compact-misfit widen makes two tables, and this is one")
            .advise("decide over all rows, with --compact"));
    }
    let (inputs, reading, choice) = options.resolve()?;
    Ok(open(&inputs, &reading, choice)?)
}

/// The table or query of a database that an input names, if it names one. A file has the same path whoever names it.
pub(crate) fn database(input: &Path) -> Result<Option<Origin>, Failure> {
    let parsed = Origin::parse(&input.to_string_lossy());
    let Some(mut origin) = parsed.map_err(|error| failure::database(&error))? else { return Ok(None) };
    if let Location::File(path) = &mut origin.location {
        *path = path.canonicalize().map_err(|error| Failure::host("cannot find the database", &error))?;
    }
    Ok(Some(origin))
}

/// Reads inputs into one segment of at most `most` bytes.
pub(crate) fn segments(options: &SourceOptions, drivers: &Drivers, most: u64) -> Result<Segments, Failure> {
    if let [input] = options.inputs.as_slice()
        && let Some(origin) = database(input)?
    {
        return of_database(&origin, drivers, most);
    }
    let mut source = opened(options)?;
    let schema = source.schema();
    let Source::Batches(window) = &mut source else {
        return Err(Failure::usage("a demonstration cannot be put").advise("write it to a file first"));
    };
    written(schema, most, std::iter::from_fn(|| window.next_batch().map_err(Failure::from).transpose()))
}

/// Reads a table or query of a database into one segment of at most `most` bytes.
pub(crate) fn of_database(origin: &Origin, drivers: &Drivers, most: u64) -> Result<Segments, Failure> {
    let failed = |error: AdbcError| failure::database(&error);
    let batches = origin.open(drivers).map_err(failed)?;
    written(batches.schema(), most, batches.map(|batch| batch.map_err(failed)))
}

fn written(
    schema: SchemaRef,
    most: u64,
    batches: impl Iterator<Item = Result<RecordBatch, Failure>>,
) -> Result<Segments, Failure> {
    let failed = |error: MakeError| {
        let exit = match &error {
            MakeError::TooLarge { .. } => bowstring_cli::exit::Exit::Refused,
            _ => bowstring_cli::exit::Exit::Other,
        };
        Failure::new(exit, error.to_string())
    };
    let mut writer = SegmentWriter::new(schema).map_err(failed)?.at_most(most);
    for batch in batches {
        writer.write(&batch?).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}
