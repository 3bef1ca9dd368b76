//! The configuration of a store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::Bounds;
use crate::segment::Segments;

/// Reads a source into segments of at most this many bytes. The error is for people.
pub type Load = Arc<dyn Fn(u64) -> Result<Segments, String> + Send + Sync>;

/// A table that is read from a source.
#[derive(Clone)]
pub struct Source {
    /// The table's name.
    pub name: String,
    /// The source, for people.
    pub origin: String,
    /// Reads it.
    pub load: Load,
    /// Files whose replacement causes it to be read again.
    pub watched: Vec<PathBuf>,
    /// True if it is retried after a while when it cannot be read, for sources that can be locked or down.
    pub retry: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("origin", &self.origin).finish()
    }
}

/// The configuration of a store. By default only the same user may connect and nothing is kept on disk.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the store's program.
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
    /// Time that a client may take to finish a request and to read its reply, and that checking a put may take.
    pub request_timeout: Duration,
    /// Replaced versions to keep.
    pub keep: usize,
    /// The directory for tables that clients put.
    pub state: Option<PathBuf>,
    /// Tables that are read from sources.
    pub sources: Vec<Source>,
    /// Threads for slow tasks.
    pub workers: usize,
    /// The number of segments of a table from which on small ones are merged.
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
