//! An open input: decompressed, its first bytes known, readable from the first byte on.

mod codec;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::codec::Codec;
use crate::csv::LONGEST;
use crate::options::{Input, Reading};
use crate::{Position, SourceError};

/// Bytes to infer types from in an input that cannot be read twice.
const PREFIX: usize = 256 << 10;

/// Bytes that identify every format.
const FIRST: usize = 8;

/// Bytes of a file from which its format and its dialect are detected.
const HEAD: usize = 256 << 10;

/// The pause between two checks of the interrupt flag, if no signal ends the wait for input earlier.
const LOOK: Duration = Duration::from_millis(200);

/// An input from its first byte on.
pub(crate) type Whole = BufReader<Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>>;

/// An open input.
pub(crate) struct Opened {
    file: Arc<File>,
    codec: Codec,
    /// The bytes read so far, decompressed.
    head: Vec<u8>,
    ended: bool,
    rest: Box<dyn Read + Send>,
    /// True if all of it can be read again from the file.
    again: bool,
    interrupt: Option<Arc<AtomicBool>>,
    /// Bytes of the file from here on, if it is one.
    size: Option<u64>,
    name: String,
}

/// Bytes as they come, and how to wait for them.
pub(crate) struct Bytes {
    head: Cursor<Vec<u8>>,
    rest: Box<dyn Read + Send>,
    /// The pipe or terminal that they come through uncompressed.
    live: Option<Arc<File>>,
    pub(crate) name: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Opened {
    /// Opens a file or standard input.
    pub(crate) fn open(input: &Input, reading: &Reading) -> Result<Opened, SourceError> {
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
        // A file that was partly read, as standard input may have been, is read from its current offset.
        let at = if kind.is_file() { file.stream_position().ok() } else { None };
        let again = at == Some(0);
        let position = reading.position.clone();
        let mut opened = Opened {
            file: Arc::new(file),
            codec: Codec::None,
            head: Vec::new(),
            ended: false,
            rest: Box::new(io::empty()),
            again,
            interrupt: reading.interrupt.clone(),
            size: at.map(|at| kind.len().saturating_sub(at)),
            name,
        };
        opened.rest = Box::new(Shared(opened.file.clone(), position.clone()));
        // Only enough to detect the format: a slow pipe is not waited for.
        opened.fill(FIRST)?;
        opened.codec = Codec::of(&opened.head);
        if opened.codec != Codec::None {
            let raw =
                Cursor::new(std::mem::take(&mut opened.head)).chain(Shared(opened.file.clone(), position));
            opened.rest = opened.codec.decoder(raw).map_err(|error| opened.unreadable(&error))?;
            opened.ended = false;
            opened.fill(FIRST)?;
        }
        if again {
            opened.fill(HEAD)?;
        }
        Ok(opened)
    }

    fn unreadable(&self, error: &io::Error) -> SourceError {
        match (self.codec, error.kind()) {
            (Codec::None, _) => SourceError::input(&self.name, error),
            (_, io::ErrorKind::UnexpectedEof) => {
                SourceError::malformed(&self.name, "the compressed data ends too early")
                    .advise("it was cut short, or is still being written")
            }
            (codec, _) => SourceError::malformed(&self.name, format!("not valid {codec:?} data: {error}")),
        }
    }

    /// True if bytes come through a pipe or a terminal, as they are written.
    fn is_live(&self) -> bool {
        !self.again && self.codec == Codec::None
    }

    /// Reads on until `len` bytes are known, or the input ends.
    fn fill(&mut self, len: usize) -> Result<(), SourceError> {
        while !self.ended && self.head.len() < len {
            while self.is_live() && !readable(&self.file, None, LOOK) {
                if self.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
                    return Err(SourceError::interrupted());
                }
            }
            self.read_some(len)?;
        }
        Ok(())
    }

    fn read_some(&mut self, len: usize) -> Result<(), SourceError> {
        let old = self.head.len();
        self.head.resize(len.max(old), 0);
        let read = loop {
            match self.rest.read(&mut self.head[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.head.truncate(old + *read.as_ref().unwrap_or(&0));
        self.ended |= matches!(read, Ok(0));
        read.map(drop).map_err(|error| self.unreadable(&error))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// True if the input can be read twice.
    pub(crate) fn can_be_read_again(&self) -> bool {
        self.again
    }

    /// Returns the size of the file, if it is one and not compressed.
    pub(crate) fn len(&self) -> Option<u64> {
        let known = self.again && self.codec == Codec::None;
        self.file.metadata().ok().filter(|_| known).map(|kind| kind.len())
    }

    /// Returns the bytes of the file as they are stored, from the place where it is read on.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Returns the first bytes, at most `most`.
    pub(crate) fn first(&self, most: usize) -> &[u8] {
        &self.head[..most.min(self.head.len())]
    }

    /// Returns bytes to detect a dialect and infer types from: whole lines of the beginning.
    ///
    /// Of a pipe, it takes what comes until `flush_every` after there are `lines` lines, and no more than fits its
    /// buffers.
    pub(crate) fn sample(&mut self, lines: usize, flush_every: Duration) -> Result<&[u8], SourceError> {
        if !self.again {
            let mut deadline = None;
            while !self.ended && self.head.len() < PREFIX {
                if deadline.is_none() && memchr::memchr_iter(b'\n', &self.head).take(lines).count() == lines {
                    deadline = Some(Instant::now() + flush_every);
                }
                if let Some(deadline) = deadline.filter(|_| self.is_live()) {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || !readable(&self.file, None, left) {
                        break;
                    }
                    self.read_some(PREFIX)?;
                } else {
                    self.more()?;
                }
            }
        }
        Ok(self.lines())
    }

    /// Returns the whole lines that are known.
    fn lines(&self) -> &[u8] {
        let head = &self.head[..];
        match memchr::memrchr(b'\n', head) {
            Some(end) if !self.ended => &head[..end + 1],
            _ => head,
        }
    }

    /// Reads what comes next: at least a byte, unless the input ends.
    pub(crate) fn more(&mut self) -> Result<(), SourceError> {
        let known = self.head.len();
        self.fill(known + 1)?;
        if !self.ended && (!self.is_live() || readable(&self.file, None, Duration::ZERO)) {
            self.read_some((2 * known).max(PREFIX))?;
        }
        Ok(())
    }

    /// Reads on until this number of lines is known: that of the names may be longer than a sample. Returns the whole lines
    /// that are known.
    pub(crate) fn complete_lines(&mut self, lines: usize) -> Result<&[u8], SourceError> {
        let (mut looked, mut found, mut old) = (0, 0, 0);
        while !self.ended && self.head.len() < LONGEST {
            let new = &self.head[looked..];
            found += memchr::memchr_iter(b'\n', new).count();
            // Some old files have carriage returns alone.
            old += memchr::memchr_iter(b'\r', new).count();
            if found >= lines || found == 0 && old >= lines {
                break;
            }
            looked = self.head.len();
            self.more()?;
        }
        Ok(self.lines())
    }

    /// True if the sample is the whole input.
    pub(crate) fn is_known_whole(&self) -> bool {
        self.ended
    }

    /// Returns all of it again, from a descriptor of its own.
    pub(crate) fn reopened(&self) -> Result<Bytes, SourceError> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let file = File::open(path).map_err(|error| SourceError::input(&self.name, &error))?;
        let rest = self.codec.decoder(file).map_err(|error| self.unreadable(&error))?;
        Ok(Bytes { head: Cursor::new(Vec::new()), rest, live: None, name: self.name.clone() })
    }

    /// Returns a part of a plain file.
    pub(crate) fn part(&self, from: u64, len: usize) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let mut part = vec![0; len];
        let read = self.file.read_at(&mut part, from)?;
        part.truncate(read);
        Ok(part)
    }

    /// Keeps an input that cannot be read twice in an unnamed file, so that it can.
    pub(crate) fn keep(self) -> Result<Opened, SourceError> {
        if self.again {
            return Ok(self);
        }
        let (name, interrupt) = (self.name.clone(), self.interrupt.clone());
        let file = self.file()?;
        let rest = Box::new(file.try_clone().map_err(|error| SourceError::input(&name, &error))?);
        let mut kept = Opened {
            file: Arc::new(file),
            codec: Codec::None,
            head: Vec::new(),
            ended: false,
            rest,
            again: true,
            interrupt,
            size: None,
            name,
        };
        kept.fill(HEAD)?;
        Ok(kept)
    }

    /// Returns all of it, to be waited for.
    pub(crate) fn bytes(self) -> Bytes {
        let live = self.is_live().then(|| self.file.clone());
        Bytes { head: Cursor::new(self.head), rest: self.rest, live, name: self.name }
    }

    /// Returns all of it, as a stream.
    pub(crate) fn stream(self) -> Whole {
        BufReader::with_capacity(1 << 20, Cursor::new(self.head).chain(self.rest))
    }

    /// Returns all of it, as a file that can be read anywhere. A pipe or a compressed file is kept in an unnamed
    /// file.
    pub(crate) fn file(mut self) -> Result<File, SourceError> {
        if self.again && self.codec == Codec::None {
            // Others may share the offset, but reading uses its own.
            let file = self.file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
            return file.map_err(|error| SourceError::input(&self.name, &error));
        }
        let mut spooled = unnamed().and_then(|mut file| {
            io::copy(&mut &self.head[..], &mut file)?;
            Ok(file)
        });
        if let Ok(file) = &mut spooled {
            let copied = io::copy(&mut self.rest, file);
            spooled = match copied {
                Ok(_) => file.seek(SeekFrom::Start(0)).and_then(|_| file.try_clone()),
                Err(error) if self.codec != Codec::None => return Err(self.unreadable(&error)),
                Err(error) => Err(error),
            };
        }
        spooled.map_err(|error| {
            let what = format!("cannot keep {} in {}: {error}", self.name, std::env::temp_dir().display());
            SourceError::host(&what, &error)
                .advise("formats with their index at the end need that; or send a file")
        })
    }
}

impl Bytes {
    /// Creates an input of bytes that are known already.
    pub(crate) fn known(bytes: Vec<u8>, name: &str) -> Bytes {
        Bytes { head: Cursor::new(bytes), rest: Box::new(io::empty()), live: None, name: name.to_owned() }
    }

    /// Waits for bytes. Returns false if none came in time.
    pub(crate) fn wait(&self, stop: BorrowedFd<'_>, patience: Option<Duration>) -> bool {
        match &self.live {
            Some(file) if self.head.position() >= self.head.get_ref().len() as u64 => {
                readable(file, Some(stop), patience.unwrap_or(Duration::from_secs(3600)))
            }
            _ => true,
        }
    }
}

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.head.read(into)? {
            0 => self.rest.read(into),
            read => Ok(read),
        }
    }
}

/// Waits until a file can be read, or `stop` is set. Returns false if neither happened in time, or a signal came.
fn readable(file: &File, stop: Option<BorrowedFd<'_>>, patience: Duration) -> bool {
    let both = [Some(file.as_fd()), stop];
    let mut fds: Vec<_> =
        both.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let patience = Timespec::try_from(patience).ok();
    // A file that cannot be polled is read directly.
    match poll(&mut fds, patience.as_ref()) {
        Ok(ready) => ready > 0,
        Err(error) => error != rustix::io::Errno::INTR,
    }
}

/// A file that is read at its own offset.
struct Shared(Arc<File>, Arc<Position>);

impl Read for Shared {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(into).inspect(|&read| self.1.advance(read))
    }
}

/// Returns an unnamed file, which is deleted with its descriptor.
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
