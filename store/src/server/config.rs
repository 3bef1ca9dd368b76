//! How a store is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::Bounds;
use crate::segment::Segments;

/// Reads a source into segments of at most so many bytes. The error is for people.
pub type Load = Arc<dyn Fn(u64) -> Result<Segments, String> + Send + Sync>;

/// A table that is read from somewhere.
#[derive(Clone)]
pub struct Source {
    /// The table's name.
    pub name: String,
    /// What it is read from, for people.
    pub origin: String,
    /// Reads it.
    pub load: Load,
    /// Files upon whose replacement it is read again.
    pub watched: Vec<PathBuf>,
    /// Whether it is tried again after a while if it cannot be read, as what can be locked or down should be.
    pub retry: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("origin", &self.origin).finish()
    }
}

/// How a store is set up. The default lets in the same user only and keeps nothing on disk.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the store calls itself.
    pub program: String,
    /// Other users who may read and write.
    pub writers: Vec<u32>,
    /// Other users who may read.
    pub readers: Vec<u32>,
    /// Most bytes of a table.
    pub max_table: u64,
    /// Most bytes of all tables.
    pub max_total: u64,
    /// Most tables.
    pub max_tables: usize,
    /// Most segments of a table. Each is a descriptor of this process.
    pub max_segments: usize,
    /// Most connections.
    pub max_clients: usize,
    /// Most connections of one process.
    pub max_clients_of_process: usize,
    /// How long a client may take to end what it began, and to read what it asked for; and how long a put may be checked.
    pub request_timeout: Duration,
    /// Versions that are kept after they were replaced.
    pub keep: usize,
    /// Where tables that clients put are kept on disk.
    pub state: Option<PathBuf>,
    /// Tables that are read from somewhere.
    pub sources: Vec<Source>,
    /// Threads for what takes long.
    pub workers: usize,
    /// Segments of a table from which on small ones are merged.
    pub merge_from: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            program: concat!("bowstring-store ", env!("CARGO_PKG_VERSION")).to_owned(),
            writers: Vec::new(),
            readers: Vec::new(),
            max_table: 64 << 30,
            max_total: 256 << 30,
            max_tables: 4096,
            max_segments: 4096,
            max_clients: 1024,
            max_clients_of_process: 128,
            request_timeout: Duration::from_secs(10),
            keep: 1,
            state: None,
            sources: Vec::new(),
            workers: 4,
            merge_from: 128,
        }
    }
}

impl Config {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            table: self.max_table,
            total: self.max_total,
            tables: self.max_tables,
            segments: self.max_segments,
            keep: self.keep,
        }
    }
}
