//! Dictionaries as they were sent: a first part, and one more for each delta.
//!
//! A dictionary never changes once a batch refers to it. A replacement is a new one; a delta is a new one too, with
//! the old parts shared. A part whose values are themselves (in some nested field) dictionary-encoded holds the inner
//! dictionaries as they were when it arrived: its keys were checked against those.

use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;

use crate::layout::{Layout, Tree};
use crate::message::table::Table;

/// A dictionary's values, fully checked.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    layout: Arc<Layout>,
    /// The index of this dictionary in the layout.
    index: u32,
    parts: Vec<Arc<Part>>,
    /// For each part, the number of values up to its end.
    ends: Vec<usize>,
    /// The values as one array, once requested.
    built: OnceLock<Built>,
}

/// A dictionary's values as one array.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) values: ArrayRef,
    /// Fields whose data had to be copied to be aligned.
    pub(crate) copied: Vec<Box<str>>,
}

/// The values of one dictionary message.
#[derive(Debug)]
pub(crate) struct Part {
    /// The message's body.
    pub(crate) body: Buffer,
    pub(crate) table: Table,
    pub(crate) inner: Inner,
}

/// The dictionaries that a part's own keys refer to.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Their indices in the layout, rising.
    pub(crate) indexes: Box<[u32]>,
    pub(crate) dictionaries: Box<[Option<Arc<Dictionary>>]>,
}

/// The dictionaries that keys can refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held<'a> {
    /// The indices in the layout of those that are held; without it, all are, in the layout's order.
    indexes: Option<&'a [u32]>,
    dictionaries: &'a [Option<Arc<Dictionary>>],
}

impl<'a> Held<'a> {
    /// Returns all of a layout's dictionaries that have arrived.
    pub(crate) fn all(dictionaries: &'a [Option<Arc<Dictionary>>]) -> Self {
        Self { indexes: None, dictionaries }
    }

    /// Returns the dictionary at a place in the layout, if it has arrived.
    pub(crate) fn get(&self, index: u32) -> Option<&'a Dictionary> {
        let place = match self.indexes {
            None => index as usize,
            Some(indexes) => indexes.binary_search(&index).ok()?,
        };
        self.dictionaries.get(place)?.as_deref()
    }
}

impl Inner {
    /// Returns those of `all` that the fields of `tree` refer to.
    pub(crate) fn of(tree: &Tree, all: &[Option<Arc<Dictionary>>]) -> Self {
        let mut indexes: Vec<u32> = tree.nodes().iter().filter_map(|node| node.dictionary).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let dictionaries = indexes.iter().map(|&index| all.get(index as usize).cloned().flatten()).collect();
        Self { indexes: indexes.into(), dictionaries }
    }

    pub(crate) fn held(&self) -> Held<'_> {
        Held { indexes: Some(&self.indexes), dictionaries: &self.dictionaries }
    }
}

impl Dictionary {
    /// Creates a dictionary of one part. The part must have been fully checked.
    pub(crate) fn new(layout: Arc<Layout>, index: u32, part: Part) -> Self {
        let ends = vec![part.table.rows];
        Self { layout, index, parts: vec![Arc::new(part)], ends, built: OnceLock::new() }
    }

    /// Adds a part, which must have been fully checked. `None` if there would be more values than can be counted.
    pub(crate) fn extend(&mut self, part: Part) -> Option<()> {
        let end = self.len().checked_add(part.table.rows)?;
        self.parts.push(Arc::new(part));
        self.ends.push(end);
        self.built = OnceLock::new();
        Some(())
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    pub(crate) fn id(&self) -> i64 {
        self.layout.dictionaries()[self.index as usize].id
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.layout.dictionaries()[self.index as usize].values
    }

    pub(crate) fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    pub(crate) fn built(&self) -> &OnceLock<Built> {
        &self.built
    }

    /// Returns the layout that its tree belongs to.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the part that a key refers to, and its row there.
    pub(crate) fn find(&self, key: usize) -> Option<(&Part, usize)> {
        let place = self.ends.partition_point(|&end| end <= key);
        let part = self.parts.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((part, key - start))
    }
}
