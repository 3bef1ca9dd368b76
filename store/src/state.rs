//! Tables on disk: acknowledged puts survive a crash.
//!
//! A segment is an Arrow IPC stream, `BASE-NUMBER.arrows`: the schema, the segment's messages unchanged, the end
//! mark. (The file format has no way to replace a dictionary, which an append may.) A table's manifest, `NAME.table`,
//! lists its segments. Both are written beside, flushed to disk and renamed; the directory is flushed before a put is
//! acknowledged. Files that no manifest names are left from a crash and are removed at start.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bowstring_codec::END_OF_STREAM;
use bowstring_codec::decode::Decoder;
use bowstring_transport::region::Appender;

use crate::catalogue::{Piece, Version, check_name};
use crate::segment::{Segment, check, map};
use crate::wire::message::Metadata;

/// The first line of a manifest.
const TITLE: &str = "bowstring-table 1";
/// The last line of a manifest.
const END: &str = "end";

/// A directory that holds tables.
#[derive(Debug)]
pub(crate) struct State {
    directory: PathBuf,
    next: AtomicU64,
    /// Holds the lock while this lives.
    _lock: File,
}

impl State {
    /// Opens the directory, which one store at a time may use.
    pub(crate) fn open(directory: &Path) -> io::Result<State> {
        fs::create_dir_all(directory)?;
        let lock = File::options().create(true).truncate(false).write(true).open(directory.join("lock"))?;
        let alone = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        alone.map_err(|_| {
            let what = format!("another store uses {}", directory.display());
            io::Error::new(io::ErrorKind::ResourceBusy, what)
        })?;
        Ok(State { directory: directory.to_owned(), next: AtomicU64::new(0), _lock: lock })
    }

    /// Writes a version: its new segments, then its manifest.
    pub(crate) fn write(&self, name: &str, version: &Version) -> io::Result<()> {
        for piece in version.pieces.iter().filter(|piece| piece.file.get().is_none()) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let file = format!("{}-{number}.arrows", version.base);
            self.put(&file, |out| {
                out.write_all(&version.schema)?;
                let memory = map(&piece.segment.fd, piece.segment.len);
                let memory = memory.map_err(|fault| io::Error::other(fault.to_string()))?;
                out.write_all(&memory)?;
                out.write_all(&END_OF_STREAM)
            })?;
            let _ = piece.file.set(file);
        }
        let schema = format!("{}.schema", version.base);
        if !self.directory.join(&schema).exists() {
            self.put(&schema, |out| out.write_all(&version.schema))?;
        }
        self.put(&format!("{name}.table"), |out| out.write_all(manifest(version).as_bytes()))?;
        self.flush()
    }

    /// Removes a table.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(format!("{name}.table")))?;
        self.flush()
    }

    /// Removes files that a version no longer uses. Failure is harmless: they are removed at the next start.
    pub(crate) fn forget(&self, old: &Version, new: Option<&Version>) {
        let used: HashSet<&String> =
            new.iter().flat_map(|new| new.pieces.iter().filter_map(|piece| piece.file.get())).collect();
        for file in old.pieces.iter().filter_map(|piece| piece.file.get()) {
            if !used.contains(file) {
                let _ = fs::remove_file(self.directory.join(file));
            }
        }
        if new.is_none_or(|new| new.base != old.base) {
            let _ = fs::remove_file(self.directory.join(format!("{}.schema", old.base)));
        }
    }

    fn put(&self, name: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let draft = self.directory.join(format!("{name}.part"));
        let mut file = File::create(&draft)?;
        fill(&mut file)?;
        file.sync_all()?;
        fs::rename(draft, self.directory.join(name))
    }

    fn flush(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// Reads all tables. Tables that cannot be read are left in place, and reported.
    #[allow(clippy::type_complexity, reason = "a pair of lists, used once")]
    pub(crate) fn read(&self) -> io::Result<(Vec<(String, Version)>, Vec<String>)> {
        let (mut found, mut wrong) = (BTreeMap::<u64, (String, Version)>::new(), Vec::new());
        let mut others = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".table") else {
                others.push(file);
                continue;
            };
            match self.table(name) {
                Ok(version) => {
                    // A rename that was interrupted leaves two: the later counts.
                    let base = version.base;
                    if found.get(&base).is_none_or(|(_, other)| other.version < version.version) {
                        found.insert(base, (name.to_owned(), version));
                    }
                }
                Err(why) => wrong.push(format!("{}: {why}", self.directory.join(&file).display())),
            }
        }
        // Nothing is removed while a manifest cannot be read: it may need any segment.
        if wrong.is_empty() {
            let mut used: HashSet<String> = HashSet::from(["lock".to_owned()]);
            for (base, (_, version)) in &found {
                used.insert(format!("{base}.schema"));
                used.extend(version.pieces.iter().filter_map(|piece| piece.file.get().cloned()));
            }
            let ours = |file: &str| {
                file.ends_with(".part") || file.ends_with(".arrows") || file.ends_with(".schema")
            };
            for file in others.iter().filter(|file| ours(file) && !used.contains(*file)) {
                let _ = fs::remove_file(self.directory.join(file));
            }
        }
        let numbers = others
            .iter()
            .filter_map(|file| file.strip_suffix(".arrows")?.rsplit_once('-')?.1.parse::<u64>().ok());
        self.next.store(numbers.max().map_or(0, |last| last + 1), Ordering::Relaxed);
        Ok((found.into_values().collect(), wrong))
    }

    fn table(&self, name: &str) -> Result<Version, String> {
        check_name(name).map_err(|refused| refused.text)?;
        let text = fs::read_to_string(self.directory.join(format!("{name}.table")));
        let text = text.map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) || text.lines().last() != Some(END) {
            return Err("it is no manifest of this version, or not whole".to_owned());
        }
        let (mut version, mut base, mut made) = (0, 0, 0);
        let (mut metadata, mut past, mut listed) = (Metadata::new(), Vec::new(), Vec::new());
        for line in lines {
            let mut words = line.split(' ');
            let key = words.next().unwrap_or_default();
            let words: Vec<&str> = words.collect();
            let number = |at: usize| -> Result<u64, String> {
                let word = words.get(at).and_then(|word| word.parse().ok());
                word.ok_or_else(|| format!("the line {line:?} makes no sense"))
            };
            match key {
                "version" => version = number(0)?,
                "base" => base = number(0)?,
                "made" => made = number(0)?,
                "past" => past.push((number(0)?, number(1)?)),
                "meta" => {
                    let word = |at: usize| words.get(at).and_then(|word| unescape(word));
                    let pair = word(0).zip(word(1));
                    metadata.push(pair.ok_or_else(|| format!("the line {line:?} makes no sense"))?);
                }
                "segment" => {
                    let file = words.first().copied().unwrap_or_default();
                    if file.contains('/') || !file.ends_with(".arrows") {
                        return Err(format!("{file:?} is no segment"));
                    }
                    listed.push((file.to_owned(), number(1)?, number(2)?, number(3)?));
                }
                END => break,
                _ => return Err(format!("the line {line:?} makes no sense")),
            }
        }
        let schema = fs::read(self.directory.join(format!("{base}.schema")));
        let schema: Arc<[u8]> = schema.map_err(|error| format!("{base}.schema: {error}"))?.into();
        let decoder = Decoder::from_schema_message(&schema).map_err(|error| error.to_string())?;
        let (mut pieces, mut rows, mut bytes) = (Vec::new(), 0_u64, 0_u64);
        for (file, len, count, part) in listed {
            let wrong = |why: String| format!("{file}: {why}");
            let fd = self.load(&file, &schema, len).map_err(|error| wrong(error.to_string()))?;
            let segment = Segment { fd, len, rows: count };
            let name = Arc::new(std::sync::OnceLock::from(file));
            pieces.push(Arc::new(Piece { segment: Arc::new(segment), first_row: rows, part, file: name }));
            rows = rows.saturating_add(count);
            bytes = bytes.saturating_add(len);
        }
        check_parts(&schema, &pieces)?;
        Ok(Version {
            version,
            base,
            made,
            columns: decoder.schema().fields().len() as u32,
            schema,
            rows,
            bytes,
            metadata: Arc::new(metadata),
            pieces: pieces.into(),
            past: past.into(),
        })
    }

    /// Reads the messages of a segment into memory.
    fn load(&self, file: &str, schema: &[u8], len: u64) -> io::Result<std::os::fd::OwnedFd> {
        let mut from = File::open(self.directory.join(file))?;
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut head = vec![0; schema.len()];
        from.read_exact(&mut head)?;
        if head != schema {
            return Err(broken("it begins with another schema"));
        }
        let mut into = Appender::create(c"bowstring-segment")?;
        let (mut left, mut piece) = (len, vec![0; 1 << 20]);
        while left > 0 {
            let most = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            from.read_exact(&mut piece[..most])?;
            into.append(&piece[..most])?;
            left -= most as u64;
        }
        let mut tail = Vec::new();
        from.read_to_end(&mut tail)?;
        if tail != END_OF_STREAM {
            return Err(broken("it does not end where it should"));
        }
        Ok(into.freeze()?.into_fd())
    }
}

/// Checks each part like a put.
fn check_parts(schema: &[u8], pieces: &[Arc<Piece>]) -> Result<(), String> {
    for part in pieces.chunk_by(|a, b| a.part == b.part) {
        let copies = part.iter().map(|piece| {
            let fd = piece.segment.fd.try_clone().map_err(|error| error.to_string())?;
            Ok(Segment { fd, len: piece.segment.len, rows: piece.segment.rows })
        });
        let copies = copies.collect::<Result<Vec<_>, String>>()?;
        check(schema, &copies, None).map_err(|fault| fault.to_string())?;
    }
    Ok(())
}

fn manifest(version: &Version) -> String {
    let mut text =
        format!("{TITLE}\nversion {}\nbase {}\nmade {}\n", version.version, version.base, version.made);
    for (key, value) in version.metadata.iter() {
        let _ = writeln!(text, "meta {} {}", escape(key), escape(value));
    }
    for (past, rows) in version.past.iter() {
        let _ = writeln!(text, "past {past} {rows}");
    }
    for piece in version.pieces.iter() {
        let file = piece.file.get().map_or("", String::as_str);
        let Piece { segment, part, .. } = &**piece;
        let _ = writeln!(text, "segment {file} {} {} {part}", segment.len, segment.rows);
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Escapes spaces and line ends.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'!'..=b'$' | b'&'..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_comes_back() {
        for text in ["", "a b\n%é", "100%"] {
            let escaped = escape(text);
            assert!(!escaped.contains([' ', '\n']));
            assert_eq!(unescape(&escaped).as_deref(), Some(text));
        }
        assert_eq!(unescape("%4"), None);
    }
}
