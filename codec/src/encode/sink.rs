//! The sink of a walk over arrays: it measures, or writes.
//!
//! The same walk does both, so that what is measured is what will be written.

use super::error::EncodeError;
use crate::template::{Tables, pair};
use crate::wire::{ALIGNMENT, padded};

/// Takes the nodes and buffers of a message in their order. `'a` is the life of the arrays.
pub(super) trait Sink<'a> {
    type Error: From<EncodeError>;

    /// Takes a field node.
    fn node(&mut self, len: usize, nulls: usize) -> Result<(), Self::Error>;

    /// Takes the number of variadic buffers of a view column.
    fn variadic(&mut self, count: usize) -> Result<(), Self::Error>;

    /// Takes a buffer of `len` bytes. `fill` gets exactly these, and writes every one of them. Work that is only
    /// needed for that is left to it, so measuring avoids it.
    fn buffer(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), Self::Error>;

    /// Takes a buffer that exists already, as the `len` bytes that `bytes` finds. Measuring does not look for them.
    fn existing(
        &mut self,
        len: usize,
        bytes: impl FnOnce() -> Result<&'a [u8], EncodeError>,
    ) -> Result<(), Self::Error> {
        self.buffer(len, |out| {
            out.copy_from_slice(bytes()?);
            Ok(())
        })
    }

    /// Takes a buffer that exists already.
    fn copy(&mut self, bytes: &'a [u8]) -> Result<(), Self::Error> {
        self.existing(bytes.len(), || Ok(bytes))
    }

    /// Takes a buffer without bytes.
    fn empty(&mut self) -> Result<(), Self::Error> {
        self.buffer(0, |_| Ok(()))
    }
}

/// Measures a message.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// Bytes of the body.
    pub(super) body: usize,
    /// Variadic buffers of all columns.
    pub(super) variadic: usize,
}

impl Sink<'_> for Measure {
    type Error = EncodeError;

    fn node(&mut self, _: usize, _: usize) -> Result<(), EncodeError> {
        Ok(())
    }

    fn variadic(&mut self, count: usize) -> Result<(), EncodeError> {
        self.variadic = self.variadic.checked_add(count).ok_or(EncodeError::TooLarge)?;
        Ok(())
    }

    fn buffer(
        &mut self,
        len: usize,
        _: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let end = padded(len).and_then(|len| self.body.checked_add(len));
        self.body = end.ok_or(EncodeError::TooLarge)?;
        Ok(())
    }
}

/// Writes a message: entries into its tables, bytes into its body.
#[derive(Debug)]
pub(super) struct Write<'r> {
    tables: Tables<'r>,
    body: &'r mut [u8],
    /// Bytes of the body in use.
    at: usize,
    nodes: usize,
    buffers: usize,
    views: usize,
}

/// A message that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Buffers of the message. If there are more than the table holds, only the first are in it.
    pub(super) buffers: usize,
    /// Bytes of the body.
    pub(super) body: usize,
    /// True if all buffers are in the table.
    pub(super) complete: bool,
}

impl<'r> Write<'r> {
    pub(super) fn new(tables: Tables<'r>, body: &'r mut [u8]) -> Self {
        Self { tables, body, at: 0, nodes: 0, buffers: 0, views: 0 }
    }

    pub(super) fn finish(self) -> Written {
        Written { buffers: self.buffers, body: self.at, complete: self.buffers <= self.tables.buffers.len() }
    }
}

/// Sets the next entry of a table. The tables have the lengths of the plan, and the walk follows the plan.
pub(super) fn set<T>(table: &mut [T], next: &mut usize, value: T) -> Result<(), EncodeError> {
    *table.get_mut(*next).ok_or(EncodeError::TooLarge)? = value;
    *next += 1;
    Ok(())
}

impl Sink<'_> for Write<'_> {
    type Error = EncodeError;

    fn node(&mut self, len: usize, nulls: usize) -> Result<(), EncodeError> {
        set(self.tables.nodes, &mut self.nodes, pair(len, nulls))
    }

    fn variadic(&mut self, count: usize) -> Result<(), EncodeError> {
        set(self.tables.counts, &mut self.views, (count as u64).to_le_bytes())
    }

    fn buffer(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if let Some(entry) = self.tables.buffers.get_mut(self.buffers) {
            *entry = pair(self.at, len);
        }
        self.buffers += 1;
        let given = self.body.len();
        let end = padded(len).and_then(|len| self.at.checked_add(len)).ok_or(EncodeError::TooLarge)?;
        let Some(slot) = self.body.get_mut(self.at..end) else {
            return Err(EncodeError::RegionTooSmall { needed: end, given });
        };
        // Padding, if any, is within the last 64 bytes: clearing all of these is cheaper than counting which.
        if slot.len() != len
            && let Some(last) = slot.last_chunk_mut::<ALIGNMENT>()
        {
            *last = [0; ALIGNMENT];
        }
        fill(&mut slot[..len])?;
        self.at = end;
        Ok(())
    }
}
