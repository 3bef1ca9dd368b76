//! Counts the resources of a process, to show that nothing is left behind.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The descriptors and the shared mappings of a process, by what they refer to.
///
/// Two counts are equal if the process holds the same number of each; numbers and addresses do not matter.
#[derive(Clone, PartialEq, Eq)]
pub struct BufferStats {
    descriptors: BTreeMap<String, usize>,
    mappings: BTreeMap<String, usize>,
}

impl BufferStats {
    /// Counts this process's own.
    ///
    /// Sockets and process descriptors are counted as such: their inode differs with each. The directory that is read
    /// for the count is left out of it.
    #[must_use]
    pub fn take() -> BufferStats {
        let own = Path::new("/proc/self/fd");
        let mut descriptors = BTreeMap::new();
        for entry in std::fs::read_dir(own).expect("/proc is there").flatten() {
            let Ok(target) = std::fs::read_link(entry.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            if target.starts_with("/proc/") {
                continue;
            }
            let kind = target.split('[').next().unwrap_or(&target).to_owned();
            *descriptors.entry(kind).or_insert(0) += 1;
        }
        let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is there");
        let mut mappings = BTreeMap::new();
        for line in maps.lines() {
            let Some(at) = line.find("/memfd:") else { continue };
            *mappings.entry(line[at..].to_owned()).or_insert(0) += 1;
        }
        BufferStats { descriptors, mappings }
    }

    /// Returns the number of descriptors.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.descriptors.values().sum()
    }

    /// Compares with an earlier count; an error describes the difference.
    pub fn same_as(&self, before: &BufferStats) -> Result<(), String> {
        if self == before {
            Ok(())
        } else {
            Err(format!("left behind:\n before {before:?}\n after  {self:?}"))
        }
    }
}

impl fmt::Debug for BufferStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "descriptors {:?}, mappings {:?}", self.descriptors, self.mappings)
    }
}
