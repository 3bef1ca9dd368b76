//! The one recursion over a schema: fields become nodes, dictionaries become trees of their own.

use arrow_schema::{DataType, Field, Schema};

use super::class::{BufferKind, Class};
use super::{Dictionary, Layout, MAX_DEPTH, Node, Tree};
use crate::error::{LayoutError, LayoutFault};

/// Most nodes and most buffers of a message: what fits the 31 bits of its lengths with room to spare.
const MAX_ENTRIES: usize = 1 << 24;

/// Lays out a schema, taking a dictionary id from `ids` for each dictionary-encoded field after all those below it.
pub(super) fn schema(schema: &Schema, ids: &mut dyn Iterator<Item = i64>) -> Result<Layout, LayoutError> {
    let mut dictionaries = Dictionaries { ids, found: Vec::new() };
    let mut batch = Growing::default();
    for field in schema.fields() {
        batch.column(field.name(), field.data_type(), field.is_nullable(), 1, &mut dictionaries)?;
    }
    Ok(Layout { batch: batch.finish(), dictionaries: dictionaries.found.into() })
}

/// The dictionaries found so far, in the order in which they were completed: children first.
struct Dictionaries<'a> {
    ids: &'a mut dyn Iterator<Item = i64>,
    found: Vec<Dictionary>,
}

impl Dictionaries<'_> {
    /// Lays out the values of a dictionary-encoded field, and returns the index of its dictionary.
    fn add(&mut self, path: &str, values: &DataType, depth: usize) -> Result<u32, LayoutError> {
        let mut tree = Growing::default();
        tree.column(path, values, true, depth, self)?;
        let id = self.ids.next().ok_or_else(|| fault(path, LayoutFault::DictionaryIdMissing))?;
        let index = match self.found.iter().position(|known| known.id == id) {
            Some(shared) if self.found[shared].values.nodes[0].data_type == *values => shared,
            Some(_) => return Err(fault(path, LayoutFault::DictionaryConflict(id))),
            None => {
                self.found.push(Dictionary { id, values: tree.finish() });
                self.found.len() - 1
            }
        };
        u32::try_from(index).map_err(|_| fault(path, LayoutFault::TooMany))
    }
}

/// A tree while it grows.
#[derive(Default)]
struct Growing {
    nodes: Vec<Node>,
    columns: Vec<u32>,
    buffers: Vec<BufferKind>,
    views: u32,
}

impl Growing {
    fn finish(self) -> Tree {
        Tree {
            nodes: self.nodes.into(),
            columns: self.columns.into(),
            buffers: self.buffers.into(),
            views: self.views,
        }
    }

    fn column(
        &mut self,
        path: &str,
        data_type: &DataType,
        nullable: bool,
        depth: usize,
        dictionaries: &mut Dictionaries<'_>,
    ) -> Result<(), LayoutError> {
        self.columns.push(self.nodes.len() as u32);
        self.node(path, data_type, nullable, depth, dictionaries)
    }

    fn node(
        &mut self,
        path: &str,
        data_type: &DataType,
        nullable: bool,
        depth: usize,
        dictionaries: &mut Dictionaries<'_>,
    ) -> Result<(), LayoutError> {
        if depth > MAX_DEPTH {
            return Err(fault(path, LayoutFault::TooDeep));
        }
        if self.nodes.len() >= MAX_ENTRIES || self.buffers.len() >= MAX_ENTRIES {
            return Err(fault(path, LayoutFault::TooMany));
        }
        let class = Class::of(data_type).map_err(|what| fault(path, what))?;
        let kinds = class.buffers();
        let index = self.nodes.len();
        let views_before = self.views;
        self.views += u32::from(matches!(class, Class::View { .. }));
        let dictionary = match data_type {
            DataType::Dictionary(_, values) => Some(dictionaries.add(path, values, depth + 1)?),
            _ => None,
        };
        self.nodes.push(Node {
            class,
            data_type: data_type.clone(),
            nullable,
            children: 0,
            end: 0,
            first_buffer: self.buffers.len() as u32,
            buffers: kinds.len() as u32,
            views_before,
            dictionary,
            path: path.into(),
        });
        self.buffers.extend_from_slice(&kinds);
        let mut children = 0;
        each_child(data_type, |field| {
            children += 1;
            let path = below(path, field.name());
            self.node(&path, field.data_type(), field.is_nullable(), depth + 1, dictionaries)
        })?;
        let end = self.nodes.len() as u32;
        let node = &mut self.nodes[index];
        node.children = children;
        node.end = end;
        Ok(())
    }
}

/// Visits the fields directly below a type, in the order of a message.
fn each_child(
    data_type: &DataType,
    mut visit: impl FnMut(&Field) -> Result<(), LayoutError>,
) -> Result<(), LayoutError> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => visit(field),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| visit(field)),
        DataType::Union(fields, _) => fields.iter().try_for_each(|(_, field)| visit(field)),
        DataType::RunEndEncoded(ends, values) => visit(ends).and_then(|()| visit(values)),
        _ => Ok(()),
    }
}

/// Returns the path of a field called `name` below `path`, shortened if it would be very long: every node keeps its
/// path, so names could otherwise take up memory with the square of their length.
fn below(path: &str, name: &str) -> String {
    const LONGEST: usize = 512;
    let mut below = format!("{path}.{name}");
    if below.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|&at| below.is_char_boundary(at));
        below.truncate(cut.unwrap_or(0));
        below.push('…');
    }
    below
}

fn fault(path: &str, fault: LayoutFault) -> LayoutError {
    LayoutError { path: path.into(), fault }
}
