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

mod array;
mod error;
mod raw;
mod schema;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::{Array, RecordBatch, RecordBatchOptions, StructArray};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Schema, SchemaRef};
use bowstring_codec::Plan;
use bowstring_codec::decode::Decoder;

use self::array::check_array;
pub use self::error::CDataError;
use self::schema::check_schema;

/// The deepest nesting of types.
pub const MAX_DEPTH: usize = 64;
/// The most fields of a schema, nested ones included.
pub const MAX_FIELDS: usize = 1 << 16;

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
    use super::raw::{RawArray, RawSchema};
    use super::*;
    use arrow_array::{ArrayRef, Int32Array, StringArray};
    use arrow_schema::Field;
    use std::ffi::c_void;
    use std::sync::Arc;

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
