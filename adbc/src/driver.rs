//! Drivers: which library reads which kind of database, and where it is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use adbc_core::LOAD_FLAG_DEFAULT;
use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;

use crate::error::AdbcError;
use crate::{preload, python};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SQLite.
    Sqlite,
    /// DuckDB.
    DuckDb,
    /// PostgreSQL.
    PostgreSql,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Sqlite, Kind::DuckDb, Kind::PostgreSql];

    /// Returns its name in options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sqlite => "sqlite",
            Kind::DuckDb => "duckdb",
            Kind::PostgreSql => "postgresql",
        }
    }

    /// Returns the environment variable that names its driver.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Kind::Sqlite => "BOWSTRING_SQLITE_DRIVER",
            Kind::DuckDb => "BOWSTRING_DUCKDB_DRIVER",
            Kind::PostgreSql => "BOWSTRING_POSTGRESQL_DRIVER",
        }
    }

    /// Returns the command that installs its driver.
    #[must_use]
    pub fn install(self) -> &'static str {
        match self {
            Kind::Sqlite => "pip install adbc-driver-sqlite",
            Kind::DuckDb => "pip install duckdb",
            Kind::PostgreSql => "pip install adbc-driver-postgresql",
        }
    }

    /// Returns the name that the driver has for the dynamic linker and in ADBC's manifests.
    fn library(self) -> &'static str {
        match self {
            Kind::Sqlite => "adbc_driver_sqlite",
            Kind::DuckDb => "duckdb",
            Kind::PostgreSql => "adbc_driver_postgresql",
        }
    }

    fn entry_point(self) -> &'static [u8] {
        match self {
            Kind::Sqlite => b"AdbcDriverSqliteInit",
            Kind::DuckDb => b"duckdb_adbc_init",
            Kind::PostgreSql => b"AdbcDriverPostgresqlInit",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Sqlite => "SQLite",
            Kind::DuckDb => "DuckDB",
            Kind::PostgreSql => "PostgreSQL",
        })
    }
}

/// The drivers that were named. Others are looked for: in the environment variable of their kind, then where ADBC and the
/// distribution install them, then where pip does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drivers(BTreeMap<Kind, PathBuf>);

impl Drivers {
    /// Names the driver of a kind.
    pub fn name(&mut self, kind: Kind, path: PathBuf) {
        self.0.insert(kind, path);
    }

    /// Reads `KIND=PATH`.
    pub fn parse(text: &str) -> Result<(Kind, PathBuf), String> {
        let parts = text.split_once('=').filter(|(_, path)| !path.is_empty());
        let (name, path) = parts.ok_or("not of the form KIND=PATH")?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| format!("{name} is none of sqlite, duckdb, postgresql"))?;
        Ok((kind, path.into()))
    }

    /// Loads the driver of a kind.
    pub(crate) fn load(&self, kind: Kind) -> Result<ManagedDriver, AdbcError> {
        let variable: Option<OsString> = std::env::var_os(kind.variable()).filter(|path| !path.is_empty());
        if let Some(path) = self.0.get(&kind).cloned().or(variable.map(PathBuf::from)) {
            return load(kind, &path).map_err(|why| AdbcError::Driver { kind, path, why });
        }
        let flags = LOAD_FLAG_DEFAULT;
        let entry = Some(kind.entry_point());
        if let Ok(driver) =
            ManagedDriver::load_from_name(kind.library(), entry, AdbcVersion::V100, flags, None)
        {
            return Ok(driver);
        }
        match python::find(kind) {
            Some(path) => load(kind, &path).map_err(|why| AdbcError::Driver { kind, path, why }),
            None => Err(AdbcError::NoDriver { kind }),
        }
    }
}

fn load(kind: Kind, path: &Path) -> Result<ManagedDriver, String> {
    // A bare name is for the dynamic linker; a path counts from here.
    let path = match path.components().count() {
        1 if !path.exists() => path.to_owned(),
        _ => std::path::absolute(path).map_err(|error| error.to_string())?,
    };
    let entry = Some(kind.entry_point());
    let load = || ManagedDriver::load_dynamic_from_filename(&path, entry, AdbcVersion::V100);
    load()
        .or_else(|error| {
            // Python's modules leave it to the interpreter to have loaded Python.
            let loaded = error.message.contains("undefined symbol: Py")
                && python::library().is_some_and(preload::global);
            if loaded { load() } else { Err(error) }
        })
        .map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_driver_is_named_by_its_kind() {
        assert_eq!(Drivers::parse("sqlite=/a/b=c").unwrap(), (Kind::Sqlite, "/a/b=c".into()));
        assert!(Drivers::parse("oracle=/a").is_err() && Drivers::parse("sqlite=").is_err());
    }

    #[test]
    fn a_driver_that_is_not_there_is_named() {
        let mut drivers = Drivers::default();
        drivers.name(Kind::Sqlite, "/nowhere/driver.so".into());
        let said = drivers.load(Kind::Sqlite).unwrap_err().to_string();
        assert!(said.contains("/nowhere/driver.so"), "{said}");
    }
}
