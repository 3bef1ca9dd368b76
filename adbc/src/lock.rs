//! Finds the process that holds a lock on a file.
//!
//! Asking with `fcntl` would need the file open, and closing it again would let go of whatever locks this very process
//! has on it. So the kernel's lists are read instead: `/proc/locks`, and for locks of open files, which it lists without
//! an owner, `/proc/PID/fdinfo`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor, stat};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its program's name, as the kernel knows it.
    pub program: String,
}

impl Holder {
    /// Returns a process by its number.
    #[must_use]
    pub fn of(pid: u32) -> Holder {
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Holder { pid, program: program.trim_end().to_owned() }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.program)
    }
}

/// A lock as the kernel lists it.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    writes: bool,
    pid: Option<u32>,
    device: String,
    inode: u64,
}

/// Reads a line such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:5400856 0 EOF`.
fn parse(line: &str) -> Option<Lock> {
    let mut words = line.split_whitespace().skip(1);
    let kind = words.next()?;
    // One that waits is listed behind the one it waits for, as `1: -> POSIX …`.
    if !matches!(kind, "POSIX" | "OFDLCK" | "FLOCK") {
        return None;
    }
    let writes = words.nth(1)? == "WRITE";
    let pid = words.next()?.parse().ok();
    let (device, inode) = words.next()?.rsplit_once(':')?;
    Some(Lock { writes, pid, device: device.to_owned(), inode: inode.parse().ok()? })
}

/// Returns another process that holds a lock on the file; one that writes before one that reads.
#[must_use]
pub fn holder(path: &Path) -> Option<Holder> {
    let file = stat(path).ok()?;
    let device = format!("{:02x}:{:02x}", major(file.st_dev), minor(file.st_dev));
    let listed = fs::read_to_string("/proc/locks").unwrap_or_default();
    let locks: Vec<Lock> =
        listed.lines().filter_map(parse).filter(|lock| lock.inode == file.st_ino).collect();
    let own = std::process::id();
    let named = |writes: bool| {
        let mut fitting = locks.iter().filter(|lock| lock.writes == writes && lock.device == device);
        fitting.find_map(|lock| lock.pid.filter(|&pid| pid != 0 && pid != own))
    };
    let pid =
        named(true).or_else(|| opened(&file, true)).or_else(|| named(false)).or_else(|| opened(&file, false));
    pid.map(Holder::of)
}

/// Returns a process that has the file open and a lock on it, among those that this user may look at.
fn opened(file: &rustix::fs::Stat, writes: bool) -> Option<u32> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().filter(|&pid| pid != own).find(|pid| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        descriptors.flatten().any(|descriptor| {
            let is_file = stat(descriptor.path())
                .is_ok_and(|found| (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino));
            is_file && {
                let info: PathBuf = ["/proc", &pid.to_string(), "fdinfo"].iter().collect();
                let info = fs::read_to_string(info.join(descriptor.file_name())).unwrap_or_default();
                let locks = info.lines().filter_map(|line| line.strip_prefix("lock:"));
                locks.filter_map(|line| parse(line.trim_start())).any(|lock| lock.writes == writes)
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let lock = |writes, pid| Some(Lock { writes, pid, device: "fe:00".to_owned(), inode: 54 });
        assert_eq!(parse("1: POSIX  ADVISORY  WRITE 4711 fe:00:54 0 EOF"), lock(true, Some(4711)));
        assert_eq!(parse("2: OFDLCK ADVISORY  READ -1 fe:00:54 1073741826 1073742335"), lock(false, None));
        assert_eq!(parse("1: -> POSIX  ADVISORY  WRITE 4712 fe:00:54 0 EOF"), None);
        assert_eq!(parse("3: LEASE  ACTIVE    READ 1 fe:00:54 0 EOF"), None);
        assert_eq!(parse(""), None);
    }
}
