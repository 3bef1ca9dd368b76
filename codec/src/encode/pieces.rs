//! The sink of a message that goes into a file: long buffers go there straight from their arrays, and everything else
//! through a small staging area.

use core::ops::Range;

use arrow_buffer::MutableBuffer;

use super::error::EncodeError;
use super::sink::{Sink, Written, set};
use crate::template::{Tables, Template, pair};
use crate::wire::{ALIGNMENT, padded};

/// Buffers from this length on are not staged. Below it, a copy costs less than another part of a system call.
const DIRECT: usize = 8 << 10;
/// Bytes of the staging area, unless a single buffer takes more.
const STAGED: usize = 128 << 10;
/// Bytes of the staging area that are kept from one message to the next.
const KEPT: usize = 16 << 20;
/// Parts given to `out` at a time.
const PARTS: usize = 16;

/// Memory of messages that go into files, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) head: Vec<u8>,
    pub(super) staging: MutableBuffer,
}

impl Scratch {
    /// Returns room for the metadata, and the staging area.
    pub(super) fn split(&mut self, template: &Template) -> (&mut [u8], &mut MutableBuffer) {
        self.head.resize(template.len(), 0);
        if self.staging.len() < STAGED {
            self.staging.resize(STAGED, 0);
        }
        (&mut self.head, &mut self.staging)
    }

    /// Frees what only a very long buffer needed.
    pub(super) fn trim(&mut self) {
        if self.staging.len() > KEPT {
            self.staging = MutableBuffer::default();
        }
    }
}

/// A part of the body that was not passed on yet.
#[derive(Clone)]
enum Piece<'a> {
    Staged(Range<usize>),
    Borrowed(&'a [u8]),
    Padding(usize),
}

/// Passes the body of a message to `out`, piece by piece, with the place of the first in the message.
pub(super) struct Pieces<'r, 'a, F> {
    tables: Tables<'r>,
    staging: &'r mut MutableBuffer,
    /// Bytes of the staging area in use.
    used: usize,
    pieces: [Piece<'a>; PARTS],
    count: usize,
    /// The place of the pieces in the message.
    from: usize,
    out: F,
    /// Bytes of the body.
    at: usize,
    nodes: usize,
    buffers: usize,
    views: usize,
}

impl<'r, 'a, E, F> Pieces<'r, 'a, F>
where
    E: From<EncodeError>,
    F: FnMut(usize, &[&[u8]]) -> Result<(), E>,
{
    /// The body begins at byte `from` of the message.
    pub(super) fn new(tables: Tables<'r>, staging: &'r mut MutableBuffer, from: usize, out: F) -> Self {
        let pieces = [const { Piece::Padding(0) }; PARTS];
        let (used, count, at, nodes, buffers, views) = (0, 0, 0, 0, 0, 0);
        Self { tables, staging, used, pieces, count, from, out, at, nodes, buffers, views }
    }

    pub(super) fn finish(mut self) -> Result<Written, E> {
        self.flush()?;
        let complete = self.buffers <= self.tables.buffers.len();
        Ok(Written { buffers: self.buffers, body: self.at, complete })
    }

    /// Passes on what is there.
    fn flush(&mut self) -> Result<(), E> {
        let mut parts = [&[][..]; PARTS];
        let mut len = 0;
        for (part, piece) in parts.iter_mut().zip(&self.pieces[..self.count]) {
            *part = match piece {
                Piece::Staged(range) => &self.staging[range.clone()],
                Piece::Borrowed(bytes) => bytes,
                Piece::Padding(len) => &[0; ALIGNMENT][..*len],
            };
            len += part.len();
        }
        if len > 0 {
            (self.out)(self.from, &parts[..self.count])?;
        }
        self.from += len;
        (self.used, self.count) = (0, 0);
        Ok(())
    }

    fn push(&mut self, piece: Piece<'a>) -> Result<(), E> {
        if let (Some(last), Piece::Staged(next)) = (self.count.checked_sub(1), &piece)
            && let Piece::Staged(staged) = &mut self.pieces[last]
        {
            staged.end = next.end;
            return Ok(());
        }
        self.pieces[self.count] = piece;
        self.count += 1;
        if self.count == PARTS { self.flush() } else { Ok(()) }
    }

    /// Enters a buffer into the metadata; returns its padded length.
    fn enter(&mut self, len: usize) -> Result<usize, EncodeError> {
        if let Some(entry) = self.tables.buffers.get_mut(self.buffers) {
            *entry = pair(self.at, len);
        }
        self.buffers += 1;
        let room = padded(len).ok_or(EncodeError::TooLarge)?;
        self.at = self.at.checked_add(room).ok_or(EncodeError::TooLarge)?;
        Ok(room)
    }
}

impl<'a, E, F> Sink<'a> for Pieces<'_, 'a, F>
where
    E: From<EncodeError>,
    F: FnMut(usize, &[&[u8]]) -> Result<(), E>,
{
    type Error = E;

    fn node(&mut self, len: usize, nulls: usize) -> Result<(), E> {
        Ok(set(self.tables.nodes, &mut self.nodes, pair(len, nulls))?)
    }

    fn variadic(&mut self, count: usize) -> Result<(), E> {
        Ok(set(self.tables.counts, &mut self.views, (count as u64).to_le_bytes())?)
    }

    fn buffer(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), E> {
        let room = self.enter(len)?;
        if room > self.staging.len() - self.used {
            self.flush()?;
        }
        if room > self.staging.len() {
            self.staging.resize(room, 0);
        }
        let range = self.used..self.used + room;
        let slot = &mut self.staging[range.clone()];
        if room != len
            && let Some(last) = slot.last_chunk_mut::<ALIGNMENT>()
        {
            *last = [0; ALIGNMENT];
        }
        fill(&mut slot[..len])?;
        self.used = range.end;
        self.push(Piece::Staged(range))
    }

    fn existing(
        &mut self,
        len: usize,
        bytes: impl FnOnce() -> Result<&'a [u8], EncodeError>,
    ) -> Result<(), E> {
        if len < DIRECT {
            return self.buffer(len, |out| {
                out.copy_from_slice(bytes()?);
                Ok(())
            });
        }
        let room = self.enter(len)?;
        self.push(Piece::Borrowed(bytes()?))?;
        if room != len { self.push(Piece::Padding(room - len)) } else { Ok(()) }
    }
}
