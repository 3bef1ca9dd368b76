//! A table in one frozen file, for any number of processes of the host.
//!
//! [`freeze`] writes a table once, as an Arrow IPC stream in a memory file that nobody can change any more. A process
//! that gets its descriptor [`attach`]es it: the arrays are in the file itself, which is freed with the last of them
//! and the last descriptor.
//!
//! ```
//! use std::sync::Arc;
//! use std::os::fd::AsFd;
//! use arrow_array::{Int64Array, RecordBatch};
//! let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
//! let batch = RecordBatch::try_from_iter([("n", column)])?;
//! let (file, len) = bowstring::share::freeze(batch.schema(), [Ok(batch.clone())])?;
//! let (_schema, batches) = bowstring::share::attach(file.as_fd(), len)?;
//! assert_eq!(batches, [batch]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use bowstring_codec::interop::{Align, ImportError, share};
use bowstring_codec::read::StreamReader;
use bowstring_codec::{LayoutError, OnGrowth, Plan, StreamWriter, WriteError};
use bowstring_transport::RegionFault;
use bowstring_transport::region::FrozenView;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

/// Writes a table into a memory file and freezes it. Returns the file, and its length in bytes.
pub fn freeze(
    schema: SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<(OwnedFd, usize), ShareError> {
    let mut writer = StreamWriter::new(File::from(create()?), Plan::new(schema)?, OnGrowth::Replace)?;
    for batch in batches {
        writer.write(&batch.map_err(|error| ShareError::Source(error.to_string().into()))?)?;
    }
    let file = writer.finish()?;
    let len = file.metadata().map_err(|error| host(&error))?.len();
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).map_err(ShareError::Host)?;
    Ok((file.into(), usize::try_from(len).map_err(|_| ShareError::Host(Errno::FBIG))?))
}

fn create() -> Result<OwnedFd, ShareError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("bowstring-share", flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(Errno::INVAL) => memfd_create("bowstring-share", flags).map_err(ShareError::Host),
        made => made.map_err(ShareError::Host),
    }
}

/// Maps a frozen file of `len` bytes from any process, page by page as it is read, and checks it in full. The descriptor may be
/// closed afterwards.
pub fn attach(file: BorrowedFd<'_>, len: usize) -> Result<(SchemaRef, Vec<RecordBatch>), ShareError> {
    let view = FrozenView::attach_lazily(file, len).map_err(ShareError::Region)?;
    let mut reader = StreamReader::new(share(view)).map_err(ImportError::from)?;
    let mut batches = Vec::new();
    while let Some(imported) = reader.next_record_batch(Align::Copy)? {
        batches.push(imported.batch);
    }
    Ok((reader.schema().clone(), batches))
}

/// Reasons why a table was not shared or attached.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShareError {
    /// No message can be laid out for the schema.
    Layout(LayoutError),
    /// A batch does not fit the schema, or the file cannot take it.
    Write(WriteError),
    /// The source of the batches failed.
    Source(Box<str>),
    /// The file is not frozen, or shorter than it should be.
    Region(RegionFault),
    /// The file holds no valid table.
    Import(ImportError),
    /// A system call failed.
    Host(Errno),
}

fn host(error: &std::io::Error) -> ShareError {
    ShareError::Host(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

impl From<LayoutError> for ShareError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}

impl From<WriteError> for ShareError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<ImportError> for ShareError {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::Source(why) => f.write_str(why),
            Self::Region(fault) => fault.fmt(f),
            Self::Import(error) => error.fmt(f),
            Self::Host(errno) => errno.fmt(f),
        }
    }
}

impl std::error::Error for ShareError {}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn a_file_that_can_change_or_holds_no_table_is_refused() {
        let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let (file, len) = freeze(batch.schema(), [Ok(batch)]).unwrap();
        assert!(matches!(attach(file.as_fd(), len + 1), Err(ShareError::Region(_))));
        assert!(matches!(attach(file.as_fd(), 8), Err(ShareError::Import(_))));
        let open = create().unwrap();
        assert!(matches!(attach(open.as_fd(), 0), Err(ShareError::Region(_))));
    }
}
