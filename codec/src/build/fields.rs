//! Hands out the fields of a message, one after the other, each with its own part of the region.

use arrow_array::PrimitiveArray;
use arrow_array::types::{ArrowDictionaryKeyType, ArrowPrimitiveType};
use arrow_schema::DataType;

use super::Shape;
use super::error::BuildError;
use super::fixed::{Booleans, Fixed, FixedBytes};
use super::nested::{Counts, ListViews, Lists, Rows, Runs, Unions};
use super::slot::{Column, Slot};
use super::strings::{Binaries, Index, Strings};
use crate::layout::{BufferKind, Class, Node, OffsetWidth};
use crate::template::{Pair, Tables};

/// The fields of a message, parents before their children, as [`Shape::tree`] has them.
///
/// Each is requested by the kind of its content, and is a part of the region of its own: all cursors can be held, and
/// filled row by row, at the same time.
#[derive(Debug)]
pub struct Fields<'a> {
    shape: &'a Shape,
    next: usize,
    next_slot: usize,
    nodes: &'a mut [Pair],
    buffers: &'a mut [Pair],
    counts: &'a mut [[u8; 8]],
    body: &'a mut [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(shape: &'a Shape, tables: Tables<'a>, body: &'a mut [u8]) -> Self {
        let Tables { nodes, buffers, counts } = tables;
        Self { shape, next: 0, next_slot: 0, nodes, buffers, counts, body }
    }

    /// Returns the type of the next field, if there is one.
    #[must_use]
    pub fn next_type(&self) -> Option<&'a DataType> {
        self.shape.tree().nodes().get(self.next).map(|node| &node.data_type)
    }

    /// Returns the next field as native values, e.g. `fields.fixed::<Int64Type>()`.
    pub fn fixed<T: ArrowPrimitiveType>(&mut self) -> Result<Fixed<'a, T::Native>, BuildError> {
        self.peek(|node| PrimitiveArray::<T>::is_compatible(&node.data_type))?;
        let column = self.column()?;
        Ok(Fixed { column, values: self.slot()?.typed(), offered: 0, dictionary_len: None })
    }

    /// Returns the next field as keys of a dictionary of `dictionary_len` values, e.g. `fields.keys::<Int8Type>(3)`.
    pub fn keys<K: ArrowDictionaryKeyType>(
        &mut self,
        dictionary_len: usize,
    ) -> Result<Fixed<'a, K::Native>, BuildError> {
        self.peek(|node| matches!(&node.data_type, DataType::Dictionary(key, _) if **key == K::DATA_TYPE))?;
        let column = self.column()?;
        Ok(Fixed { column, values: self.slot()?.typed(), offered: 0, dictionary_len: Some(dictionary_len) })
    }

    /// Returns the next field as fixed-size binary.
    pub fn fixed_bytes(&mut self) -> Result<FixedBytes<'a>, BuildError> {
        let node = self.peek(|node| matches!(node.data_type, DataType::FixedSizeBinary(_)))?;
        let Class::Fixed { width } = node.class else { return Err(self.wrong_type()) };
        let column = self.column()?;
        Ok(FixedBytes { column, values: self.slot()?, width: width as usize })
    }

    /// Returns the next field as booleans.
    pub fn booleans(&mut self) -> Result<Booleans<'a>, BuildError> {
        self.peek(|node| node.class == Class::Boolean)?;
        let column = self.column()?;
        Ok(Booleans { column, values: self.slot()?, offered: false })
    }

    /// Returns the next field as text: utf8, large utf8 or utf8 view.
    pub fn strings(&mut self) -> Result<Strings<'a>, BuildError> {
        self.peek(|node| matches!(node.class, Class::Bytes { utf8: true, .. } | Class::View { utf8: true }))?;
        self.variable().map(Strings)
    }

    /// Returns the next field as binary: binary, large binary or binary view.
    pub fn binaries(&mut self) -> Result<Binaries<'a>, BuildError> {
        self.peek(|node| {
            matches!(node.class, Class::Bytes { utf8: false, .. } | Class::View { utf8: false })
        })?;
        self.variable()
    }

    /// Returns the next field as a struct, a fixed-size list, or a column of the null type.
    pub fn rows(&mut self) -> Result<Rows<'a>, BuildError> {
        let node = self
            .peek(|node| matches!(node.class, Class::Struct | Class::FixedSizeList { .. } | Class::Null))?;
        let all_null = node.class == Class::Null;
        Ok(Rows { column: self.column()?, all_null })
    }

    /// Returns the next field as lists: list, large list or map. Their items are the field after it.
    pub fn lists(&mut self) -> Result<Lists<'a>, BuildError> {
        let node = self.peek(|node| matches!(node.class, Class::List { .. }))?;
        let Class::List { offsets } = node.class else { return Err(self.wrong_type()) };
        let room = self.shape.capacity(self.next + 1);
        let column = self.column()?;
        let mut offsets = self.counts(offsets)?;
        offsets.set(0, 0);
        Ok(Lists { column, offsets, room, used: 0 })
    }

    /// Returns the next field as list views. Their items are the field after it.
    pub fn list_views(&mut self) -> Result<ListViews<'a>, BuildError> {
        let node = self.peek(|node| matches!(node.class, Class::ListView { .. }))?;
        let Class::ListView { offsets: width } = node.class else { return Err(self.wrong_type()) };
        let room = self.shape.capacity(self.next + 1);
        let column = self.column()?;
        let offsets = self.counts(width)?;
        Ok(ListViews { column, offsets, sizes: self.counts(width)?, room })
    }

    /// Returns the next field as a union. Its children are the fields after it.
    pub fn unions(&mut self) -> Result<Unions<'a>, BuildError> {
        let node = self.peek(|node| matches!(node.class, Class::Union { .. }))?;
        let Class::Union { dense, ids } = &node.class else { return Err(self.wrong_type()) };
        let mut room = [0; 128];
        for (child, id) in self.shape.tree().children_of(self.next).zip(ids) {
            // A dense child has at most 2^31 rows, and a sparse one's room does not matter.
            room[usize::from(id.unsigned_abs()) & 127] = self.shape.capacity(child) as u32;
        }
        let column = self.column()?;
        let type_ids = self.slot()?;
        let offsets = if *dense { Some(self.slot()?.typed()) } else { None };
        Ok(Unions { column, type_ids, offsets, ids, room, used: [0; 128] })
    }

    /// Returns the next field as runs. The value of each run is the field after it.
    pub fn runs(&mut self) -> Result<Runs<'a>, BuildError> {
        let node = self.peek(|node| matches!(node.class, Class::RunEnd { .. }))?;
        let Class::RunEnd { width } = node.class else { return Err(self.wrong_type()) };
        let column = self.column()?;
        let ends = self.column()?;
        let slot = self.slot()?;
        let values = match width {
            2 => Counts::W16(slot.typed()),
            4 => Counts::W32(slot.typed()),
            _ => Counts::W64(slot.typed()),
        };
        Ok(Runs { column, ends, values })
    }

    fn wrong_type(&self) -> BuildError {
        BuildError::WrongType { node: self.next }
    }

    /// Returns the next node, if it is of the requested kind.
    fn peek(&self, asked: impl FnOnce(&Node) -> bool) -> Result<&'a Node, BuildError> {
        let node = self.shape.tree().nodes().get(self.next).ok_or(BuildError::NoMoreFields)?;
        if asked(node) { Ok(node) } else { Err(self.wrong_type()) }
    }

    /// Takes the next node, and its validity if its type has one.
    #[inline]
    fn column(&mut self) -> Result<Column<'a>, BuildError> {
        let index = self.next;
        let tree = self.shape.tree();
        let node = tree.nodes().get(index).ok_or(BuildError::NoMoreFields)?;
        let entry = self.nodes.split_off_first_mut().ok_or(BuildError::NoMoreFields)?;
        let capacity = self.shape.capacity(index);
        self.next += 1;
        let has_validity = tree.buffers_of(node).first() == Some(&BufferKind::Validity);
        let validity = if has_validity { Some(self.slot()?) } else { None };
        let validity = match node.nullable {
            true => validity,
            // A field that cannot be null has no use for its slot, which is empty.
            false => {
                if let Some(slot) = validity {
                    slot.close(0);
                }
                None
            }
        };
        Ok(Column { node: index, capacity, len: 0, entry, validity, has_nulls: false })
    }

    /// Takes the next buffer.
    #[inline]
    fn slot(&mut self) -> Result<Slot<'a>, BuildError> {
        let range = self.shape.slots().get(self.next_slot).ok_or(BuildError::NoMoreFields)?;
        let bytes = self.body.split_off_mut(..range.len()).ok_or(BuildError::NoMoreFields)?;
        let entry = self.buffers.split_off_first_mut().ok_or(BuildError::NoMoreFields)?;
        self.next_slot += 1;
        Ok(Slot { bytes, entry, offset: range.start })
    }

    fn counts(&mut self, width: OffsetWidth) -> Result<Counts<'a>, BuildError> {
        let slot = self.slot()?;
        Ok(match width {
            OffsetWidth::W32 => Counts::W32(slot.typed()),
            OffsetWidth::W64 => Counts::W64(slot.typed()),
        })
    }

    /// Takes a column of text or binary.
    fn variable(&mut self) -> Result<Binaries<'a>, BuildError> {
        let node = self.peek(|_| true)?;
        let column = self.column()?;
        let slot = self.slot()?;
        let index = match &node.class {
            Class::Bytes { offsets: OffsetWidth::W32, .. } => {
                let offsets = slot.typed();
                offsets.values[0] = 0;
                Index::W32(offsets)
            }
            Class::Bytes { .. } => {
                let offsets = slot.typed();
                offsets.values[0] = 0;
                Index::W64(offsets)
            }
            _ => {
                let one = self.counts.split_off_first_mut().ok_or(BuildError::NoMoreFields)?;
                *one = 1u64.to_le_bytes();
                Index::Views(slot.typed())
            }
        };
        let bytes = self.slot()?;
        let room = self.shape.bytes(column.node);
        Ok(Binaries { column, index, bytes, room, used: 0 })
    }
}
