//! The output: standard output, or a file that gets its name only once it is complete.
//!
//! Writers of formats wrap I/O errors in their own and some lose what kind it was. So an [`Output`] remembers the
//! first error it met, and whoever asks gets that one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::failure::{Failure, STDOUT};

/// Large enough that a system call is made for many rows, small enough to stay in the cache.
const BUFFER: usize = 256 << 10;

/// The most that is written to a file between two looks whether to stop.
const PIECE: usize = 1 << 20;

/// The end of the name of a file that is kept although it is not complete.
pub(crate) const PART: &str = ".part";

/// The size that a pipe accepts at once if it accepts anything.
const PAGE: usize = 4096;

/// The time after a signal in which a line that was begun may still come to its end.
const GRACE: Duration = Duration::from_millis(40);
const GRACE_TIMESPEC: Timespec = Timespec { tv_sec: 0, tv_nsec: 40_000_000 };

/// Standard output or a file, buffered.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<Sluice>,
    draft: Option<Draft>,
    name: String,
}

impl Output {
    /// Standard output, without the line buffer that `std` would put in front of it.
    pub(crate) fn stdout() -> Result<Output, Failure> {
        Output::stoppable(Arc::default())
    }

    /// Standard output, which is given up once `stop` is raised.
    pub(crate) fn stoppable(stop: Arc<AtomicBool>) -> Result<Output, Failure> {
        let name = STDOUT.to_owned();
        match io::stdout().as_fd().try_clone_to_owned() {
            Ok(fd) => Ok(Output::over(File::from(fd), None, name, stop)),
            Err(error) => Err(Failure::Output { name, error }),
        }
    }

    /// Returns a file. It appears under its name when [`finish`](Self::finish) succeeds; until then nothing is there
    /// that could be taken for it. What is no plain file, such as a pipe or a device, is written to as it is.
    pub(crate) fn create(path: &Path, stop: Arc<AtomicBool>) -> Result<Output, Failure> {
        if path.as_os_str() == "-" {
            return Output::stoppable(stop);
        }
        let name = path.display().to_string();
        let opened = match fs::metadata(path) {
            Ok(there) if !there.is_file() => {
                fs::OpenOptions::new().write(true).open(path).map(|file| (file, None))
            }
            _ => Draft::begin(path).map(|(file, draft)| (file, Some(draft))),
        };
        match opened {
            Ok((file, draft)) => Ok(Output::over(file, draft, name, stop)),
            Err(error) => Err(Failure::Output { name, error }),
        }
    }

    /// Returns a file that is there as `FILE.part` from the beginning, with whatever was flushed, and gets its name when
    /// [`finish`](Self::finish) succeeds. What a killed program leaves behind is kept: nothing is written over it.
    pub(crate) fn create_kept(path: &Path, stop: Arc<AtomicBool>) -> Result<Output, Failure> {
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => return Output::create(path, stop),
            _ => {}
        }
        let mut part = path.as_os_str().to_owned();
        part.push(PART);
        let part = PathBuf::from(part);
        let name = part.display().to_string();
        match fs::OpenOptions::new().write(true).create_new(true).open(&part) {
            Ok(file) => {
                let draft = Draft { path: path.to_owned(), temporary: part, named: true, kept: true };
                // A plain file keeps nobody waiting, and its end is worth a signal's time.
                Ok(Output::over(file, Some(draft), name, Arc::default()))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Left { part }),
            Err(error) => Err(Failure::Output { name, error }),
        }
    }

    /// Returns an output to a file that is open already.
    pub(crate) fn opened(file: File, name: &str) -> Output {
        Output::over(file, None, name.to_owned(), Arc::default())
    }

    fn over(file: File, draft: Option<Draft>, name: String, stop: Arc<AtomicBool>) -> Output {
        // A pipe is full when its reader sleeps.
        let blocks = file.metadata().is_ok_and(|there| !there.is_file());
        let sluice = Sluice { file, trouble: Trouble::default(), blocks, stop, stopped: None };
        Output { out: BufWriter::with_capacity(BUFFER, sluice), draft, name }
    }

    /// Returns a handle to the first error, for callers that give the output away to a writer.
    pub(crate) fn watch(&self) -> Watch {
        Watch { trouble: self.out.get_ref().trouble.clone(), name: self.name.clone() }
    }

    /// Writes what is buffered, and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Output { out, draft, name } = self;
        let done = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|sluice| match draft {
            Some(draft) => draft.publish(&sluice.file),
            None => Ok(()),
        });
        done.map_err(|error| Failure::Output { name, error })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Passes writes on, and keeps the first error.
#[derive(Debug)]
struct Sluice {
    file: File,
    trouble: Trouble,
    /// True if a write may wait for a reader.
    blocks: bool,
    /// Raised when the program is to end.
    stop: Arc<AtomicBool>,
    /// The time at which it was first seen to be raised.
    stopped: Option<Instant>,
}

impl Sluice {
    /// Waits until something can be written, and returns how much may be without waiting.
    fn room(&mut self) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                let since = *self.stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= GRACE {
                    return Err(Errno::CANCELED.into());
                }
            }
            if !self.blocks {
                return Ok(PIECE);
            }
            let mut polled = [PollFd::new(&self.file, PollFlags::OUT)];
            // A signal ends the sleep, though it would not end that of `write`. The time is for one that came just before.
            match poll(&mut polled, Some(&GRACE_TIMESPEC)) {
                Ok(0) | Err(Errno::INTR) => {}
                // Where there is room in a pipe, there is room for a page.
                Ok(_) => return Ok(PAGE),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for Sluice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room().map_err(|error| self.trouble.keep(error))?;
        self.file.write(&bytes[..bytes.len().min(room)]).map_err(|error| self.trouble.keep(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.trouble.keep(error))
    }
}

#[derive(Clone, Debug, Default)]
struct Trouble(Arc<Mutex<Option<io::Error>>>);

impl Trouble {
    /// Keeps an error and gives back one like it.
    fn keep(&self, error: io::Error) -> io::Error {
        // The writer goes on after these as if nothing had been.
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        let alike = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        alike
    }
}

/// Tells what was wrong with an output that somebody else writes to.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    trouble: Trouble,
    name: String,
}

impl Watch {
    /// Returns the failure behind a writer's `error`: that of the output if it had one, and else the writer's own.
    pub(crate) fn explain(&self, error: impl std::fmt::Display) -> Failure {
        let name = self.name.clone();
        match self.trouble.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Failure::Output { name, error },
            None => Failure::Format { name, why: error.to_string() },
        }
    }
}

/// A file without a name, or with one that nobody takes for the real one.
#[derive(Debug)]
struct Draft {
    /// The name that it will have.
    path: PathBuf,
    /// The name that it has for the time being.
    temporary: PathBuf,
    /// True if it has that name already.
    named: bool,
    /// True if it keeps that name where it never gets the other.
    kept: bool,
}

impl Draft {
    fn begin(path: &Path) -> io::Result<(File, Draft)> {
        // Through a link, the file it leads to is replaced and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (Some(name), Some(directory)) = (path.file_name(), path.parent()) else {
            return Err(Errno::ISDIR.into());
        };
        let directory =
            if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_owned() };
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.part", std::process::id()));
        let mut draft = Draft { temporary: directory.join(temporary), path, named: false, kept: false };
        let mode = Mode::from_raw_mode(0o666);
        // The kernel frees a file without a name when this process ends, however it ends.
        let nameless = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, &directory, nameless, mode) {
            Ok(fd) => Ok((File::from(fd), draft)),
            // This file system knows no such files (NFS, FAT); old kernels say EISDIR.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let file = fs::OpenOptions::new().write(true).create_new(true).open(&draft.temporary)?;
                draft.named = true;
                Ok((file, draft))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the file its name, in one step, in place of what had it before.
    fn publish(mut self, file: &File) -> io::Result<()> {
        if !self.named {
            let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::linkat(CWD, nameless, CWD, &self.temporary, AtFlags::SYMLINK_FOLLOW)?;
            self.named = true;
        }
        fs::rename(&self.temporary, &self.path)?;
        self.named = false;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.named && !self.kept {
            // There is nobody to tell; the name says what the file is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests;
