//! Inputs made into segments.

use std::path::Path;

use bowstring_source::options::SourceOptions;
use bowstring_source::{Source, SourceError, open};
use bowstring_store::segment::MakeError;
use bowstring_store::{SegmentWriter, Segments};

use crate::failure::Failure;

/// Returns the options that read a file as it is.
pub(crate) fn options(path: &Path) -> SourceOptions {
    SourceOptions::new(vec![path.to_owned()])
}

/// Opens inputs as one table.
pub(crate) fn opened(options: &SourceOptions) -> Result<Source, SourceError> {
    let (inputs, reading, choice) = options.resolve()?;
    open(&inputs, &reading, choice)
}

/// Reads inputs into one segment of at most so many bytes.
pub(crate) fn segments(options: &SourceOptions, most: u64) -> Result<Segments, Failure> {
    let mut source = opened(options)?;
    let failed = |error: MakeError| {
        let exit = match &error {
            MakeError::TooLarge { .. } => bowstring_cli::exit::Exit::Refused,
            _ => bowstring_cli::exit::Exit::Other,
        };
        Failure::new(exit, error.to_string())
    };
    let mut writer = SegmentWriter::new(source.schema()).map_err(failed)?.at_most(most);
    let Source::Batches(window) = &mut source else {
        return Err(Failure::usage("a demonstration cannot be put").advise("write it to a file first"));
    };
    while let Some(batch) = window.next_batch()? {
        writer.write(&batch).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}
