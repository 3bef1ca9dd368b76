//! Names of tables and queries: `app.db#orders`, `app.db#select …`, `postgresql://host/db#orders`.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::driver::Kind;
use crate::error::AdbcError;

/// The location of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A server.
    Uri(String),
}

/// A table or query of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The kind of database.
    pub kind: Kind,
    /// Its location.
    pub location: Location,
    /// The table's name, or a query.
    pub what: String,
}

impl Origin {
    /// Reads what a person wrote; nothing if it does not name a database.
    ///
    /// A file is a database if its first bytes say so, whatever its name. What follows `#` is a query if it begins with
    /// `select`, `with`, `values` or `from`, else the name of a table, with its schema before a dot.
    pub fn parse(text: &str) -> Result<Option<Origin>, AdbcError> {
        let whole = Path::new(text);
        if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            let (uri, what) = text.split_once('#').unwrap_or((text, ""));
            return named(Kind::PostgreSql, Location::Uri(uri.to_owned()), what).map(Some);
        }
        // A path may have the sign in it: the first part that is a database counts.
        for (at, _) in text.match_indices('#') {
            let path = Path::new(&text[..at]);
            if let Some(kind) = kind_of(path) {
                return named(kind, Location::File(path.to_owned()), &text[at + 1..]).map(Some);
            }
        }
        match kind_of(whole) {
            Some(kind) => named(kind, Location::File(whole.to_owned()), "").map(Some),
            None => Ok(None),
        }
    }

    /// Returns the file, if the database is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::File(path) => Some(path),
            Location::Uri(_) => None,
        }
    }

    /// Returns the query.
    #[must_use]
    pub fn query(&self) -> String {
        let first =
            self.what.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let rest = self.what.trim_start().get(first.len()..).unwrap_or_default();
        let words = ["select", "with", "values", "from"];
        // A table may be called `values`: a query has more words.
        if words.contains(&first.to_ascii_lowercase().as_str()) && rest.starts_with([' ', '\t', '\n', '(']) {
            return self.what.clone();
        }
        let quoted: Vec<String> =
            self.what.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        format!("SELECT * FROM {}", quoted.join("."))
    }
}

/// As people write it, without a password.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::File(path) => write!(f, "{}#{}", path.display(), self.what),
            Location::Uri(uri) => write!(f, "{}#{}", without_password(uri), self.what),
        }
    }
}

fn without_password(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    // Options may hold one too.
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}", user.split(':').next().unwrap_or_default()),
        None => format!("{scheme}://{rest}"),
    }
}

fn named(kind: Kind, location: Location, what: &str) -> Result<Origin, AdbcError> {
    let origin = Origin { kind, location, what: what.to_owned() };
    match what.trim() {
        "" => Err(AdbcError::NoTable { database: origin.to_string().trim_end_matches('#').to_owned(), kind }),
        _ => Ok(origin),
    }
}

/// Returns the kind of database that a file is, by its first bytes.
fn kind_of(path: &Path) -> Option<Kind> {
    // Opening a pipe would wait for whoever writes to it.
    if !path.is_file() {
        return None;
    }
    let mut head = [0; 16];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    match &head {
        b"SQLite format 3\0" => Some(Kind::Sqlite),
        [_, _, _, _, _, _, _, _, b'D', b'U', b'C', b'K', ..] => Some(Kind::DuckDb),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn origin(what: &str) -> Origin {
        Origin { kind: Kind::Sqlite, location: Location::File("a".into()), what: what.to_owned() }
    }

    #[test]
    fn tables_are_quoted_and_queries_are_not() {
        for (what, query) in [
            ("orders", "SELECT * FROM \"orders\""),
            ("main.or\"ders", "SELECT * FROM \"main\".\"or\"\"ders\""),
            ("values", "SELECT * FROM \"values\""),
            ("selection", "SELECT * FROM \"selection\""),
            ("select 1", "select 1"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a"),
            ("values(1)", "values(1)"),
        ] {
            assert_eq!(origin(what).query(), query);
        }
    }

    #[test]
    fn servers_are_told_by_their_scheme_and_passwords_are_not_told() {
        let parsed = Origin::parse("postgresql://me:secret@host:5/db?password=x#public.t").unwrap().unwrap();
        assert_eq!(parsed.kind, Kind::PostgreSql);
        assert_eq!(parsed.location, Location::Uri("postgresql://me:secret@host:5/db?password=x".to_owned()));
        assert_eq!(parsed.to_string(), "postgresql://me@host:5/db#public.t");
        assert!(matches!(Origin::parse("postgres://host/db"), Err(AdbcError::NoTable { .. })));
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let path = std::env::temp_dir().join(format!("bowstring-origin-{}#odd", std::process::id()));
        let written = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Origin::parse(&format!("{}#t", path.display()))
                .map(|origin| origin.map(|origin| (origin.kind, origin.what)))
        };
        let named = |kind| Some((kind, "t".to_owned()));
        assert_eq!(written(b"SQLite format 3\0 and more").unwrap(), named(Kind::Sqlite));
        assert_eq!(written(b"12345678DUCK and more").unwrap(), named(Kind::DuckDb));
        assert_eq!(written(b"id,place\n1,here#t and more").unwrap(), None);
        assert_eq!(written(b"").unwrap(), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Origin::parse("nowhere#t").unwrap(), None);
    }
}
