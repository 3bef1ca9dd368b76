//! A schema, flattened depth-first into the nodes and buffers that its messages will have.
//!
//! Arrow IPC describes a batch by two flat lists: a *node* (length, null count) per field, parents before their
//! children, and the *buffers* of each node in an order fixed by its type. [`Layout`] is that order, computed once,
//! so that writing and reading walk arrays instead of trees and need no heap.
//!
//! A dictionary-encoded field has its keys in the batch and its values in messages of their own, so a layout
//! is one [`Tree`] for the batch and one for each dictionary.

mod class;
mod flatten;

use arrow_schema::{DataType, Schema};

pub use self::class::{BufferKind, Class, OffsetWidth};
use crate::error::LayoutError;
pub use crate::error::MAX_DEPTH;

/// The nodes and buffers of a schema's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    batch: Tree,
    dictionaries: Box<[Dictionary]>,
}

/// One dictionary of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    /// The id by which messages refer to this dictionary.
    pub id: i64,
    /// Its values: a tree with exactly one column.
    pub values: Tree,
}

/// The columns of one kind of message, flattened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    nodes: Box<[Node]>,
    columns: Box<[u32]>,
    buffers: Box<[BufferKind]>,
    views: u32,
}

/// One field: a node of the message, with the buffers it owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The physical shape of the field.
    pub class: Class,
    /// The field's Arrow type. For a dictionary-encoded field this is the dictionary type.
    pub data_type: DataType,
    /// True if the schema allows nulls here.
    pub nullable: bool,
    /// The number of fields directly below this one.
    pub children: u32,
    /// One past the last node of this field's subtree, hence its next sibling, if it has one.
    pub end: u32,
    /// Index of its first buffer, counting only the buffers that every message has. Each view column before
    /// this one adds its own variadic buffers to the index in a given message.
    pub first_buffer: u32,
    /// The number of buffers it always has (a view column's variadic buffers come on top, right behind these).
    pub buffers: u32,
    /// The number of view columns before this node: the index of its variadic count if it is one itself.
    pub views_before: u32,
    /// For a dictionary-encoded field, the index of its dictionary in [`Layout::dictionaries`].
    pub dictionary: Option<u32>,
    /// Names of the fields from the column down to this one, joined by dots.
    pub path: Box<str>,
}

impl Node {
    /// Returns true if rows of this field take up no bytes, neither here nor in fields below.
    pub(crate) fn is_free(&self) -> bool {
        match self.class {
            Class::Null
            | Class::RunEnd { .. }
            | Class::Fixed { width: 0 }
            | Class::FixedSizeList { size: 0 } => true,
            Class::Struct => self.children == 0,
            _ => false,
        }
    }
}

impl Layout {
    /// Lays out a schema whose dictionaries are numbered as `arrow-ipc` numbers them: 0, 1, 2, … children
    /// first.
    pub fn new(schema: &Schema) -> Result<Self, LayoutError> {
        flatten::schema(schema, &mut (0..))
    }

    /// Lays out a schema that came from elsewhere, with the dictionary ids that it came with.
    ///
    /// `ids` holds one id per dictionary-encoded field, depth-first, the fields below a field before that
    /// field. Fields with the same id share a dictionary.
    pub fn with_dictionary_ids(schema: &Schema, ids: &[i64]) -> Result<Self, LayoutError> {
        flatten::schema(schema, &mut ids.iter().copied())
    }

    /// Returns the columns of a record batch.
    #[must_use]
    pub fn batch(&self) -> &Tree {
        &self.batch
    }

    /// Returns the dictionaries, each after those that its own values use.
    #[must_use]
    pub fn dictionaries(&self) -> &[Dictionary] {
        &self.dictionaries
    }

    /// Returns the index in [`dictionaries`](Self::dictionaries) of the dictionary that messages call `id`.
    #[must_use]
    pub fn dictionary_index(&self, id: i64) -> Option<usize> {
        // Ids are mostly 0, 1, 2, …: try the place of such an id before searching.
        let guess =
            usize::try_from(id).ok().filter(|&i| self.dictionaries.get(i).is_some_and(|d| d.id == id));
        guess.or_else(|| self.dictionaries.iter().position(|d| d.id == id))
    }
}

impl Tree {
    /// Returns all nodes, parents before children: the order of a message's field nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the index in [`nodes`](Self::nodes) of each column.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Returns the kinds of the buffers that every message has, in the order of the message.
    #[must_use]
    pub fn buffers(&self) -> &[BufferKind] {
        &self.buffers
    }

    /// Returns the number of nodes that are views, and so have variadic buffers on top.
    #[must_use]
    pub fn views(&self) -> usize {
        self.views as usize
    }

    /// Returns the kinds of one node's buffers, without variadic ones.
    #[must_use]
    pub fn buffers_of(&self, node: &Node) -> &[BufferKind] {
        let first = node.first_buffer as usize;
        self.buffers.get(first..first + node.buffers as usize).unwrap_or_default()
    }

    /// Returns the indices in [`nodes`](Self::nodes) of the fields directly below a node.
    pub fn children_of(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let count = self.nodes.get(index).map_or(0, |node| node.children);
        let mut next = index + 1;
        (0..count).map_while(move |_| {
            let child = next;
            next = self.nodes.get(child)?.end as usize;
            Some(child)
        })
    }
}

#[cfg(test)]
mod tests;
