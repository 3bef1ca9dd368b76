//! One column, or a field nested in it, and its values by type.

use std::fmt;
use std::marker::PhantomData;

use arrow_schema::DataType;
use bytemuck::AnyBitPattern;

use super::bytes::Offsets;
use super::{
    Bitmap, Bytes, Fixed, FixedSizeList, Keys, Level, List, ListView, RunEnd, Struct, Structure, Union, Views,
};
use crate::layout::{Class, Layout, Node, OffsetWidth, Tree};
use crate::message::dictionary::{Held, Part};
use crate::message::table::{Slot, Table};

/// The data of a message's columns, which views are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) tree: &'a Tree,
    pub(crate) table: &'a Table,
    pub(crate) body: &'a [u8],
    pub(crate) dictionaries: Held<'a>,
}

impl<'a> Source<'a> {
    /// Returns the source of a dictionary's part. `tree` is the one that the part was read against.
    pub(crate) fn of_part(part: &'a Part, layout: &'a Layout, tree: &'a Tree) -> Self {
        Source { layout, tree, table: &part.table, body: &part.body, dictionaries: part.inner.held() }
    }

    /// Returns the bytes of a slot's `nth` buffer.
    pub(crate) fn buffer(&self, slot: &Slot, nth: usize) -> &'a [u8] {
        let span = self.table.span(slot, nth);
        // In bounds: each span was checked against this body when the table was loaded.
        self.body.get(span.offset..span.offset + span.len).unwrap_or_default()
    }
}

/// A column, or a field nested in one, in the memory its message came in.
#[derive(Clone, Copy)]
pub struct ColumnView<'a, L: Level> {
    source: Source<'a>,
    node: &'a Node,
    index: usize,
    slot: Slot,
    level: PhantomData<L>,
}

/// The values of a column, by its shape.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Values<'a, L: Level> {
    /// Nothing: every row is null.
    Null,
    /// Booleans.
    Boolean(Bitmap<'a>),
    /// Integers, floats, decimals, dates and times, fixed-size binary.
    Fixed(Fixed<'a>),
    /// Strings and binary.
    Bytes(Bytes<'a, L>),
    /// String views and binary views.
    Views(Views<'a, L>),
    /// Lists, large lists and maps.
    List(List<'a, L>),
    /// List views and large list views.
    ListView(ListView<'a, L>),
    /// Fixed-size lists.
    FixedSizeList(FixedSizeList<'a, L>),
    /// Structs.
    Struct(Struct<'a, L>),
    /// Sparse and dense unions.
    Union(Union<'a, L>),
    /// Run-end encoded values.
    RunEnd(RunEnd<'a, L>),
    /// Keys into a dictionary.
    Dictionary(Keys<'a>),
}

impl<'a> ColumnView<'a, Structure> {
    /// Returns the column at a node of a loaded table.
    pub(crate) fn new(source: Source<'a>, index: usize) -> Self {
        Self::at(source, index)
    }
}

impl<'a, L: Level> ColumnView<'a, L> {
    /// Returns the column at a node. The caller vouches for the level: within this module, it is that of the view it
    /// comes from.
    pub(super) fn at(source: Source<'a>, index: usize) -> Self {
        Self {
            source,
            node: &source.tree.nodes()[index],
            index,
            slot: source.table.slot(index),
            level: PhantomData,
        }
    }

    /// Returns the column's type.
    #[must_use]
    pub fn data_type(&self) -> &'a DataType {
        &self.node.data_type
    }

    /// Returns the names from the column down to this field, joined by dots.
    #[must_use]
    pub fn path(&self) -> &'a str {
        &self.node.path
    }

    /// Returns the buffers of this field alone, without those of its children, in the order of the message. They show
    /// where the data is; [`validity`](Self::validity) and [`values`](Self::values) show what it means.
    pub fn buffers(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, L> {
        let (source, slot) = (self.source, self.slot);
        let count = self.node.buffers as usize + slot.variadic as usize;
        (0..count).map(move |nth| source.buffer(&slot, nth))
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slot.len
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slot.len == 0
    }

    /// Returns the number of nulls as the message declares it, which is correct at level [`Full`](super::Full).
    ///
    /// As everywhere in Arrow these are the rows that the column itself marks. Unions and run-end encoded columns
    /// mark none, and a row that is null in its dictionary is not counted.
    #[must_use]
    pub fn null_count(&self) -> usize {
        match self.validity() {
            Some(validity) if self.slot.len < self.slot.declared => validity.len() - validity.count_ones(),
            _ => self.slot.nulls.min(self.slot.len),
        }
    }

    /// Returns the bitmap of rows that are not null; `None` if no row is, or (for the null type) every row is.
    #[must_use]
    pub fn validity(&self) -> Option<Bitmap<'a>> {
        if self.slot.nulls == 0 || !self.slot.has_validity {
            return None;
        }
        Some(Bitmap::new(self.source.buffer(&self.slot, 0), self.slot.len))
    }

    /// Returns true if a row is null. Rows past the last are not.
    #[must_use]
    pub fn is_null(&self, index: usize) -> bool {
        match self.validity() {
            Some(validity) => validity.get(index) == Some(false),
            None => self.node.class == Class::Null && index < self.len(),
        }
    }

    /// Returns the number of fields directly below.
    #[must_use]
    pub fn num_children(&self) -> usize {
        self.node.children as usize
    }

    /// Returns the fields directly below: a struct's fields, a list's items, a union's choices, run ends and their
    /// values.
    pub fn children(&self) -> impl Iterator<Item = ColumnView<'a, L>> + use<'a, L> {
        let source = self.source;
        source.tree.children_of(self.index).map(move |child| ColumnView::at(source, child))
    }

    /// Returns the values of the column.
    #[must_use]
    pub fn values(&self) -> Values<'a, L> {
        let slot = &self.slot;
        let buffer = |nth| self.source.buffer(slot, nth);
        match &self.node.class {
            Class::Null => Values::Null,
            Class::Boolean => Values::Boolean(Bitmap::new(buffer(1), slot.len)),
            Class::Fixed { width } => Values::Fixed(self.fixed(*width)),
            Class::Bytes { offsets, utf8 } => Values::Bytes(self.bytes(*offsets, *utf8)),
            Class::View { utf8 } => Values::Views(Views::new(self.source, *slot, *utf8)),
            Class::List { offsets } => {
                Values::List(List::new(Offsets::new(buffer(1), *offsets, slot.len), self.child(0)))
            }
            Class::ListView { offsets } => Values::ListView(ListView::new(
                Offsets::exactly(buffer(1), *offsets, slot.len),
                Offsets::exactly(buffer(2), *offsets, slot.len),
                self.child(0),
            )),
            Class::FixedSizeList { size } => {
                Values::FixedSizeList(FixedSizeList::new(*size as usize, slot.len, self.child(0)))
            }
            Class::Struct => Values::Struct(Struct::new(*self)),
            Class::Union { dense, ids } => {
                let type_ids: &[i8] = bytemuck::cast_slice(buffer(0));
                let type_ids = type_ids.get(..slot.len).unwrap_or_default();
                let offsets = dense.then(|| Offsets::exactly(buffer(1), OffsetWidth::W32, slot.len));
                Values::Union(Union::new(*self, ids, type_ids, offsets))
            }
            Class::RunEnd { width } => {
                let ends: ColumnView<'a, L> = self.child(0);
                let ends = Fixed::new(self.source.buffer(&ends.slot, 1), *width as usize, ends.slot.len);
                Values::RunEnd(RunEnd::new(slot.len, ends, self.child(1)))
            }
            Class::Dictionary { width, signed } => {
                let keys = Fixed::new(buffer(1), *width as usize, slot.len);
                let dictionary = self.node.dictionary.and_then(|index| self.source.dictionaries.get(index));
                Values::Dictionary(Keys::new(keys, *signed, dictionary))
            }
        }
    }

    /// Returns the values as a slice, if they are of a fixed width and `T` has that width: see [`Fixed::as_slice`].
    #[must_use]
    pub fn as_slice<T: AnyBitPattern>(&self) -> Option<&'a [T]> {
        match self.node.class {
            Class::Fixed { width } => self.fixed(width).as_slice(),
            _ => None,
        }
    }

    /// Returns the values, if they are booleans.
    #[must_use]
    pub fn as_booleans(&self) -> Option<Bitmap<'a>> {
        match self.values() {
            Values::Boolean(bits) => Some(bits),
            _ => None,
        }
    }

    /// Returns the values, if they are strings or binary (and not views).
    #[must_use]
    pub fn as_bytes(&self) -> Option<Bytes<'a, L>> {
        match self.node.class {
            Class::Bytes { offsets, utf8 } => Some(self.bytes(offsets, utf8)),
            _ => None,
        }
    }

    #[inline]
    fn fixed(&self, width: u32) -> Fixed<'a> {
        Fixed::new(self.source.buffer(&self.slot, 1), width as usize, self.slot.len)
    }

    #[inline]
    fn bytes(&self, offsets: OffsetWidth, utf8: bool) -> Bytes<'a, L> {
        let offsets = Offsets::new(self.source.buffer(&self.slot, 1), offsets, self.slot.len);
        Bytes::new(offsets, self.source.buffer(&self.slot, 2), utf8)
    }

    /// Returns a child that the class has.
    fn child(&self, place: usize) -> ColumnView<'a, L> {
        let index = self.source.tree.children_of(self.index).nth(place);
        debug_assert!(index.is_some(), "the layout gives the class its children");
        ColumnView::at(self.source, index.unwrap_or(self.index))
    }

    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    pub(crate) fn node_index(&self) -> usize {
        self.index
    }

    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }
}

impl<L: Level> fmt::Debug for ColumnView<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnView")
            .field("path", &self.path())
            .field("data_type", self.data_type())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
