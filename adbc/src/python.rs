//! Drivers as pip installs them: Python itself says where.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::driver::Kind;

/// Prints the library of Python, then the places of its packages.
const ASK: &str = "\
import sys, sysconfig
print('/'.join(map(str, sysconfig.get_config_vars('LIBDIR', 'INSTSONAME'))))
print(*filter(None, sys.path), sep='\\n')";

struct Python {
    library: PathBuf,
    places: Vec<PathBuf>,
}

/// Asks the Python that `PYTHON` names, else that of the virtual environment, else the one that is found, once.
fn python() -> Option<&'static Python> {
    static PYTHON: OnceLock<Option<Python>> = OnceLock::new();
    let ask = || {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let program = named("PYTHON").or_else(|| Some(named("VIRTUAL_ENV")?.join("bin/python")));
        let program = program.unwrap_or_else(|| "python3".into());
        let mut command = Command::new(program);
        // Not from here: a file of this directory must not become a module of it.
        let asked =
            command.args(["-c", ASK]).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null()).output();
        let said = String::from_utf8(asked.ok().filter(|output| output.status.success())?.stdout).ok()?;
        let mut lines = said.lines().map(PathBuf::from);
        Some(Python { library: lines.next()?, places: lines.collect() })
    };
    PYTHON.get_or_init(ask).as_ref()
}

/// Returns the shared library of Python, if it has one.
pub(crate) fn library() -> Option<&'static PathBuf> {
    python().map(|python| &python.library).filter(|path| path.is_file())
}

/// Returns the driver that pip has installed.
pub(crate) fn find(kind: Kind) -> Option<PathBuf> {
    let places = &python()?.places;
    match kind {
        Kind::Sqlite | Kind::PostgreSql => {
            let package = format!("adbc_driver_{}", kind.name());
            let file = format!("{package}/lib{package}.so");
            places.iter().map(|place| place.join(&file)).find(|path| path.is_file())
        }
        Kind::DuckDb => places.iter().find_map(|place| {
            let names = std::fs::read_dir(place).ok()?.flatten().map(|entry| entry.path());
            names.into_iter().find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                (name.starts_with("_duckdb.") || name.starts_with("duckdb.")) && name.ends_with(".so")
            })
        }),
    }
}
