//! Encodes a finished `RecordBatch` into a region: one copy of its data, and no heap.

// claim: codec-heap-free

pub(crate) mod bits;
mod error;
mod nested;
mod pieces;
mod scan;
mod sink;
mod views;
mod walk;
mod window;

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::Field;

pub use self::error::EncodeError;
use self::pieces::{Pieces, Scratch};
use self::scan::Cover;
use self::sink::{Measure, Write, Written};
use self::walk::Walk;
use self::window::Window;
use crate::error::LayoutError;
use crate::layout::Tree;
use crate::plan::Plan;
use crate::template::{Carries, Template};
use crate::wire::ALIGNMENT;

/// Writes batches and dictionaries of one schema as messages.
///
/// Every message is framed (continuation, length, metadata, body), and all its buffers begin at multiples of 64 bytes
/// from the start of the region. Exactly what the rows refer to is written: a slice takes no more than its own rows
/// do, and every byte of the message is written, padding as zeroes.
///
/// From the second batch of a shape on there are no heap allocations. (A batch whose view columns have more buffers
/// than any before makes the metadata larger, which takes a few.)
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int32Array, RecordBatch};
/// use bowstring_codec::{Encoder, Plan};
///
/// # #[repr(align(64))] struct Region([u8; 1024]);
/// # let mut memory = Region([0; 1024]);
/// # let region = &mut memory.0[..];
/// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
/// let mut encoder = Encoder::new(Plan::new(batch.schema())?);
/// let len = encoder.encoded_len(&batch)?;
/// assert_eq!(encoder.encode(&batch, &mut region[..len])?, len);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    plan: Arc<Plan>,
    /// Templates with room for more variadic buffers than the plan's, if a batch needed it.
    batch: Option<Template>,
    dictionaries: Box<[Option<Template>]>,
    covers: Vec<Cover>,
    scratch: Scratch,
    /// By column: true for those that are left out. None beyond its end.
    left_out: Vec<bool>,
}

impl Encoder {
    /// Creates an encoder for the schema of `plan`.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let dictionaries = plan.dictionaries().iter().map(|_| None).collect();
        let (covers, left_out) = (Vec::new(), Vec::new());
        Self { plan, batch: None, dictionaries, covers, scratch: Scratch::default(), left_out }
    }

    /// Returns the plan that messages follow.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Leaves out the columns for which this says true, from now on: their place in the schema stays, with no rows and no
    /// bytes. Only a receiver that has [chosen](crate::decode::Decoder::choose) others can read such a batch.
    pub fn leave_out(&mut self, columns: impl IntoIterator<Item = bool>) {
        self.left_out.clear();
        self.left_out.extend(columns);
    }

    /// Returns true if the column at `index` is left out.
    #[must_use]
    pub fn leaves_out(&self, index: usize) -> bool {
        self.left_out.get(index).copied().unwrap_or(false)
    }

    /// Returns the number of bytes that [`encode`](Self::encode) will write for this batch: always a multiple of 64.
    pub fn encoded_len(&mut self, batch: &RecordBatch) -> Result<usize, EncodeError> {
        let Self { plan, batch: grown, covers, left_out, .. } = self;
        check_schema(plan, batch)?;
        let tree = plan.layout().batch();
        measure(tree, columns(batch, left_out), covers, Carries::Batch, plan.batch(), grown)
    }

    /// Writes a batch to the front of `region`, and returns its length in bytes. The dictionaries of the batch are
    /// messages of their own: see [`encode_dictionary`](Self::encode_dictionary).
    pub fn encode(&mut self, batch: &RecordBatch, region: &mut [u8]) -> Result<usize, EncodeError> {
        let Self { plan, batch: grown, covers, left_out, .. } = self;
        check_schema(plan, batch)?;
        let header = Header { carries: Carries::Batch, rows: batch.num_rows(), delta: false };
        let columns = || columns(batch, left_out);
        write(plan.layout().batch(), columns, covers, plan.batch(), grown, header, region)
    }

    /// Passes the message that [`encode`](Self::encode) would write to `out` in parts, for a file that no memory stands
    /// for. `out` gets the place of some parts in the message, and the parts, which follow each other; the metadata come
    /// last. Returns the length of the message.
    ///
    /// Long buffers are passed on as they lie in the batch: they are copied once, by whoever takes them.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow_array::{Int32Array, RecordBatch};
    /// use bowstring_codec::{EncodeError, Encoder, Plan};
    /// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
    /// let mut encoder = Encoder::new(Plan::new(batch.schema())?);
    /// let mut file = Vec::new();
    /// let len = encoder.encode_to(&batch, |at, parts| {
    ///     let bytes = parts.concat();
    ///     file.resize(file.len().max(at + bytes.len()), 0);
    ///     file[at..at + bytes.len()].copy_from_slice(&bytes);
    ///     Ok::<_, EncodeError>(())
    /// })?;
    /// assert_eq!(len, file.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first error of `out`, or of the batch. What was passed on until then is worthless.
    pub fn encode_to<E: From<EncodeError>>(
        &mut self,
        batch: &RecordBatch,
        mut out: impl FnMut(usize, &[&[u8]]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let Self { plan, batch: grown, covers, scratch, left_out, .. } = self;
        check_schema(plan, batch)?;
        let tree = plan.layout().batch();
        loop {
            let template = grown.as_ref().unwrap_or(plan.batch());
            let (head, staging) = scratch.split(template);
            let sink = Pieces::new(template.stamp(head), staging, template.len(), &mut out);
            let mut walk = Walk { tree, sink, covers };
            for (node, column) in tree.columns().iter().zip(columns(batch, left_out)) {
                walk.node(*node as usize, column)?;
            }
            let written = walk.sink.finish()?;
            if written.complete {
                template.seal(head, batch.num_rows(), written.buffers, written.body, false);
                out(0, &[head])?;
                let len = template.len() + written.body;
                scratch.trim();
                return Ok(len);
            }
            // Rare: it lacks room for variadic buffers. All is passed on again, further behind.
            grow(Carries::Batch, tree, written.buffers - tree.buffers().len(), grown)?;
        }
    }

    /// Returns the number of bytes that [`encode_dictionary`](Self::encode_dictionary) will write for these values.
    pub fn dictionary_len(&mut self, index: usize, values: &dyn Array) -> Result<usize, EncodeError> {
        let Self { plan, dictionaries, covers, .. } = self;
        let (dictionary, template, grown) = dictionary(plan, dictionaries, index, values)?;
        let columns = core::iter::once(Window::whole(values));
        measure(&dictionary.values, columns, covers, Carries::Dictionary(dictionary.id), template, grown)
    }

    /// Writes the values of a dictionary, and returns how many bytes they took. `index` is the dictionary's
    /// place in [`Layout::dictionaries`](crate::Layout::dictionaries); with `delta` the values are appended
    /// to those sent before instead of replacing them.
    pub fn encode_dictionary(
        &mut self,
        index: usize,
        values: &dyn Array,
        delta: bool,
        region: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let Self { plan, dictionaries, covers, .. } = self;
        let (dictionary, template, grown) = dictionary(plan, dictionaries, index, values)?;
        let header = Header { carries: Carries::Dictionary(dictionary.id), rows: values.len(), delta };
        let columns = || core::iter::once(Window::whole(values));
        write(&dictionary.values, columns, covers, template, grown, header, region)
    }
}

type Dictionary<'a> = (&'a crate::layout::Dictionary, &'a Template, &'a mut Option<Template>);

fn dictionary<'a>(
    plan: &'a Plan,
    grown: &'a mut [Option<Template>],
    index: usize,
    values: &dyn Array,
) -> Result<Dictionary<'a>, EncodeError> {
    let missing = EncodeError::NoDictionary { index };
    let dictionary = plan.layout().dictionaries().get(index).ok_or(missing)?;
    let template = plan.dictionaries().get(index).ok_or(missing)?;
    let planned = dictionary.values.nodes().first().ok_or(missing)?;
    if !planned.data_type.equals_datatype(values.data_type()) {
        return Err(EncodeError::WrongType { node: 0 });
    }
    Ok((dictionary, template, grown.get_mut(index).ok_or(missing)?))
}

fn columns<'a>(batch: &'a RecordBatch, left_out: &'a [bool]) -> impl Iterator<Item = Window<'a>> {
    let rows = batch.num_rows();
    let left_out = left_out.iter().copied().chain(std::iter::repeat(false));
    batch.columns().iter().zip(left_out).map(move |(column, left_out)| Window {
        array: &**column,
        start: 0,
        len: if left_out { 0 } else { rows },
    })
}

/// Checks that the batch fits the plan. Usually it has the plan's own schema, and then this costs nothing.
fn check_schema(plan: &Plan, batch: &RecordBatch) -> Result<(), EncodeError> {
    if Arc::ptr_eq(plan.schema(), batch.schema_ref()) {
        return Ok(());
    }
    let fields = plan.schema().fields();
    if fields.len() != batch.num_columns() {
        return Err(EncodeError::WrongSchema { column: fields.len().min(batch.num_columns()) });
    }
    // As everywhere in Arrow, this means the column's own nulls, not those in a union's child or in a dictionary.
    let fits = |field: &Field, array: &dyn Array| {
        field.data_type().equals_datatype(array.data_type())
            && (field.is_nullable() || array.null_count() == 0)
    };
    match fields.iter().zip(batch.columns()).position(|(field, array)| !fits(field, array)) {
        Some(column) => Err(EncodeError::WrongSchema { column }),
        None => Ok(()),
    }
}

/// Measures a message, and ensures a template with room for its variadic buffers.
fn measure<'a>(
    tree: &Tree,
    columns: impl Iterator<Item = Window<'a>>,
    covers: &mut Vec<Cover>,
    carries: Carries,
    planned: &Template,
    grown: &mut Option<Template>,
) -> Result<usize, EncodeError> {
    let mut walk = Walk { tree, sink: Measure::default(), covers };
    for (node, column) in tree.columns().iter().zip(columns) {
        walk.node(*node as usize, column)?;
    }
    let Measure { body, variadic } = walk.sink;
    let mut template = grown.as_ref().unwrap_or(planned);
    if variadic > template.variadic_capacity() {
        template = grow(carries, tree, variadic, grown)?;
    }
    template.len().checked_add(body).ok_or(EncodeError::TooLarge)
}

/// Creates a template with room for that many variadic buffers, and for more, so that a column that grows by a buffer
/// per batch does not take a template per batch.
fn grow<'a>(
    carries: Carries,
    tree: &Tree,
    variadic: usize,
    grown: &'a mut Option<Template>,
) -> Result<&'a Template, EncodeError> {
    let capacity = variadic.checked_next_power_of_two().ok_or(EncodeError::TooLarge)?;
    let larger =
        Template::new(carries, tree, capacity).map_err(|LayoutError { .. }| EncodeError::TooLarge)?;
    Ok(grown.insert(larger))
}

/// The parts of a message that do not come from its columns.
#[derive(Clone, Copy)]
struct Header {
    carries: Carries,
    rows: usize,
    delta: bool,
}

/// Writes a message without measuring it first: in the rare case that the template lacks room for variadic buffers,
/// the message is written again with a larger one.
fn write<'a, C: Iterator<Item = Window<'a>>>(
    tree: &Tree,
    columns: impl Fn() -> C,
    covers: &mut Vec<Cover>,
    planned: &Template,
    grown: &mut Option<Template>,
    header: Header,
    region: &mut [u8],
) -> Result<usize, EncodeError> {
    let template = grown.as_ref().unwrap_or(planned);
    let written = write_with(tree, columns(), covers, template, header, region)?;
    if written.complete {
        return Ok(template.len() + written.body);
    }
    let variadic = written.buffers - tree.buffers().len();
    let template = grow(header.carries, tree, variadic, grown)?;
    let written = write_with(tree, columns(), covers, template, header, region)?;
    debug_assert!(written.complete, "the template was made for this message");
    Ok(template.len() + written.body)
}

fn write_with<'a>(
    tree: &Tree,
    columns: impl Iterator<Item = Window<'a>>,
    covers: &mut Vec<Cover>,
    template: &Template,
    header: Header,
    region: &mut [u8],
) -> Result<Written, EncodeError> {
    let given = region.len();
    let (head, body) = split(region, template)?;
    let mut walk = Walk { tree, sink: Write::new(template.stamp(head), body), covers };
    for (node, column) in tree.columns().iter().zip(columns) {
        walk.node(*node as usize, column).map_err(|error| match error {
            EncodeError::RegionTooSmall { needed, .. } => {
                EncodeError::RegionTooSmall { needed: template.len().saturating_add(needed), given }
            }
            other => other,
        })?;
    }
    let written = walk.sink.finish();
    template.seal(head, header.rows, written.buffers, written.body, header.delta);
    Ok(written)
}

/// Splits a region into the head for the template and the rest for the body.
fn split<'r>(region: &'r mut [u8], template: &Template) -> Result<(&'r mut [u8], &'r mut [u8]), EncodeError> {
    match region.as_ptr().addr() % ALIGNMENT {
        0 => (),
        by => return Err(EncodeError::RegionMisaligned { by }),
    }
    let (needed, given) = (template.len(), region.len());
    region.split_at_mut_checked(needed).ok_or(EncodeError::RegionTooSmall { needed, given })
}
