//! The configuration file that the store and its clients share: the store's socket, and the sources of its tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bowstring_adbc::{Drivers, Kind};
use bowstring_transport::names;
use serde::Deserialize;

use crate::failure::Failure;

/// The content of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The store's socket.
    socket: Option<PathBuf>,
    /// The directory for tables put by clients.
    pub(crate) state: Option<PathBuf>,
    pub(crate) max_table_size: Option<String>,
    pub(crate) max_total_size: Option<String>,
    pub(crate) max_clients: Option<usize>,
    /// Seconds.
    pub(crate) request_timeout: Option<f64>,
    pub(crate) keep: Option<usize>,
    #[serde(default)]
    pub(crate) readers: Vec<u32>,
    #[serde(default)]
    pub(crate) writers: Vec<u32>,
    pub(crate) metrics: Option<String>,
    /// By kind of database: its ADBC driver.
    #[serde(default)]
    drivers: BTreeMap<String, PathBuf>,
    /// Drivers that the command line names.
    #[serde(skip)]
    named: Vec<(Kind, PathBuf)>,
    /// By name: the file, or the table or query of a database, that a table is read from.
    #[serde(default)]
    pub(crate) tables: BTreeMap<String, PathBuf>,
}

impl Config {
    /// Reads the file, which may be missing unless it was named.
    pub(crate) fn read(named: Option<PathBuf>) -> Result<Config, Failure> {
        let Some(path) = named.clone().or_else(usual) else { return Ok(Config::default()) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Config::default());
            }
            Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
        };
        let mut config: Config =
            toml::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        // Relative paths are relative to the file.
        let beside = |file: &mut PathBuf| {
            if let Some(directory) = path.parent() {
                *file = directory.join(&file);
            }
        };
        let files = config.tables.values_mut().filter(|source| !source.to_string_lossy().contains("://"));
        files.for_each(beside);
        config.state.iter_mut().for_each(beside);
        // What has no directory is for the dynamic linker to find.
        config.drivers.values_mut().filter(|driver| driver.components().count() > 1).for_each(beside);
        Ok(config)
    }

    pub(crate) fn with_socket(mut self, socket: Option<PathBuf>) -> Config {
        self.socket = socket.or(self.socket);
        self
    }

    /// Returns the store's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(names::store_socket)
    }

    /// Returns true if a socket was named.
    pub(crate) fn names_socket(&self) -> bool {
        self.socket.is_some()
    }

    /// Returns this with drivers that the command line names.
    pub(crate) fn with_drivers(mut self, named: Vec<(Kind, PathBuf)>) -> Config {
        self.named = named;
        self
    }

    /// Returns the drivers of databases: those of the command line come before those of the file.
    pub(crate) fn drivers(&self) -> Result<Drivers, Failure> {
        let mut drivers = Drivers::default();
        for (kind, path) in &self.drivers {
            let (kind, path) = Drivers::parse(&format!("{kind}={}", path.display()))
                .map_err(|why| Failure::usage(format!("drivers: {why}")))?;
            drivers.name(kind, path);
        }
        self.named.iter().for_each(|(kind, path)| drivers.name(*kind, path.clone()));
        Ok(drivers)
    }

    /// Returns what a table is read from, if the configuration says so.
    pub(crate) fn source(&self, name: &str) -> Option<&Path> {
        self.tables.get(name).map(PathBuf::as_path)
    }
}

fn usual() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(directory.join("bowstring/tables.toml"))
}
