//! Arrow's C data interface, in and out: structs from another language are untrusted until they are checked.
//!
//! [`Schema`]s and batches are checked before Arrow's importer reads them, since it believes what it reads: that a
//! struct is not released, that counts and lengths are not negative and fit the type, that required pointers are not
//! null, that offsets rise, and that nothing is nested deeper than [`MAX_DEPTH`]. Afterwards the values are validated
//! like those of a message. What cannot be checked is that a pointer points to as much memory as the struct says.
//!
//! # Safety
//!
//! The structs are read through copies of their published layout. The caller promises that pointers which are not
//! null point to what the interface says; each is followed only after its counts were checked.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::{Array, RecordBatch, RecordBatchOptions, StructArray};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, UnionMode};
use bowstring_codec::Plan;
use bowstring_codec::decode::Decoder;

/// The deepest nesting of types.
pub const MAX_DEPTH: usize = 64;
/// The most fields of a schema, nested ones included.
pub const MAX_FIELDS: usize = 1 << 16;
/// The most rows of an array, so that no sum or product with them overflows.
const MAX_LEN: i64 = 1 << 48;

/// Reasons for refusing a struct of the C data interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CDataError {
    /// The struct was released, or never filled.
    Released,
    /// A pointer that must not be null is.
    Null(&'static str),
    /// A count or a length is impossible, or does not fit the type.
    Count {
        /// The name of the count.
        what: &'static str,
        /// The count found.
        found: i64,
    },
    /// Offsets fall, are negative, or point beyond their child.
    Offset {
        /// The index among the offsets.
        at: usize,
        /// The offset found.
        found: i64,
    },
    /// A name or a format is not UTF-8.
    NotUtf8,
    /// Types are nested deeper than [`MAX_DEPTH`], or there are more than [`MAX_FIELDS`] of them.
    TooDeep,
    /// Arrow's error about the type or the values.
    Arrow(String),
}

impl fmt::Display for CDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released => f.write_str("the struct was released, or never filled"),
            Self::Null(what) => write!(f, "the pointer to {what} is NULL"),
            Self::Count { what, found } => write!(f, "impossible {what}: {found}"),
            Self::Offset { at, found } => {
                write!(f, "offset {at} is {found}, which its neighbours or its child rule out")
            }
            Self::NotUtf8 => f.write_str("a name or a format is not UTF-8"),
            Self::TooDeep => {
                write!(
                    f,
                    "types are nested deeper than {MAX_DEPTH}, or there are more than {MAX_FIELDS} fields"
                )
            }
            Self::Arrow(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CDataError {}

impl From<ArrowError> for CDataError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}

/// `ArrowSchema` as the interface lays it out.
#[repr(C)]
struct RawSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut RawSchema,
    dictionary: *mut RawSchema,
    release: Option<unsafe extern "C" fn(*mut RawSchema)>,
    private_data: *mut c_void,
}

/// `ArrowArray` as the interface lays it out.
#[repr(C)]
struct RawArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut RawArray,
    dictionary: *mut RawArray,
    release: Option<unsafe extern "C" fn(*mut RawArray)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<RawSchema>() == size_of::<FFI_ArrowSchema>());
const _: () = assert!(size_of::<RawArray>() == size_of::<FFI_ArrowArray>());

/// Imports a schema: that of a struct, whose fields are the columns.
///
/// # Safety
/// Every pointer of the struct that is not null points to what the C data interface says.
pub unsafe fn import_schema(schema: &FFI_ArrowSchema) -> Result<SchemaRef, CDataError> {
    let mut fields = MAX_FIELDS;
    // SAFETY: the same layout; the rest is the caller's promise.
    unsafe { check_schema((&raw const *schema).cast(), 0, &mut fields) }?;
    match DataType::try_from(schema)? {
        DataType::Struct(fields) => readable(Schema::new_with_metadata(fields, schema.metadata()?).into()),
        other => Err(CDataError::Arrow(format!("a table's schema is that of a struct, not of {other}"))),
    }
}

/// Refuses a schema that could be sent and that no receiver would take, such as one of run ends that may be null.
fn readable(schema: SchemaRef) -> Result<SchemaRef, CDataError> {
    let plan = Plan::new(schema.clone()).map_err(|error| CDataError::Arrow(error.to_string()))?;
    match Decoder::from_schema_message(plan.schema_message()) {
        Ok(_) => Ok(schema),
        Err(error) => Err(CDataError::Arrow(error.to_string())),
    }
}

/// # Safety
/// `at` points to a schema that meets the contract of [`import_schema`].
unsafe fn check_schema(at: *const RawSchema, depth: usize, fields: &mut usize) -> Result<(), CDataError> {
    if depth > MAX_DEPTH || *fields == 0 {
        return Err(CDataError::TooDeep);
    }
    *fields -= 1;
    // SAFETY: the caller's promise.
    let schema = unsafe { &*at };
    if schema.release.is_none() {
        return Err(CDataError::Released);
    }
    if schema.format.is_null() {
        return Err(CDataError::Null("a format"));
    }
    for text in [schema.format, schema.name] {
        // SAFETY: not null, and by the caller's promise a text that ends.
        if !text.is_null() && unsafe { CStr::from_ptr(text) }.to_str().is_err() {
            return Err(CDataError::NotUtf8);
        }
    }
    // SAFETY: not null, and by the caller's promise a text that ends.
    let due = children_due(unsafe { CStr::from_ptr(schema.format) }.to_bytes());
    if due.is_some_and(|due| due != schema.n_children) {
        return Err(CDataError::Count { what: "number of children", found: schema.n_children });
    }
    // SAFETY: the caller's promise.
    for child in unsafe { children(schema.children, schema.n_children) }? {
        // SAFETY: not null, and by the caller's promise a schema.
        unsafe { check_schema(*child, depth + 1, fields) }?;
    }
    if !schema.dictionary.is_null() {
        // SAFETY: not null (the branch checks it), and by the caller's promise a schema.
        unsafe { check_schema(schema.dictionary, depth + 1, fields) }?;
    }
    Ok(())
}

/// Returns how many children a type of this format has; `None` if there may be any number, as the importer counts itself.
fn children_due(format: &[u8]) -> Option<i64> {
    match format {
        b"+l" | b"+L" | b"+vl" | b"+vL" | b"+m" => Some(1),
        b"+r" => Some(2),
        _ if format.starts_with(b"+w:") => Some(1),
        _ => None,
    }
}

/// Returns the children of a struct, none of them null.
///
/// # Safety
/// If `count` is a possible count, `at` points to that many pointers.
unsafe fn children<'a, T>(at: *mut *mut T, count: i64) -> Result<&'a [*mut T], CDataError> {
    let len = usize::try_from(count).ok().filter(|&count| count <= MAX_FIELDS);
    let len = len.ok_or(CDataError::Count { what: "number of children", found: count })?;
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(CDataError::Null("children"));
    }
    // SAFETY: not null, and by the caller's promise of that length.
    let found = unsafe { std::slice::from_raw_parts(at, len) };
    if found.iter().any(|child| child.is_null()) {
        return Err(CDataError::Null("a child"));
    }
    Ok(found)
}

/// Imports a batch of this schema. Its buffers are used in place, and released with the last array made of them, on
/// any thread.
///
/// # Safety
/// Every pointer of the struct that is not null points to what the C data interface says, until it is released; its
/// release callback may be called on any thread.
pub unsafe fn import_batch(array: FFI_ArrowArray, schema: &SchemaRef) -> Result<RecordBatch, CDataError> {
    let data_type = DataType::Struct(schema.fields().clone());
    // SAFETY: the same layout; the rest is the caller's promise.
    unsafe { check_array((&raw const array).cast(), &data_type, 0, 0) }?;
    let rows = array.len();
    // SAFETY: everything the importer believes was checked above, as far as possible; the rest is the caller's
    // promise.
    let data = unsafe { from_ffi_and_data_type(array, data_type) }?;
    data.validate_full()?;
    let (_, columns, nulls) = StructArray::from(data).into_parts();
    if nulls.is_some_and(|nulls| nulls.null_count() > 0) {
        return Err(CDataError::Arrow("a batch cannot be null where it has rows".into()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// Checks an array against its type before the importer believes it. It must have at least `rows` rows, counted from
/// its offset.
///
/// # Safety
/// `at` points to an array that meets the contract of [`import_batch`].
unsafe fn check_array(
    at: *const RawArray,
    data_type: &DataType,
    depth: usize,
    rows: i64,
) -> Result<(), CDataError> {
    if depth > MAX_DEPTH {
        return Err(CDataError::TooDeep);
    }
    // SAFETY: the caller's promise.
    let array = unsafe { &*at };
    let count = |what, found| Err(CDataError::Count { what, found });
    if array.release.is_none() {
        return Err(CDataError::Released);
    }
    if !(0..=MAX_LEN).contains(&array.length) || array.length < rows {
        return count("length", array.length);
    }
    if !(0..=MAX_LEN).contains(&array.offset) {
        return count("offset", array.offset);
    }
    if !(-1..=array.length).contains(&array.null_count) {
        return count("number of nulls", array.null_count);
    }
    let end = array.length + array.offset;

    let layout = arrow_data::layout(data_type);
    let nulls = usize::from(layout.can_contain_null_mask);
    let due = layout.buffers.len() + nulls;
    let found = usize::try_from(array.n_buffers).ok().filter(|&found| match layout.variadic {
        // The views are followed by any number of data buffers, and one with their lengths.
        true => found > due && found <= MAX_FIELDS,
        false => found == due,
    });
    let Some(found) = found else { return count("number of buffers", array.n_buffers) };
    if found > 0 && array.buffers.is_null() {
        return Err(CDataError::Null("buffers"));
    }
    let buffers: &[*const c_void] = match found {
        0 => &[],
        // SAFETY: not null, and by the caller's promise of that length.
        _ => unsafe { std::slice::from_raw_parts(array.buffers, found) },
    };
    if end > 0
        && buffers.iter().take(due).skip(nulls).enumerate().any(|(nth, buffer)| {
            // Data behind offsets may be empty.
            buffer.is_null() && !(nth == 1 && has_offsets(data_type))
        })
    {
        return Err(CDataError::Null("a buffer"));
    }
    if nulls == 1 && array.null_count > 0 && buffers.first().is_some_and(|bits| bits.is_null()) {
        return Err(CDataError::Null("the validity bitmap"));
    }
    if layout.variadic {
        // SAFETY: the caller's promise.
        unsafe { check_lengths(buffers, due) }?;
    }

    // SAFETY: the caller's promise.
    let given = unsafe { children(array.children, array.n_children) }?;
    let fields = child_types(data_type);
    if given.len() != fields.len() {
        return count("number of children", array.n_children);
    }
    let mut last = 0;
    if has_offsets(data_type) {
        let offsets = buffers.get(nulls).copied().unwrap_or(std::ptr::null());
        let wide = is_wide(data_type);
        // SAFETY: not null if there are rows; by the caller's promise there are `end + 1` offsets.
        last = unsafe { check_offsets(offsets, wide, end as usize) }?;
        let data = buffers.get(nulls + 1).is_some_and(|data| data.is_null());
        if data && last > 0 {
            return Err(CDataError::Null("the values behind offsets"));
        }
    }
    for (child, field) in given.iter().zip(fields) {
        let rows = match data_type {
            DataType::Struct(_) | DataType::Union(_, UnionMode::Sparse) => end,
            DataType::FixedSizeList(_, size) => end.saturating_mul(i64::from((*size).max(0))),
            _ => last,
        };
        // SAFETY: not null, and by the caller's promise an array.
        unsafe { check_array(*child, field, depth + 1, rows) }?;
    }
    match data_type {
        DataType::Dictionary(..) if array.dictionary.is_null() => Err(CDataError::Null("a dictionary")),
        // SAFETY: not null, and by the caller's promise an array.
        DataType::Dictionary(_, values) => unsafe { check_array(array.dictionary, values, depth + 1, 0) },
        _ => Ok(()),
    }
}

/// True if the second buffer holds offsets into what follows.
fn has_offsets(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::Map(..)
    )
}

/// True if offsets have 64 bits.
fn is_wide(data_type: &DataType) -> bool {
    matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_))
}

/// Returns the types of an array's children.
fn child_types(data_type: &DataType) -> Vec<&DataType> {
    fn of(field: &Arc<Field>) -> &DataType {
        field.data_type()
    }
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![of(field)],
        DataType::Struct(fields) => fields.iter().map(of).collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| of(field)).collect(),
        DataType::RunEndEncoded(ends, values) => vec![of(ends), of(values)],
        _ => Vec::new(),
    }
}

/// Checks that offsets begin at 0 or above and rise, and returns the last. There are `rows + 1`.
///
/// # Safety
/// Unless it is null, `at` points to that many offsets.
unsafe fn check_offsets(at: *const c_void, wide: bool, rows: usize) -> Result<i64, CDataError> {
    if at.is_null() {
        return Ok(0);
    }
    // An empty array may lack the one offset that it should have.
    if rows == 0 {
        return Ok(0);
    }
    let mut last = 0;
    for nth in 0..=rows {
        let found = match wide {
            // SAFETY: within the offsets, by the caller's promise; the importer aligns what is not aligned.
            true => unsafe { at.cast::<i64>().wrapping_add(nth).read_unaligned() },
            // SAFETY: within the offsets, by the caller's promise; `read_unaligned` needs no alignment.
            false => i64::from(unsafe { at.cast::<i32>().wrapping_add(nth).read_unaligned() }),
        };
        if found < last || found > MAX_LEN {
            return Err(CDataError::Offset { at: nth, found });
        }
        last = found;
    }
    Ok(last)
}

/// Checks the lengths of variadic buffers, which are in the last buffer.
///
/// # Safety
/// The last buffer, unless it is null, holds a length for each buffer between the first `due` and itself.
unsafe fn check_lengths(buffers: &[*const c_void], due: usize) -> Result<(), CDataError> {
    let Some((lengths, data)) = buffers.get(due..).and_then(<[_]>::split_last) else {
        return Err(CDataError::Null("the lengths of data buffers"));
    };
    let lengths = lengths.cast::<i64>();
    if !data.is_empty() && (lengths.is_null() || !lengths.is_aligned()) {
        return Err(CDataError::Null("the lengths of data buffers"));
    }
    for (nth, buffer) in data.iter().enumerate() {
        // SAFETY: not null and aligned, and by the caller's promise of that many lengths.
        let found = unsafe { lengths.wrapping_add(nth).read() };
        if !(0..=MAX_LEN).contains(&found) {
            return Err(CDataError::Count { what: "length of a data buffer", found });
        }
        if buffer.is_null() && found > 0 {
            return Err(CDataError::Null("a data buffer"));
        }
    }
    Ok(())
}

/// Exports a schema, as that of a struct. Its consumer releases it.
pub fn export_schema(schema: &Schema) -> Result<FFI_ArrowSchema, CDataError> {
    Ok(FFI_ArrowSchema::try_from(schema)?)
}

/// Exports a batch, as a struct. Its buffers stay where they are; releasing it, on any thread, gives them back.
#[must_use]
pub fn export_batch(batch: RecordBatch) -> FFI_ArrowArray {
    let rows = batch.num_rows();
    let (schema, columns, _) = batch.into_parts();
    let data = ArrayData::builder(DataType::Struct(schema.fields().clone()))
        .len(rows)
        .child_data(columns.iter().map(|column| column.to_data()).collect());
    // SAFETY: the columns of a batch have its types, and as many rows as it.
    let data = unsafe { data.build_unchecked() };
    FFI_ArrowArray::new(&data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int32Array, StringArray};

    fn batch() -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
        let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "", "ccc"]));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("w", words, false)]).unwrap()
    }

    fn import(array: FFI_ArrowArray) -> Result<RecordBatch, CDataError> {
        // SAFETY: exported by this library, and damaged only where a check must detect it.
        unsafe { import_batch(array, &batch().schema()) }
    }

    /// Exports the batch, damages one of its structs, imports it, and repairs it before it is released.
    fn damaged(column: usize, damage: impl Fn(&mut RawArray)) -> CDataError {
        let mut array = export_batch(batch());
        let raw = (&raw mut array).cast::<RawArray>();
        // SAFETY: a struct that this library has just exported.
        let children = unsafe { (*raw).children };
        let target = match column {
            0 => raw,
            // SAFETY: it has two children.
            nth => unsafe { *children.wrapping_add(nth - 1) },
        };
        // SAFETY: a struct that this library has just exported. Only words that releasing does not read are damaged.
        damage(unsafe { &mut *target });
        import(array).unwrap_err()
    }

    #[test]
    fn what_goes_out_comes_in_and_lies_where_it_lay() {
        let original = batch();
        let came = import(export_batch(original.clone())).unwrap();
        assert_eq!(came, original);
        let place = |batch: &RecordBatch| batch.column(0).to_data().buffers()[0].as_ptr();
        assert_eq!(place(&came), place(&original));
        let schema = export_schema(&original.schema()).unwrap();
        // SAFETY: exported by this library.
        assert_eq!(unsafe { import_schema(&schema) }.unwrap(), original.schema());
    }

    #[test]
    fn damage_is_found_before_it_is_believed() {
        use CDataError::{Count, Null, Released};
        assert!(matches!(damaged(0, |a| a.length = -1), Count { what: "length", .. }));
        assert!(matches!(damaged(0, |a| a.length = i64::MAX), Count { what: "length", .. }));
        assert!(matches!(damaged(1, |a| a.length = 2), Count { what: "length", .. }));
        assert!(matches!(damaged(1, |a| a.offset = -4), Count { what: "offset", .. }));
        assert!(matches!(damaged(1, |a| a.null_count = 9), Count { what: "number of nulls", .. }));
        assert!(matches!(damaged(2, |a| a.n_buffers = 2), Count { what: "number of buffers", .. }));
        assert!(matches!(damaged(0, |a| a.n_children = 3), Count { .. } | Null(_)));
        assert!(matches!(damaged(0, |a| a.n_children = -1), Count { what: "number of children", .. }));
        assert_eq!(damaged(2, |a| a.buffers = std::ptr::null_mut()), Null("buffers"));
        let release = |a: &mut RawArray| a.release = None;
        assert_eq!(damaged(0, release), Released);
    }

    #[test]
    fn buffers_that_are_missing_or_fall_are_found() {
        let set = |column: usize, nth: usize, to: *const c_void| {
            damaged(column, move |a| {
                // SAFETY: the struct has that many buffers; its release does not read the pointers.
                unsafe { a.buffers.wrapping_add(nth).write(to) };
            })
        };
        assert_eq!(set(1, 1, std::ptr::null()), CDataError::Null("a buffer"));
        assert_eq!(set(1, 0, std::ptr::null()), CDataError::Null("the validity bitmap"));
        assert_eq!(set(2, 2, std::ptr::null()), CDataError::Null("the values behind offsets"));
        let falling = [0_i32, 2, 1, 3];
        assert_eq!(set(2, 1, falling.as_ptr().cast()), CDataError::Offset { at: 2, found: 1 });
        let negative = [-1_i32, 0, 1, 3];
        assert_eq!(set(2, 1, negative.as_ptr().cast()), CDataError::Offset { at: 0, found: -1 });
        let not_utf8 = [0xff_u8; 4];
        assert!(matches!(set(2, 2, not_utf8.as_ptr().cast()), CDataError::Arrow(_)));
    }

    #[test]
    fn a_type_without_the_children_that_it_has_is_refused() {
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
        for data_type in [
            DataType::List(item.clone()),
            DataType::LargeListView(item.clone()),
            DataType::FixedSizeList(item.clone(), 2),
            DataType::RunEndEncoded(ends, item),
        ] {
            let mut schema = export_schema(&Schema::new(vec![Field::new("c", data_type, true)])).unwrap();
            let raw: *mut RawSchema = (&raw mut schema).cast();
            // SAFETY: exported just now, and nobody else refers to it.
            let children = unsafe { (*raw).children };
            // SAFETY: it has one column, so its list of children has one entry.
            let child: *mut RawSchema = unsafe { *children };
            // SAFETY: the one child of a schema exported just now; nobody else refers to it.
            let count = unsafe { std::mem::replace(&mut (*child).n_children, 0) };
            // SAFETY: exported by this library, with a count that is too small.
            let refused = unsafe { import_schema(&schema) }.unwrap_err();
            assert_eq!(refused, CDataError::Count { what: "number of children", found: 0 });
            // SAFETY: the same child, which is still there; its release needs the count.
            unsafe { (*child).n_children = count };
        }
    }

    #[test]
    fn a_schema_nested_without_end_is_refused() {
        let mut data_type = DataType::Int8;
        for _ in 0..MAX_DEPTH + 1 {
            data_type = DataType::List(Arc::new(Field::new("item", data_type, true)));
        }
        let schema = Schema::new(vec![Field::new("deep", data_type, true)]);
        let schema = export_schema(&schema).unwrap();
        // SAFETY: exported by this library.
        assert_eq!(unsafe { import_schema(&schema) }.unwrap_err(), CDataError::TooDeep);
        // SAFETY: an empty struct points nowhere.
        assert_eq!(unsafe { import_schema(&FFI_ArrowSchema::empty()) }.unwrap_err(), CDataError::Released);
    }
}
