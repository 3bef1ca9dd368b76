//! Running a query and taking its batches.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use adbc_core::error::Error;
use adbc_core::options::{OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Connection, Database, Driver, Optionable, Statement};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase, ManagedStatement};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::driver::{Drivers, Kind};
use crate::error::AdbcError;
use crate::lock;
use crate::origin::{Location, Origin};

/// Rows of a batch, where the driver lets one choose. SQLite's takes the types of columns from as many rows.
const BATCH_ROWS: &str = "65536";

/// The batches of a table or query. Ends after an error.
pub struct Batches {
    // Dropped in this order: a stream before what it was made by.
    stream: Box<dyn RecordBatchReader + Send>,
    _statement: ManagedStatement,
    _connection: ManagedConnection,
    _database: ManagedDatabase,
    origin: Origin,
    over: bool,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Origin {
    /// Runs the query. The database is opened for reading only.
    pub fn open(&self, drivers: &Drivers) -> Result<Batches, AdbcError> {
        let mut driver = drivers.load(self.kind)?;
        let failed = |error: Error| self.refused(&error.message);
        let database = driver.new_database_with_opts(self.options()).map_err(failed)?;
        let mut connection = database.new_connection().map_err(failed)?;
        let mut statement = connection.new_statement().map_err(failed)?;
        if let Some(key) = batch_rows(self.kind) {
            // Older drivers do not know it, and get along without.
            let _ = statement.set_option(OptionStatement::Other(key.to_owned()), BATCH_ROWS.into());
        }
        statement.set_sql_query(self.query()).map_err(failed)?;
        let stream = statement.execute().map_err(failed)?;
        let origin = self.clone();
        Ok(Batches {
            stream,
            _statement: statement,
            _connection: connection,
            _database: database,
            origin,
            over: false,
        })
    }

    fn options(&self) -> Vec<(OptionDatabase, OptionValue)> {
        let other = |key: &str, value: String| (OptionDatabase::Other(key.to_owned()), value.as_str().into());
        match (&self.location, self.kind) {
            (Location::File(path), Kind::DuckDb) => vec![
                other("path", path.to_string_lossy().into_owned()),
                other("access_mode", "read_only".to_owned()),
            ],
            (Location::File(path), _) => vec![(OptionDatabase::Uri, read_only(path).as_str().into())],
            (Location::Uri(uri), _) => vec![(OptionDatabase::Uri, uri.as_str().into())],
        }
    }

    /// Returns the driver's error, or the process that keeps it from reading.
    fn refused(&self, why: &str) -> AdbcError {
        let lower = why.to_ascii_lowercase();
        match self.file() {
            Some(path) if lower.contains("lock") || lower.contains("busy") => {
                AdbcError::Locked { path: path.to_owned(), holder: lock::holder(path), why: why.to_owned() }
            }
            _ => AdbcError::Refused { origin: self.to_string(), why: why.trim().to_owned() },
        }
    }
}

fn batch_rows(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Sqlite => Some("adbc.sqlite.query.batch_rows"),
        Kind::DuckDb => Some("adbc.duckdb.query.batch_rows"),
        Kind::PostgreSql => None,
    }
}

/// Returns the URI of a file for SQLite, to be read only.
fn read_only(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(byte.into()),
            byte => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri + "?mode=ro"
}

impl Batches {
    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, AdbcError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.stream.next().map(|batch| {
            batch.map_err(|error| match error {
                ArrowError::CDataInterface(why) => self.origin.refused(&why),
                error => self.origin.refused(&error.to_string()),
            })
        });
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(read_only(Path::new("/a b/c?d#e%é.db")), "file:/a%20b/c%3fd%23e%25%c3%a9.db?mode=ro");
    }
}
