//! The contents of a store: tables by name, each a line of immutable versions. Nothing here does I/O.
//!
//! A version is a list of segments. A put makes a new list, and rows count from a new *base*; an append makes a list
//! that shares the segments of the previous one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Refused;
use crate::segment::Segment;
use crate::wire::MAX_NAME;
use crate::wire::message::{Code, Entry, Metadata, Mode};

/// Versions of one base that can still be requested by number.
const REMEMBERED: usize = 1024;

/// A segment in a version.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) segment: Arc<Segment>,
    /// The number of its first row.
    pub(crate) first_row: u64,
    /// The version that added it. Pieces of one part are adjacent: dictionaries may be in any of them.
    pub(crate) part: u64,
    /// Its file's name, once it is on disk.
    pub(crate) file: Arc<OnceLock<String>>,
}

/// The content of a table at some time.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) version: u64,
    pub(crate) base: u64,
    pub(crate) made: u64,
    pub(crate) schema: Arc<[u8]>,
    pub(crate) columns: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) pieces: Arc<[Arc<Piece>]>,
    /// Earlier versions of the same base: their numbers of rows.
    pub(crate) past: Arc<[(u64, u64)]>,
}

impl Version {
    /// Returns the pieces that hold the rows from `row` on, and the number of their first row. They begin with a
    /// part.
    pub(crate) fn since_row(&self, row: u64) -> (&[Arc<Piece>], u64) {
        let mut start = self.pieces.partition_point(|piece| piece.first_row + piece.segment.rows <= row);
        // Segments without rows, such as one of dictionaries, belong to what follows them.
        while let (Some(before), Some(this)) =
            (start.checked_sub(1).and_then(|at| self.pieces.get(at)), self.pieces.get(start))
            && before.part == this.part
        {
            start -= 1;
        }
        let pieces = self.pieces.get(start..).unwrap_or_default();
        (pieces, pieces.first().map_or(self.rows, |piece| piece.first_row))
    }

    /// Returns the rows that an earlier version of the same base had.
    pub(crate) fn rows_at(&self, version: u64) -> Option<u64> {
        if version == self.version {
            return Some(self.rows);
        }
        self.past.iter().find(|(past, _)| *past == version).map(|(_, rows)| *rows)
    }
}

/// The content of a put.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) schema: Arc<[u8]>,
    pub(crate) columns: u32,
    pub(crate) segments: Vec<Segment>,
    pub(crate) metadata: Metadata,
}

/// A table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// `None` while its source is read for the first time.
    pub(crate) current: Option<Arc<Version>>,
    /// Versions of earlier bases, the latest first.
    pub(crate) earlier: VecDeque<Arc<Version>>,
    /// The source of its rows, if they do not come from clients.
    pub(crate) source: Option<String>,
    pub(crate) trouble: Option<String>,
    pub(crate) requests: u64,
    pub(crate) followers: u32,
}

/// Bounds of a catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) table: u64,
    pub(crate) total: u64,
    pub(crate) tables: usize,
    pub(crate) segments: usize,
    /// Replaced versions to keep.
    pub(crate) keep: usize,
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) bounds: Bounds,
    last: u64,
    last_base: u64,
}

impl Catalogue {
    pub(crate) fn new(bounds: Bounds) -> Catalogue {
        Catalogue { tables: BTreeMap::new(), bounds, last: 0, last_base: 0 }
    }

    /// Returns the newest version of a table that was read at least once.
    pub(crate) fn newest(&self, name: &str) -> Result<&Arc<Version>, Refused> {
        let table = self.tables.get(name).ok_or_else(|| no_table(name))?;
        table.current.as_ref().ok_or_else(|| match &table.trouble {
            Some(trouble) => Refused::new(Code::Source, trouble.clone()),
            None => Refused::new(Code::NoTable, format!("{name} is not read yet")),
        })
    }

    /// Returns a version by its number (0 for the newest), with its range of rows.
    pub(crate) fn version(&self, name: &str, version: u64) -> Result<(Arc<Version>, u64), Refused> {
        let newest = self.newest(name)?;
        if version == 0 {
            return Ok((newest.clone(), newest.rows));
        }
        let earlier = self.tables.get(name).into_iter().flat_map(|table| &table.earlier);
        let found = [newest].into_iter().chain(earlier).find_map(|v| Some((v.clone(), v.rows_at(version)?)));
        found.ok_or_else(|| {
            let text = format!("{name} has version {}; version {version} is not kept", newest.version);
            Refused::new(Code::Version, text)
        })
    }

    /// Checks that a client may write to a table.
    pub(crate) fn writable(&self, name: &str, expected: u64) -> Result<(), Refused> {
        check_name(name)?;
        let table = self.tables.get(name);
        if let Some(source) = table.and_then(|table| table.source.as_ref()) {
            return Err(Refused::new(Code::Source, format!("{name} is read from {source}")));
        }
        let found = table.and_then(|table| table.current.as_ref()).map_or(0, |current| current.version);
        if expected != 0 && expected != found {
            let text = match found {
                0 => format!("there is no table {name}, and version {expected} was expected"),
                found => format!("{name} has version {found}, not {expected}"),
            };
            return Err(Refused::new(Code::Version, text));
        }
        Ok(())
    }

    /// Creates the version of a put or an append, without publishing it.
    pub(crate) fn prepare(&mut self, name: &str, mode: Mode, come: Incoming) -> Result<Version, Refused> {
        let current = self.tables.get(name).and_then(|table| table.current.clone());
        if mode == Mode::Create && current.is_some() {
            return Err(Refused::new(Code::Exists, format!("there is a table {name} already")));
        }
        if current.is_none() && self.tables.len() >= self.bounds.tables {
            return Err(Refused::limit("tables", self.bounds.tables as u64));
        }
        let before = current.filter(|_| mode == Mode::Append);
        if let Some(before) = &before
            && before.schema != come.schema
        {
            let text = format!("the schema is not that of {name}");
            return Err(Refused::new(Code::Schema, text));
        }
        let (old_rows, old_bytes) = before.as_ref().map_or((0, 0), |before| (before.rows, before.bytes));
        let added = come.segments.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.len));
        let bytes = old_bytes.saturating_add(added);
        if bytes > self.bounds.table {
            return Err(Refused::limit("max_table_size", self.bounds.table));
        }
        if self.bytes().saturating_add(added) > self.bounds.total {
            return Err(Refused::limit("max_total_size", self.bounds.total));
        }
        let old = before.as_ref().map_or(&[][..], |before| &before.pieces);
        if old.len() + come.segments.len() > self.bounds.segments {
            return Err(Refused::limit("max_segments", self.bounds.segments as u64));
        }
        self.last += 1;
        let (version, mut row) = (self.last, old_rows);
        let mut pieces = old.to_vec();
        for segment in come.segments {
            let first_row = row;
            row = row.saturating_add(segment.rows);
            let file = Arc::default();
            pieces.push(Arc::new(Piece { segment: Arc::new(segment), first_row, part: version, file }));
        }
        let made = now();
        let (base, metadata, past) = match &before {
            None => {
                self.last_base = made.max(self.last_base + 1);
                (self.last_base, Arc::new(come.metadata), Arc::default())
            }
            Some(before) => {
                let mut metadata = (*before.metadata).clone();
                annotate(&mut metadata, &come.metadata)?;
                let skip = (before.past.len() + 1).saturating_sub(REMEMBERED);
                let past = before.past.iter().skip(skip).copied();
                let past = past.chain([(before.version, before.rows)]).collect();
                (before.base, Arc::new(metadata), past)
            }
        };
        Refused::check_metadata(&metadata)?;
        let (schema, columns, pieces) = (come.schema, come.columns, pieces.into());
        Ok(Version { version, base, made, schema, columns, rows: row, bytes, metadata, pieces, past })
    }

    /// Creates a version with other keys and values, without publishing it.
    pub(crate) fn prepare_annotation(&mut self, name: &str, changes: &Metadata) -> Result<Version, Refused> {
        let current = self.newest(name)?.clone();
        let mut metadata = (*current.metadata).clone();
        annotate(&mut metadata, changes)?;
        self.last += 1;
        let past = current.past.iter().copied().chain([(current.version, current.rows)]).collect();
        Ok(Version { version: self.last, made: now(), metadata: Arc::new(metadata), past, ..same(&current) })
    }

    /// Publishes a version as the current one.
    pub(crate) fn publish(&mut self, name: &str, version: Version) -> Arc<Version> {
        self.last = self.last.max(version.version);
        self.last_base = self.last_base.max(version.base);
        let version = Arc::new(version);
        let table = self.tables.entry(name.to_owned()).or_default();
        if let Some(before) = table.current.replace(version.clone())
            && before.base != version.base
        {
            table.earlier.push_front(before);
            table.earlier.truncate(self.bounds.keep);
        }
        version
    }

    /// Creates a version with one piece in place of several, if these are still where they were. Rows and number stay
    /// the same.
    pub(crate) fn compact(&self, name: &str, old: &[Arc<Piece>], new: Segment) -> Option<Version> {
        let current = self.tables.get(name)?.current.as_ref()?;
        let first = old.first()?;
        let at = current.pieces.iter().position(|piece| Arc::ptr_eq(piece, first))?;
        let there = current.pieces.get(at..at.checked_add(old.len())?)?;
        if !there.iter().zip(old).all(|(a, b)| Arc::ptr_eq(a, b)) {
            return None;
        }
        let piece = Piece {
            first_row: first.first_row,
            part: old.last()?.part,
            segment: Arc::new(new),
            file: Arc::default(),
        };
        let mut pieces = current.pieces.to_vec();
        pieces.splice(at..at + old.len(), [Arc::new(piece)]);
        Some(Version { pieces: pieces.into(), ..same(current) })
    }

    /// Returns the bytes of all versions that are kept, counting each segment once.
    pub(crate) fn bytes(&self) -> u64 {
        let kept = |table: &Table| {
            let earlier = table.earlier.iter().map(|version| version.bytes);
            earlier.chain(table.current.iter().map(|version| version.bytes)).sum::<u64>()
        };
        self.tables.values().map(kept).sum()
    }

    /// Returns the listing of a table.
    pub(crate) fn entry(name: &str, table: &Table) -> Entry {
        let version = table.current.as_deref();
        Entry {
            name: name.to_owned(),
            version: version.map_or(0, |version| version.version),
            rows: version.map_or(0, |version| version.rows),
            bytes: version.map_or(0, |version| version.bytes),
            made: version.map_or(0, |version| version.made),
            requests: table.requests,
            columns: version.map_or(0, |version| version.columns),
            segments: version.map_or(0, |version| version.pieces.len() as u32),
            followers: table.followers,
            source: table.source.clone().unwrap_or_default(),
            trouble: table.trouble.clone().unwrap_or_default(),
        }
    }
}

/// Returns the same version again, to be changed.
pub(crate) fn same(version: &Version) -> Version {
    Version {
        version: version.version,
        base: version.base,
        made: version.made,
        schema: version.schema.clone(),
        columns: version.columns,
        rows: version.rows,
        bytes: version.bytes,
        metadata: version.metadata.clone(),
        pieces: version.pieces.clone(),
        past: version.past.clone(),
    }
}

fn annotate(metadata: &mut Metadata, changes: &Metadata) -> Result<(), Refused> {
    for (key, value) in changes {
        metadata.retain(|(other, _)| other != key);
        if !value.is_empty() {
            metadata.push((key.clone(), value.clone()));
        }
    }
    Refused::check_metadata(metadata)
}

/// Checks the grammar of names: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
pub(crate) fn check_name(name: &str) -> Result<(), Refused> {
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    match name.as_bytes() {
        [first, rest @ ..]
            if first.is_ascii_alphanumeric() && rest.iter().all(inner) && name.len() <= MAX_NAME =>
        {
            Ok(())
        }
        _ => {
            let text = format!("{name:?} is no name of a table: letters, digits, and ._- behind the first");
            Err(Refused::new(Code::Name, text))
        }
    }
}

pub(crate) fn no_table(name: &str) -> Refused {
    Refused::new(Code::NoTable, format!("there is no table {name:?}"))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
