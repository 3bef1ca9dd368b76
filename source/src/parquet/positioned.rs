//! A file that is read at positions, so that several threads read it and nobody moves another's.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A file that readers share.
#[derive(Debug, Clone)]
pub(super) struct Positioned(Arc<File>);

impl Positioned {
    pub(super) fn new(file: File) -> Positioned {
        Positioned(Arc::new(file))
    }
}

impl Length for Positioned {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Positioned {
    type T = BufReader<Tape>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Tape { file: self.0.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // Memory is not taken for bytes that a file only claims to have.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end")));
        }
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// A reader with a position of its own.
#[derive(Debug)]
pub(super) struct Tape {
    file: Arc<File>,
    at: u64,
}

impl Read for Tape {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
