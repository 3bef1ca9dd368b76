//! Counts the rows of several tables while they are printed.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Condvar, Mutex};

/// The rows of each table so far: they must be numbered in order.
#[derive(Debug, Default)]
pub struct Counts {
    pub rows: Mutex<HashMap<String, u64>>,
    more: Condvar,
}

impl Counts {
    pub fn read(&self, rows: impl BufRead) {
        for line in rows.lines() {
            let row: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let mut counts = self.rows.lock().unwrap();
            let count = counts.entry(row["table"].as_str().unwrap().to_owned()).or_default();
            assert_eq!(row["id"], *count, "of {}", row["table"]);
            *count += 1;
            self.more.notify_all();
        }
    }

    pub fn wait_for(&self, table: &Path, rows: usize) {
        let table = table.to_str().unwrap();
        let reached =
            |counts: &mut HashMap<String, u64>| counts.get(table).copied().unwrap_or(0) < rows as u64;
        drop(self.more.wait_while(self.rows.lock().unwrap(), reached).unwrap());
    }
}
