//! Sends tables to clients.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::Server;
use super::connection::{Connection, Held, Outgoing, Stand};
use crate::catalogue::{Piece, Table, Version};
use crate::segment::freeze;
use crate::wire::message::{Metadata, Record, Reply, SchemaAt, TableHead};
use crate::wire::{INLINE_SCHEMA, MAX_SEGMENTS};

/// The first datagram also holds names and possibly a schema, so it takes fewer.
const IN_FIRST: usize = MAX_SEGMENTS;

/// Returns the datagrams of some rows of a version.
pub(super) fn datagrams(
    name: &str,
    source: &str,
    version: &Version,
    rows: std::ops::Range<u64>,
    introduce: bool,
) -> Result<Vec<Outgoing>, bowstring_transport::OsError> {
    let (pieces, first_row) = version.since_row(rows.start);
    let wanted = pieces.partition_point(|piece| piece.first_row < rows.end);
    let pieces = pieces.get(..wanted).unwrap_or_default();
    let (schema, schema_fd) = match introduce {
        false => (SchemaAt::AsBefore, None),
        true => schema(&version.schema)?,
    };
    let (first, rest) = pieces.split_at(pieces.len().min(IN_FIRST));
    let head = Reply::Table(TableHead {
        version: version.version,
        base: version.base,
        from_row: rows.start,
        first_row: first_row.min(rows.start),
        end_row: rows.end,
        bytes: version.bytes,
        made: version.made,
        segments: pieces.len() as u32,
        schema,
        name: name.to_owned(),
        source: source.to_owned(),
        metadata: Metadata::clone(&version.metadata),
        records: records(first),
    });
    let schema_fd = schema_fd.map(|fd| Held::Schema(Arc::new(fd)));
    let fds = schema_fd.into_iter().chain(held(first)).collect();
    let mut out = vec![Outgoing { bytes: head.encode(), fds }];
    for pieces in rest.chunks(MAX_SEGMENTS) {
        let bytes = Reply::Segments(records(pieces)).encode();
        out.push(Outgoing { bytes, fds: held(pieces).collect() });
    }
    Ok(out)
}

fn schema(message: &[u8]) -> Result<(SchemaAt, Option<OwnedFd>), bowstring_transport::OsError> {
    if message.len() <= INLINE_SCHEMA {
        return Ok((SchemaAt::Inline(message.to_vec()), None));
    }
    Ok((SchemaAt::Descriptor(message.len() as u32), Some(freeze(message)?)))
}

fn records(pieces: &[Arc<Piece>]) -> Vec<Record> {
    pieces.iter().map(|piece| Record { len: piece.segment.len, rows: piece.segment.rows }).collect()
}

fn held(pieces: &[Arc<Piece>]) -> impl Iterator<Item = Held> {
    pieces.iter().map(|piece| Held::Segment(piece.segment.clone()))
}

impl Server {
    /// Sends a follower what it lacks; returns true if there was something.
    pub(super) fn advance(&mut self, token: u64) -> bool {
        let Some(Connection { stand: Stand::Following(following), out, .. }) =
            self.connections.get_mut(&token)
        else {
            return false;
        };
        let table = self.catalogue.tables.get(&following.name).filter(|_| !following.gone);
        // The rest of the previous content comes first.
        let behind = following.behind.take().filter(|behind| behind.base == following.base);
        let newest = table.and_then(|table| table.current.clone());
        let Some(version) = behind.or(newest) else {
            if following.gone {
                following.gone = false;
                out.push_back(Outgoing { bytes: Reply::End.encode(), fds: Vec::new() });
                return true;
            }
            return false;
        };
        if version.base != following.base {
            (following.base, following.row, following.introduced) = (version.base, 0, false);
        }
        let source = table.and_then(|table| table.source.as_deref()).unwrap_or_default();
        let rows = following.row.min(version.rows)..version.rows;
        if following.introduced && rows.is_empty() {
            // Only keys and values changed, or it was the rest of a table that is followed by another.
            return table.and_then(|t| t.current.as_ref()).is_some_and(|c| c.base != version.base);
        }
        match datagrams(&following.name, source, &version, rows, !following.introduced) {
            Ok(mut datagrams) => {
                (following.row, following.introduced) = (version.rows, true);
                self.stats.shared += datagrams.iter().map(|datagram| datagram.fds.len() as u64).sum::<u64>();
                out.extend(datagrams.drain(..));
                true
            }
            // Retried when something happens to the table.
            Err(_) => false,
        }
    }

    /// Notifies followers that a table has changed.
    pub(super) fn tell_followers(&mut self, name: &str, before: Option<&Arc<Version>>) {
        let mut tokens = Vec::new();
        let current = self.catalogue.tables.get(name).and_then(|table| table.current.as_ref());
        // What was only added to is in the new version too: a slow follower keeps nothing of the old one alive.
        let replaced = before.filter(|before| current.is_none_or(|current| current.base != before.base));
        for (&token, connection) in &mut self.connections {
            let Stand::Following(following) = &mut connection.stand else { continue };
            if following.name != name {
                continue;
            }
            if let Some(before) = replaced
                && before.base == following.base
                && following.row < before.rows
                && !connection.out.is_empty()
            {
                following.behind = Some(before.clone());
            }
            if connection.out.is_empty() {
                tokens.push(token);
            }
        }
        for token in tokens {
            self.flush(token);
        }
    }

    /// Counts and sends rows of a version to one client.
    pub(super) fn deliver(&mut self, token: u64, name: &str, version: &Version, rows: std::ops::Range<u64>) {
        let table = self.catalogue.tables.get(name);
        let source = table.and_then(|table: &Table| table.source.as_deref()).unwrap_or_default();
        match datagrams(name, source, version, rows, true) {
            Ok(datagrams) => {
                if let Some(connection) = self.connections.get_mut(&token) {
                    self.stats.shared += datagrams.iter().map(|d| d.fds.len() as u64).sum::<u64>();
                    self.stats.bytes_shared += version.bytes;
                    connection.out.extend(datagrams);
                }
                self.flush(token);
            }
            Err(error) => self.refuse(token, crate::wire::message::Code::Host, &error.to_string()),
        }
    }
}
