//! An input, opened: its first bytes are known, and it can be read from the first on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, SeekFrom};
use std::os::fd::AsFd;

use crate::SourceError;
use crate::options::Input;

/// Bytes that are read of what cannot be read twice, to recognise formats and infer types from.
const PREFIX: usize = 256 << 10;

/// Bytes by which every format is recognised.
const FIRST: usize = 8;

/// An input that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    /// What was read already. Empty where the input can be read twice.
    prefix: Vec<u8>,
    seekable: bool,
    name: String,
}

/// An input from its first byte on.
pub(crate) type Whole = BufReader<Chain<Cursor<Vec<u8>>, File>>;

impl Opened {
    /// Opens a file, or takes standard input.
    pub(crate) fn open(input: &Input) -> Result<Opened, SourceError> {
        let name = input.name();
        let file = match input {
            Input::File(path) => File::open(path),
            _ => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        let mut file = file.map_err(|error| SourceError::input(&name, &error))?;
        let kind = file.metadata().map_err(|error| SourceError::input(&name, &error))?;
        if kind.is_dir() {
            return Err(SourceError::usage(format!("{name} is a directory")).advise("name the files in it"));
        }
        // A file that was read from already, as standard input may have been, is taken from where it stands.
        let seekable = kind.is_file() && file.stream_position().is_ok_and(|at| at == 0);
        let mut opened = Opened { file, prefix: Vec::new(), seekable, name };
        if !seekable {
            // No more than it takes to recognise the format: whoever writes to a pipe slowly is not waited for.
            opened.fill_prefix(FIRST)?;
        }
        Ok(opened)
    }

    /// Reads more of what cannot be read twice, until there are so many bytes or no more come.
    fn fill_prefix(&mut self, len: usize) -> Result<(), SourceError> {
        let more = len.saturating_sub(self.prefix.len());
        let read = (&self.file).take(more as u64).read_to_end(&mut self.prefix);
        read.map(drop).map_err(|error| SourceError::input(&self.name, &error))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes, up to `most`, for a look.
    pub(crate) fn first(&mut self, most: usize) -> Result<Vec<u8>, SourceError> {
        if !self.seekable {
            return Ok(self.prefix[..most.min(self.prefix.len())].to_vec());
        }
        let mut first = Vec::new();
        let read = (&self.file).take(most as u64).read_to_end(&mut first);
        read.and_then(|_| self.file.rewind()).map_err(|error| SourceError::input(&self.name, &error))?;
        Ok(first)
    }

    /// Bytes to infer types from: whole lines of the beginning, up to `most` of a file.
    pub(crate) fn sample(&mut self, most: usize) -> Result<Vec<u8>, SourceError> {
        if !self.seekable {
            self.fill_prefix(PREFIX)?;
        }
        let mut sample = self.first(most)?;
        let read_all = match self.seekable {
            true => sample.len() < most,
            false => self.prefix.len() < PREFIX,
        };
        if !read_all && let Some(end) = sample.iter().rposition(|&byte| byte == b'\n') {
            sample.truncate(end + 1);
        }
        Ok(sample)
    }

    /// All of it, as a stream, without the mark that some editors put before text.
    pub(crate) fn text(mut self) -> Result<Whole, SourceError> {
        let marked = self.first(3)? == [0xef, 0xbb, 0xbf];
        let name = self.name.clone();
        let mut whole = self.stream();
        if marked {
            whole.read_exact(&mut [0; 3]).map_err(|error| SourceError::input(&name, &error))?;
        }
        Ok(whole)
    }

    /// All of it, as a stream.
    pub(crate) fn stream(self) -> Whole {
        BufReader::with_capacity(1 << 20, Cursor::new(self.prefix).chain(self.file))
    }

    /// All of it, as a file that can be read anywhere. What comes through a pipe is kept in a file without a name.
    pub(crate) fn file(mut self) -> Result<File, SourceError> {
        if self.seekable {
            return Ok(self.file);
        }
        let spooled = spool(&self.prefix, &mut self.file);
        spooled.map_err(|error| {
            let what = format!("cannot keep {} in {}: {error}", self.name, std::env::temp_dir().display());
            SourceError::host(&what, &error)
                .advise("formats with their index at the end need that; or send a file")
        })
    }
}

fn spool(prefix: &[u8], rest: &mut File) -> io::Result<File> {
    let mut spool = unnamed()?;
    io::copy(&mut &prefix[..], &mut spool)?;
    io::copy(rest, &mut spool)?;
    spool.seek(SeekFrom::Start(0))?;
    Ok(spool)
}

/// A file without a name, which is gone with its descriptor.
fn unnamed() -> io::Result<File> {
    let directory = std::env::temp_dir();
    for attempt in 0..100 {
        let path = directory.join(format!("bowstring-{}-{attempt}", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return std::fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
