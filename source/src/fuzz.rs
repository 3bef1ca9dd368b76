//! Arbitrary files, for fuzzing.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use crate::options::Format;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::Batches;
use crate::chain::Chain;
use crate::options::{Input, Reading};
use crate::{Kind, SourceError};

/// The most rows read of a file, and the rows of a batch.
const MOST: usize = 10_000;
const BATCH: usize = 100;

/// Opens a file as `sender` would; the first byte chooses one of the formats, or detection. Either its batches have
/// the schema that it began with, or it is refused as malformed, or because of the options.
///
/// # Panics
///
/// If a source breaks that promise.
pub fn source(bytes: &[u8]) {
    let Some((choice, content)) = bytes.split_first() else { return };
    // The library for workbooks trusts their word for how much memory they need.
    if content.starts_with(b"PK") || content.starts_with(&[0xd0, 0xcf]) {
        return;
    }
    let formats = [None, Some(Format::Csv), Some(Format::Jsonl), Some(Format::Arrow), Some(Format::Arrows)];
    let format = formats[usize::from(*choice) % formats.len()];
    if let Err(failure) = read(format, choice & 0x80 == 0, content) {
        assert!(matches!(failure.kind, Kind::Malformed | Kind::Usage), "{failure:?}");
        assert!(!failure.what.is_empty(), "a refusal says why");
    }
}

/// Reads the file to its end, or until there is enough of it.
fn read(format: Option<Format>, header: bool, content: &[u8]) -> Result<(), SourceError> {
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC).expect("a file in memory"));
    file.write_all(content).expect("room for an input");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
    let reading = Reading {
        format,
        header,
        batch_rows: BATCH,
        batch_rows_asked: true,
        threads: 1,
        ..Reading::default()
    };
    let mut chain = Chain::open(&[Input::File(path)], &reading)?;
    let schema = chain.schema().clone();
    let mut rows = 0;
    while rows < MOST {
        let Some(batch) = chain.next()? else { break };
        assert_eq!(batch.schema(), schema, "every batch is of the schema that was announced");
        rows += batch.num_rows().max(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fuzzing_has_kept_is_read_or_refused() {
        let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let mut seeds = 0;
        for kept in ["seeds", "corpus", "artifacts"] {
            let Ok(inputs) = fuzz.join(kept).join("source").read_dir() else { continue };
            for input in inputs {
                source(&std::fs::read(input.unwrap().path()).unwrap());
                seeds += usize::from(kept == "seeds");
            }
        }
        assert!(seeds > 0, "there are seeds");
    }

    #[test]
    fn each_format_gets_through() {
        assert_eq!(read(Some(Format::Csv), true, b"a,b\n1,x\n2,y\n"), Ok(()));
        assert_eq!(read(Some(Format::Jsonl), true, b"{\"a\":1}\n{\"a\":2}\n"), Ok(()));
        assert_eq!(read(Some(Format::Csv), true, b"a,b\n1,x\n2\n").unwrap_err().kind, Kind::Malformed);
        assert_eq!(read(Some(Format::Arrow), true, b"ARROW1").unwrap_err().kind, Kind::Malformed);
    }
}
