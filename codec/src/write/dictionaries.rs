//! Finds the dictionaries that must be sent before a batch.
//!
//! A receiver keeps the dictionaries it was sent, so one is sent again only if it changed. Most batches of a stream
//! share the same array, which its address shows; only if that differs are values compared.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};

use crate::encode::EncodeError;
use crate::layout::{Class, OffsetWidth, Tree};
use crate::plan::Plan;

/// The message for a dictionary that only grew at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGrowth {
    /// The whole dictionary.
    #[default]
    Replace,
    /// Only what was added.
    Delta,
}

/// A dictionary message to be sent before a batch.
#[derive(Debug, Clone)]
pub struct DictionaryUpdate {
    /// The dictionary's place in [`Layout::dictionaries`](crate::Layout::dictionaries).
    pub index: usize,
    /// The values to send: all, or those to append.
    pub values: ArrayRef,
    /// True if the values are appended to those sent before.
    pub delta: bool,
    /// True if the dictionary was sent before, and this takes its place.
    pub replaces: bool,
    /// All values of the dictionary from now on.
    whole: ArrayRef,
}

/// The dictionaries that the receiver of a stream has.
///
/// ```
/// use bowstring_codec::{Dictionaries, DictionaryUpdate, Encoder, OnGrowth};
/// # use std::sync::Arc;
/// # use arrow_array::{DictionaryArray, RecordBatch, types::Int8Type};
/// # use bowstring_codec::Plan;
/// # #[repr(align(64))] struct Region([u8; 4096]);
/// # let mut memory = Region([0; 4096]);
/// # let region = &mut memory.0[..];
/// # let names: DictionaryArray<Int8Type> = ["x", "y", "x"].into_iter().collect();
/// # let batch = RecordBatch::try_from_iter([("n", Arc::new(names) as _)])?;
/// # let mut encoder = Encoder::new(Plan::new(batch.schema())?);
/// let mut sent = Dictionaries::new(encoder.plan().clone(), OnGrowth::Delta);
/// let mut updates = Vec::new();
/// sent.updates(&batch, &mut updates)?;
/// for update in updates.drain(..) {
///     let len = encoder.encode_dictionary(update.index, &update.values, update.delta, region)?;
///     // … hand over `region[..len]`; once that is done:
///     sent.note(update);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dictionaries {
    plan: Arc<Plan>,
    sent: Box<[Option<ArrayRef>]>,
    on_growth: OnGrowth,
}

impl Dictionaries {
    /// Creates an empty set: nothing has been sent.
    #[must_use]
    pub fn new(plan: Arc<Plan>, on_growth: OnGrowth) -> Self {
        let sent = plan.layout().dictionaries().iter().map(|_| None).collect();
        Self { plan, sent, on_growth }
    }

    /// Adds to `updates` what must be sent before `batch`, in sending order.
    ///
    /// Allocates nothing while dictionaries stay as they are.
    pub fn updates(
        &mut self,
        batch: &RecordBatch,
        updates: &mut Vec<DictionaryUpdate>,
    ) -> Result<(), EncodeError> {
        self.updates_for(batch, |_| true, updates)
    }

    /// The same for a batch of which only some columns are sent. `is_sent` gets the column's place.
    pub fn updates_for(
        &mut self,
        batch: &RecordBatch,
        is_sent: impl Fn(usize) -> bool,
        updates: &mut Vec<DictionaryUpdate>,
    ) -> Result<(), EncodeError> {
        let Self { plan, sent, on_growth } = self;
        if sent.is_empty() {
            return Ok(());
        }
        let tree = plan.layout().batch();
        if tree.columns().len() != batch.num_columns() {
            return Err(EncodeError::WrongSchema { column: tree.columns().len().min(batch.num_columns()) });
        }
        let mut visit = |index: usize, values: &ArrayRef| {
            if let Some(update) = compare(plan, sent, *on_growth, updates, index, values) {
                updates.push(update);
            }
        };
        let columns = tree.columns().iter().zip(batch.columns()).enumerate();
        for (_, (node, column)) in columns.filter(|(place, _)| is_sent(*place)) {
            each(plan, tree, *node as usize, column, &mut visit)?;
        }
        Ok(())
    }

    /// Adds to `updates` what must be sent so that the dictionary at `index` of
    /// [`Layout::dictionaries`](crate::Layout::dictionaries) has these values: for producers whose batches exist only
    /// in the region they are built in. Those that its own keys refer to come first.
    pub fn update(
        &mut self,
        index: usize,
        values: &ArrayRef,
        updates: &mut Vec<DictionaryUpdate>,
    ) -> Result<(), EncodeError> {
        let Self { plan, sent, on_growth } = self;
        let dictionary =
            plan.layout().dictionaries().get(index).ok_or(EncodeError::NoDictionary { index })?;
        if dictionary.values.nodes().first().is_none_or(|node| node.data_type != *values.data_type()) {
            return Err(EncodeError::WrongType { node: 0 });
        }
        let mut visit = |index: usize, values: &ArrayRef| {
            if let Some(update) = compare(plan, sent, *on_growth, updates, index, values) {
                updates.push(update);
            }
        };
        each(plan, &dictionary.values, 0, values, &mut visit)?;
        visit(index, values);
        Ok(())
    }

    /// Returns the dictionaries that were sent, as they are now, each after those that its own values use: what a
    /// receiver that joins late must be sent. The index is that in
    /// [`Layout::dictionaries`](crate::Layout::dictionaries).
    pub fn in_force(&self) -> impl Iterator<Item = (usize, &ArrayRef)> {
        self.sent.iter().enumerate().filter_map(|(index, values)| Some((index, values.as_ref()?)))
    }

    /// Records that an update was sent.
    pub fn note(&mut self, update: DictionaryUpdate) {
        if let Some(sent) = self.sent.get_mut(update.index) {
            *sent = Some(update.whole);
        }
    }
}

/// Determines what must be sent for a dictionary, given what is already to be sent.
fn compare(
    plan: &Plan,
    sent: &mut [Option<ArrayRef>],
    on_growth: OnGrowth,
    updates: &[DictionaryUpdate],
    index: usize,
    values: &ArrayRef,
) -> Option<DictionaryUpdate> {
    let whole = |replaces| {
        Some(DictionaryUpdate {
            index,
            values: values.clone(),
            delta: false,
            replaces,
            whole: values.clone(),
        })
    };
    let Some(old) = sent.get_mut(index)?.as_mut() else { return whole(false) };
    // Keys below this dictionary mean other values once a dictionary they refer to is replaced.
    let nodes = plan.layout().dictionaries().get(index)?.values.nodes();
    let stale = nodes
        .iter()
        .filter_map(|node| node.dictionary)
        .any(|below| updates.iter().any(|update| update.index == below as usize && update.replaces));
    if stale {
        return whole(true);
    }
    if Arc::ptr_eq(old, values) {
        return None;
    }
    let (had, has) = (old.len(), values.len());
    if has < had || values.slice(0, had).as_ref() != old.as_ref() {
        return whole(true);
    }
    if has == had {
        // The same values at another address: the next batch will likely use that address again.
        *old = values.clone();
        return None;
    }
    match on_growth {
        OnGrowth::Replace => whole(true),
        OnGrowth::Delta => Some(DictionaryUpdate {
            index,
            values: values.slice(had, has - had),
            delta: true,
            replaces: false,
            whole: values.clone(),
        }),
    }
}

/// Visits the values of every dictionary at or below a node; those of a dictionary's values come first.
fn each(
    plan: &Plan,
    tree: &Tree,
    node: usize,
    array: &dyn Array,
    visit: &mut dyn FnMut(usize, &ArrayRef),
) -> Result<(), EncodeError> {
    let wrong = EncodeError::WrongType { node };
    let this = tree.nodes().get(node).ok_or(wrong)?;
    let below = tree.nodes().get(node..this.end as usize).ok_or(wrong)?;
    if below.iter().all(|node| node.dictionary.is_none()) {
        return Ok(());
    }
    if let Some(index) = this.dictionary {
        let values = array.as_any_dictionary_opt().ok_or(wrong)?.values();
        let dictionary = plan.layout().dictionaries().get(index as usize).ok_or(wrong)?;
        each(plan, &dictionary.values, 0, values, visit)?;
        visit(index as usize, values);
        return Ok(());
    }
    for (i, child) in tree.children_of(node).enumerate() {
        // Run ends are not an array or a dictionary of their own.
        if !(i == 0 && matches!(this.class, Class::RunEnd { .. })) {
            each(plan, tree, child, child_of(&this.class, array, i).ok_or(wrong)?, visit)?;
        }
    }
    Ok(())
}

/// Returns the `i`th child of an array, if the array is of the class.
fn child_of<'a>(class: &Class, array: &'a dyn Array, i: usize) -> Option<&'a dyn Array> {
    Some(match class {
        Class::List { offsets: OffsetWidth::W32 } => match array.as_list_opt::<i32>() {
            Some(list) => list.values(),
            None => array.as_map_opt()?.entries(),
        },
        Class::List { offsets: OffsetWidth::W64 } => array.as_list_opt::<i64>()?.values(),
        Class::ListView { offsets: OffsetWidth::W32 } => array.as_list_view_opt::<i32>()?.values(),
        Class::ListView { offsets: OffsetWidth::W64 } => array.as_list_view_opt::<i64>()?.values(),
        Class::FixedSizeList { .. } => array.as_fixed_size_list_opt()?.values(),
        Class::Struct => array.as_struct_opt()?.columns().get(i)?,
        Class::Union { ids, .. } => array.as_union_opt()?.child(*ids.get(i)?),
        Class::RunEnd { width: 2 } => array.as_run_opt::<Int16Type>()?.values(),
        Class::RunEnd { width: 4 } => array.as_run_opt::<Int32Type>()?.values(),
        Class::RunEnd { .. } => array.as_run_opt::<Int64Type>()?.values(),
        _ => return None,
    })
}
