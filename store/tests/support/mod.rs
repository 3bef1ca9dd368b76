//! A store in this process, and tables to put into it.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several tests; a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use bowstring_store::{Client, Config, Handle, Server, StoreError, Table};
use bowstring_transport::Listener;

/// A directory that is removed on drop.
pub(crate) struct Room(PathBuf);

impl Room {
    pub(crate) fn new() -> Room {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bowstring-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running store.
pub(crate) struct Store {
    pub(crate) room: Room,
    pub(crate) handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    pub(crate) fn new(config: Config) -> Store {
        Store::within(Room::new(), config)
    }

    pub(crate) fn within(room: Room, config: Config) -> Store {
        let listener = Listener::bind(room.0.join("store.sock").as_os_str().as_encoded_bytes()).unwrap();
        let (mut server, wrong) = Server::new(listener, config).unwrap();
        assert_eq!(wrong, Vec::<String>::new());
        let handle = server.handle();
        let thread = std::thread::spawn(move || server.run().unwrap());
        Store { room, handle, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.room.0.join("store.sock")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }

    /// Stops the store; returns its directory.
    pub(crate) fn stop(mut self) -> Room {
        self.end();
        std::mem::replace(&mut self.room, Room::new())
    }

    fn end(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns rows with these numbers.
pub(crate) fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let words: Vec<Option<String>> =
        range.clone().map(|n| (n % 3 != 0).then(|| format!("word {n}"))).collect();
    let columns = [
        ("n", Arc::new(Int64Array::from_iter_values(range)) as _),
        ("word", Arc::new(StringArray::from(words)) as _),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// Returns the numbers in a table's first column.
pub(crate) fn read(table: &Table) -> Vec<i64> {
    table.batches().unwrap().flat_map(|batch| first_column(&batch.unwrap())).collect()
}

pub(crate) fn first_column(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
}

/// Returns the code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bowstring_store::Code {
    match result {
        Err(StoreError::Refused(refused)) => refused.code,
        other => panic!("not refused: {other:?}"),
    }
}
