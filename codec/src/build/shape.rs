//! The layout of a message for a number of rows, computed before the first is produced.

use core::ops::Range;
use std::sync::Arc;

use super::InPlace;
use super::error::BuildError;
use crate::encode::bits;
use crate::error::LayoutError;
use crate::layout::{BufferKind, Class, Node, OffsetWidth, Tree};
use crate::plan::Plan;
use crate::template::{Carries, Template};
use crate::wire::padded;

/// The size of everything in a message that is built in place: rows, and room for variable-length parts.
///
/// Making one allocates; building with it does not. One shape serves any number of messages.
#[derive(Debug, Clone)]
pub struct Shape {
    plan: Arc<Plan>,
    carries: Option<usize>,
    template: Template,
    /// The capacity of each node in rows.
    rows: Box<[usize]>,
    /// The capacity of each text or binary node in bytes.
    bytes: Box<[usize]>,
    /// The place of each buffer in the body, padding included; a view column's variadic buffer follows its views.
    slots: Box<[Range<usize>]>,
    body: usize,
}

/// A field whose size does not follow from the number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Names of the fields from the column down to this one, joined by dots.
    pub path: &'a str,
    /// Index of the field's node in its [`Tree`].
    pub node: usize,
    /// The capacity of this field in rows; 0 for a child of a dense union, whose rows are the question.
    pub rows: usize,
    /// The requested capacity.
    pub of: VariableOf,
}

/// A kind of capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableOf {
    /// Bytes of text or binary, of all rows together. Views count only values longer than 12 bytes.
    Bytes,
    /// Rows below a list or a map, of all lists together.
    ListRows,
    /// Rows of one child of a dense union.
    UnionRows,
    /// Runs of a run-end encoded field.
    Runs,
}

impl Shape {
    /// Returns the shape of a record batch of up to `rows` rows. `capacity` is called once for every variable field.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    /// use bowstring_codec::{Plan, Shape};
    ///
    /// let name = Field::new("name", DataType::Utf8, false);
    /// let plan = Plan::new(Arc::new(Schema::new(vec![name])))?;
    /// let shape = Shape::new(&plan, 1000, |field| match field.path {
    ///     "name" => 16 * field.rows,
    ///     _ => 0,
    /// })?;
    /// assert!(shape.len() > 1000 * 4 + 16_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        plan: &Arc<Plan>,
        rows: usize,
        capacity: impl FnMut(Variable<'_>) -> usize,
    ) -> Result<Self, BuildError> {
        Self::of_tree(plan, None, rows, capacity)
    }

    /// Returns the shape of a message with up to `rows` values of a dictionary, by its place in
    /// [`Layout::dictionaries`](crate::Layout::dictionaries).
    pub fn dictionary(
        plan: &Arc<Plan>,
        index: usize,
        rows: usize,
        capacity: impl FnMut(Variable<'_>) -> usize,
    ) -> Result<Self, BuildError> {
        Self::of_tree(plan, Some(index), rows, capacity)
    }

    /// Begins a message at the front of `region`, which must begin at a multiple of 64 bytes and hold
    /// [`len`](Self::len) of them.
    pub fn begin<'r>(&'r self, region: &'r mut [u8]) -> Result<InPlace<'r>, BuildError> {
        InPlace::new(self, region)
    }

    /// Returns the length in bytes of every message of this shape, however much of it is in use: always a multiple of
    /// 64.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no message is empty")]
    pub fn len(&self) -> usize {
        self.template.len() + self.body
    }

    /// Returns the capacity of the message in rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self.tree().columns().first() {
            Some(first) => self.rows[*first as usize],
            // No column, no limit.
            None => usize::MAX,
        }
    }

    /// Returns the plan that this shape follows.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns the fields of the message, in the order in which [`Fields`](super::Fields) hands them out.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        tree(&self.plan, self.carries).unwrap_or(self.plan.layout().batch())
    }

    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    pub(super) fn body(&self) -> usize {
        self.body
    }

    pub(super) fn capacity(&self, node: usize) -> usize {
        self.rows.get(node).copied().unwrap_or_default()
    }

    pub(super) fn bytes(&self, node: usize) -> usize {
        self.bytes.get(node).copied().unwrap_or_default()
    }

    pub(super) fn slots(&self) -> &[Range<usize>] {
        &self.slots
    }

    /// Returns the slot of a node's `nth` buffer. Each view column before the node has one variadic buffer.
    pub(super) fn slot(&self, node: &Node, nth: usize) -> Range<usize> {
        let index = (node.first_buffer + node.views_before) as usize + nth;
        self.slots.get(index).cloned().unwrap_or_default()
    }

    fn of_tree(
        plan: &Arc<Plan>,
        carries: Option<usize>,
        rows: usize,
        mut capacity: impl FnMut(Variable<'_>) -> usize,
    ) -> Result<Self, BuildError> {
        let index = carries.unwrap_or_default();
        let tree = tree(plan, carries).ok_or(BuildError::NoDictionary { index })?;
        let mut all_rows = vec![0; tree.nodes().len()];
        let mut all_bytes = vec![0; tree.nodes().len()];
        let mut slots = Vec::with_capacity(tree.buffers().len() + tree.views());
        let mut body = 0usize;
        for column in tree.columns() {
            all_rows[*column as usize] = rows;
        }
        // Parents come before their children, so a node's rows are known when the node is reached.
        for (index, node) in tree.nodes().iter().enumerate() {
            let too_large = BuildError::TooLarge { node: index };
            let rows = all_rows[index];
            let variable = match &node.class {
                Class::Bytes { .. } | Class::View { .. } => Some(VariableOf::Bytes),
                Class::List { .. } | Class::ListView { .. } => Some(VariableOf::ListRows),
                Class::RunEnd { .. } => Some(VariableOf::Runs),
                _ => None,
            };
            let mut ask = |node: usize, rows, of| {
                let path = &tree.nodes()[node].path;
                capacity(Variable { path, node, rows, of })
            };
            let asked = variable.map_or(0, |of| ask(index, rows, of));
            if variable == Some(VariableOf::Bytes) {
                all_bytes[index] = asked;
            }
            if !countable(&node.class, rows, asked) {
                return Err(too_large);
            }
            for kind in tree.buffers_of(node) {
                let len = slot_len(*kind, rows, asked, node.nullable).ok_or(too_large)?;
                push(&mut slots, &mut body, len).ok_or(too_large)?;
            }
            if let Class::View { .. } = node.class {
                push(&mut slots, &mut body, asked).ok_or(too_large)?;
            }
            for child in tree.children_of(index) {
                all_rows[child] = match &node.class {
                    Class::FixedSizeList { size } => rows.checked_mul(*size as usize).ok_or(too_large)?,
                    Class::List { .. } | Class::ListView { .. } | Class::RunEnd { .. } => asked,
                    Class::Union { dense: true, .. } => match ask(child, 0, VariableOf::UnionRows) {
                        rows if rows <= i32::MAX as usize => rows,
                        _ => return Err(too_large),
                    },
                    _ => rows,
                };
            }
        }
        let kind = match carries.and_then(|index| plan.layout().dictionaries().get(index)) {
            Some(dictionary) => Carries::Dictionary(dictionary.id),
            None => Carries::Batch,
        };
        let too_large = |LayoutError { .. }| BuildError::TooLarge { node: 0 };
        let template = Template::new(kind, tree, tree.views()).map_err(too_large)?;
        // Nothing in memory is longer than `isize::MAX`.
        match isize::try_from(body.saturating_add(template.len())) {
            Ok(_) => {
                let (rows, bytes, slots) = (all_rows.into(), all_bytes.into(), slots.into());
                Ok(Self { plan: plan.clone(), carries, template, rows, bytes, slots, body })
            }
            Err(_) => Err(BuildError::TooLarge { node: 0 }),
        }
    }
}

fn tree(plan: &Plan, carries: Option<usize>) -> Option<&Tree> {
    match carries {
        None => Some(plan.layout().batch()),
        Some(index) => plan.layout().dictionaries().get(index).map(|dictionary| &dictionary.values),
    }
}

/// Returns true if the type's offsets can count that far.
fn countable(class: &Class, rows: usize, asked: usize) -> bool {
    let fits = |width| match width {
        2 => asked <= i16::MAX as usize && rows <= i16::MAX as usize,
        4 => asked <= i32::MAX as usize && rows <= i32::MAX as usize,
        _ => true,
    };
    // The metadata counts rows in 63 bits.
    if isize::try_from(rows.max(asked)).is_err() {
        return false;
    }
    match class {
        Class::Bytes { offsets, .. } | Class::List { offsets } | Class::ListView { offsets } => {
            *offsets == OffsetWidth::W64 || asked <= i32::MAX as usize
        }
        Class::View { .. } => asked <= i32::MAX as usize,
        Class::RunEnd { width } => fits(*width),
        _ => true,
    }
}

/// Returns the length of a buffer in bytes, without padding.
fn slot_len(kind: BufferKind, rows: usize, asked: usize, nullable: bool) -> Option<usize> {
    match kind {
        BufferKind::Validity if nullable => Some(bits::bytes_for(rows)),
        BufferKind::Validity => Some(0),
        BufferKind::Bits => Some(bits::bytes_for(rows)),
        BufferKind::Fixed(width) => rows.checked_mul(width as usize),
        BufferKind::Offsets(width) => rows.checked_add(1)?.checked_mul(width.bytes()),
        BufferKind::ViewOffsets(width) | BufferKind::ViewSizes(width) => rows.checked_mul(width.bytes()),
        BufferKind::Bytes => Some(asked),
        BufferKind::Views => rows.checked_mul(16),
        BufferKind::TypeIds => Some(rows),
        BufferKind::UnionOffsets => rows.checked_mul(4),
    }
}

/// Adds a slot after the others.
fn push(slots: &mut Vec<Range<usize>>, body: &mut usize, len: usize) -> Option<()> {
    let end = body.checked_add(padded(len)?)?;
    slots.push(*body..end);
    *body = end;
    Some(())
}
