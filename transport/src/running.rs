//! Finds senders that run by their processes: also those whose channel has no name.
//!
//! A sender holds its stats in a memory file called `bowstring-stats`. The kernel lists it among the open files of the
//! process, and a process of the same user may open it there for reading. So a sender is seen however it met its
//! receivers and whatever language it is written in, and does nothing for it.
//!
//! Processes that cannot be looked into are passed over: those of other users, and those that have forbidden it.
//!
//! ```no_run
//! for sender in bowstring_transport::running::senders()? {
//!     match sender.observe() {
//!         Ok(observer) => println!("{}: {} messages", sender.pid(), observer.stats().messages),
//!         Err(error) => println!("{}: {error}", sender.pid()),
//!     }
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

use std::error::Error;
use std::ffi::CString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::string::String;
use std::vec::Vec;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::MemfdFlags;

use crate::connect::observer::{Observer, RegionId};
use crate::error::{OsError, RegionFault};
use crate::peer::Process;
use crate::stats::{PeerStats, STATS_NAME};
use crate::sys;

/// A memory file by the name of a sender's stats, and the processes of this user that hold it.
#[derive(Debug)]
pub struct Running {
    id: RegionId,
    /// Refers to the file, which is not open yet.
    file: OwnedFd,
    /// Not empty.
    pids: Vec<i32>,
}

/// The reason that a process's file cannot be read as a sender's stats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunningError {
    /// The file is not what such a region has to be.
    Region(RegionFault),
    /// It does not begin as the stats do: it is something else by the same name, or was made this moment.
    NotStats,
}

/// Finds the senders of this user that run, each once, in the order of their processes.
pub fn senders() -> io::Result<Vec<Running>> {
    let memory = device_of_memory()?;
    let mut found: Vec<Running> = Vec::new();
    for pid in processes()? {
        // A process that has ended meanwhile, or lets nobody look.
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for file in files.flatten().map(|file| file.path()).filter(|file| is_named(file)) {
            let Ok((file, id)) = refer(&file) else { continue };
            match found.iter_mut().find(|sender| sender.id == id) {
                // A child that was forked, or who was just handed it.
                Some(sender) if sender.pids.contains(&pid) => {}
                Some(sender) => sender.pids.push(pid),
                // Anybody can have a file of that name on a file system of their own, which could keep us waiting.
                None if id.device == memory => found.push(Running { id, file, pids: Vec::from([pid]) }),
                None => {}
            }
        }
    }
    Ok(found)
}

impl Running {
    /// Returns the identity of the region that holds the stats.
    #[must_use]
    pub fn id(&self) -> RegionId {
        self.id
    }

    /// Returns the process that holds it; the first that was found if there are several.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pids.first().copied().unwrap_or(0)
    }

    /// Returns what the kernel calls the program of a process: up to 15 bytes, which the process itself may choose.
    #[must_use]
    pub fn program_of(pid: i32) -> Option<String> {
        let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
        Some(String::from_utf8_lossy(&name).trim_end_matches('\n').into())
    }

    /// Checks the stats and maps them for reading.
    ///
    /// The observer's [`peer`](Observer::peer) is the process that the stats name, if that is one of those that hold
    /// them; else the first of these.
    pub fn observe(&self) -> Result<Observer, RunningError> {
        let file = sys::open_referred(self.file.as_fd())?;
        let stats = PeerStats::attach(file.as_fd()).map_err(RunningError::Region)?;
        if !stats.is_marked() {
            return Err(RunningError::NotStats);
        }
        let named = i32::try_from(stats.read().pid).ok().filter(|pid| self.pids.contains(pid));
        let process = Process::open(named.unwrap_or(self.pid()), sys::own_uid())?;
        Ok(Observer::of_region(stats, self.id, process))
    }
}

/// Returns the processes of this user, sorted.
fn processes() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && entry.metadata().is_ok_and(|process| process.uid() == sys::own_uid())
        {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Returns true if an open file of a process is a memory file by the name of a sender's stats.
fn is_named(file: &Path) -> bool {
    let Ok(target) = fs::read_link(file) else { return false };
    let name = target.as_os_str().as_bytes().strip_prefix(b"/memfd:");
    name.is_some_and(|name| name.strip_suffix(b" (deleted)").unwrap_or(name) == STATS_NAME.to_bytes())
}

/// Refers to an open file of a process.
fn refer(file: &Path) -> Result<(OwnedFd, RegionId), OsError> {
    let path = CString::new(file.as_os_str().as_bytes()).unwrap_or_default();
    let file = sys::open_path(&path)?;
    let (device, inode) = sys::identity(file.as_fd())?;
    Ok((file, RegionId { device, inode }))
}

/// Returns the device on which the kernel keeps all memory files.
fn device_of_memory() -> Result<u64, OsError> {
    let file = sys::memfd_create(c"bowstring-look", MemfdFlags::CLOEXEC)?;
    Ok(sys::identity(file.as_fd())?.0)
}

impl From<OsError> for RunningError {
    fn from(error: OsError) -> RunningError {
        RunningError::Region(error.into())
    }
}

impl fmt::Display for RunningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunningError::Region(fault) => write!(f, "its stats: {fault}"),
            RunningError::NotStats => f.write_str("its stats do not begin as such"),
        }
    }
}

impl Error for RunningError {}
