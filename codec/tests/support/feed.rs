//! Fills the fields of a message being built from arrays, row by row.
//!
//! A field is fed from *pieces*: slices of one array that together are its rows. So lists can be fed without rows
//! that nothing refers to.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryType, BinaryViewType, ByteArrayType, ByteViewType, Int16Type, Int32Type,
    Int64Type, LargeBinaryType, LargeUtf8Type, RunEndIndexType, StringViewType, Utf8Type,
};
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, PrimitiveArray, downcast_integer, downcast_primitive};
use arrow_schema::{DataType, UnionMode};
use bowstring_codec::BuildError;
use bowstring_codec::build::Fields;

type Done = Result<(), BuildError>;

/// Feeds the next field, and those below it.
pub(crate) fn feed(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let data_type = fields.next_type().expect("as many fields as arrays").clone();
    macro_rules! primitive {
        ($type:ty) => {
            fixed::<$type>(fields, pieces)
        };
    }
    macro_rules! keys {
        ($type:ty) => {{
            let len = pieces.first().map_or(0, |array| array.as_any_dictionary().values().len());
            let mut column = fields.keys::<$type>(len)?;
            for array in pieces {
                for key in array.as_dictionary::<$type>().keys() {
                    match key {
                        Some(key) => column.push(key)?,
                        None => column.push_null()?,
                    }
                }
            }
            column.finish()
        }};
    }
    downcast_primitive! {
        &data_type => (primitive),
        DataType::Null => {
            let mut column = fields.rows()?;
            pieces.iter().try_for_each(|array| column.push(array.len()))?;
            column.finish();
            Ok(())
        }
        DataType::Boolean => {
            let mut column = fields.booleans()?;
            for value in pieces.iter().flat_map(|array| array.as_boolean()) {
                match value {
                    Some(value) => column.push(value)?,
                    None => column.push_null()?,
                }
            }
            column.finish();
            Ok(())
        }
        DataType::FixedSizeBinary(_) => {
            let mut column = fields.fixed_bytes()?;
            for value in pieces.iter().flat_map(|array| array.as_fixed_size_binary()) {
                match value {
                    Some(value) => column.push(value)?,
                    None => column.push_null()?,
                }
            }
            column.finish();
            Ok(())
        }
        DataType::Utf8 => bytes::<Utf8Type>(fields, pieces),
        DataType::LargeUtf8 => bytes::<LargeUtf8Type>(fields, pieces),
        DataType::Binary => bytes::<BinaryType>(fields, pieces),
        DataType::LargeBinary => bytes::<LargeBinaryType>(fields, pieces),
        DataType::Utf8View => views::<StringViewType>(fields, pieces),
        DataType::BinaryView => views::<BinaryViewType>(fields, pieces),
        DataType::List(_) => lists::<i32>(fields, pieces),
        DataType::LargeList(_) => lists::<i64>(fields, pieces),
        DataType::Map(..) => {
            let mut column = fields.lists()?;
            let mut items: Vec<ArrayRef> = Vec::new();
            for map in pieces.iter().map(|array| array.as_map()) {
                for row in 0..map.len() {
                    if map.is_null(row) {
                        column.push_null()?;
                    } else {
                        column.push(map.value(row).len())?;
                        items.push(std::sync::Arc::new(map.value(row)));
                    }
                }
            }
            column.finish();
            feed(fields, &items)
        }
        DataType::ListView(_) => list_views::<i32>(fields, pieces),
        DataType::LargeListView(_) => list_views::<i64>(fields, pieces),
        DataType::FixedSizeList(..) => {
            rows(fields, pieces)?;
            let items: Vec<_> = pieces.iter().map(|array| array.as_fixed_size_list().values().clone()).collect();
            feed(fields, &items)
        }
        DataType::Struct(children) => {
            rows(fields, pieces)?;
            for i in 0..children.len() {
                let column: Vec<_> = pieces.iter().map(|array| array.as_struct().column(i).clone()).collect();
                feed(fields, &column)?;
            }
            Ok(())
        }
        DataType::Union(children, mode) => {
            let mut column = fields.unions()?;
            for union in pieces.iter().map(|array| array.as_union()) {
                union.type_ids().iter().try_for_each(|id| column.push(*id))?;
            }
            column.finish();
            for (id, _) in children.iter() {
                let mut rows = Vec::new();
                for union in pieces.iter().map(|array| array.as_union()) {
                    match mode {
                        UnionMode::Sparse => rows.push(union.child(id).slice(0, union.len())),
                        UnionMode::Dense => rows.extend(
                            (0..union.len())
                                .filter(|row| union.type_id(*row) == id)
                                .map(|row| union.child(id).slice(union.value_offset(row), 1)),
                        ),
                    }
                }
                feed(fields, &rows)?;
            }
            Ok(())
        }
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(fields, pieces),
            DataType::Int32 => runs::<Int32Type>(fields, pieces),
            _ => runs::<Int64Type>(fields, pieces),
        },
        DataType::Dictionary(key, _) => downcast_integer! {
            **key => (keys),
            _ => unreachable!("{key} is no key")
        },
        other => unreachable!("{other} can be built")
    }
}

fn fixed<T: ArrowPrimitiveType>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let mut column = fields.fixed::<T>()?;
    for (piece, array) in pieces.iter().map(|array| array.as_primitive::<T>()).enumerate() {
        feed_primitive(&mut column, array, piece)?;
    }
    column.finish()
}

/// Each way of adding values in turn.
fn feed_primitive<T: ArrowPrimitiveType>(
    column: &mut bowstring_codec::build::Fixed<'_, T::Native>,
    array: &PrimitiveArray<T>,
    way: usize,
) -> Done {
    let first = column.len();
    match (way + array.len()) % 4 {
        0 => {
            for value in array {
                match value {
                    Some(value) => column.push(value)?,
                    None => column.push_null()?,
                }
            }
            return Ok(());
        }
        1 => column.extend_from_slice(array.values())?,
        2 => column.fill_with(array.len(), |row| array.value(row - first))?,
        _ => {
            column.rest_mut()[..array.len()].copy_from_slice(array.values());
            column.advance(array.len())?;
        }
    }
    (0..array.len()).filter(|row| array.is_null(*row)).try_for_each(|row| column.set_null(first + row))
}

fn bytes<T: ByteArrayType>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done
where
    T::Native: AsRef<[u8]>,
{
    let values: Vec<_> =
        pieces.iter().flat_map(|array| array.as_bytes::<T>()).map(|v| v.map(AsRef::as_ref)).collect();
    binaries(fields, &values)
}

fn views<T: ByteViewType>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done
where
    T::Native: AsRef<[u8]>,
{
    let values = pieces.iter().flat_map(|array| array.as_byte_view::<T>().iter());
    let values: Vec<_> = values.map(|v| v.map(AsRef::as_ref)).collect();
    binaries(fields, &values)
}

fn binaries(fields: &mut Fields<'_>, values: &[Option<&[u8]>]) -> Done {
    if let Ok(mut column) = fields.binaries() {
        for value in values {
            match value {
                Some(value) => column.push(value)?,
                None => column.push_null()?,
            }
        }
        column.finish();
        return Ok(());
    }
    let mut column = fields.strings()?;
    for (row, value) in values.iter().enumerate() {
        match value.map(|value| std::str::from_utf8(value).expect("text")) {
            None => column.push_null()?,
            Some(text) if row % 2 == 0 => column.push(text)?,
            Some(text) => column.push_fmt(format_args!("{}{}", &text[..0], text))?,
        }
    }
    column.finish();
    Ok(())
}

fn rows(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let mut column = fields.rows()?;
    for array in pieces {
        for row in 0..array.len() {
            if array.is_null(row) { column.push_null()? } else { column.push(1)? }
        }
    }
    column.finish();
    Ok(())
}

fn lists<O: OffsetSizeTrait>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let mut column = fields.lists()?;
    let mut items = Vec::new();
    for list in pieces.iter().map(|array| array.as_list::<O>()) {
        for row in 0..list.len() {
            if list.is_null(row) {
                column.push_null()?;
            } else {
                column.push(list.value(row).len())?;
                items.push(list.value(row));
            }
        }
    }
    column.finish();
    feed(fields, &items)
}

fn list_views<O: OffsetSizeTrait>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let mut column = fields.list_views()?;
    // Slices of a list view keep its whole child.
    let items = pieces.first().map(|array| array.as_list_view::<O>().values().clone());
    for list in pieces.iter().map(|array| array.as_list_view::<O>()) {
        for row in 0..list.len() {
            if list.is_null(row) {
                column.push_null()?;
            } else {
                column.push(list.offsets()[row].as_usize(), list.sizes()[row].as_usize())?;
            }
        }
    }
    column.finish();
    feed(fields, items.as_slice())
}

fn runs<R: RunEndIndexType>(fields: &mut Fields<'_>, pieces: &[ArrayRef]) -> Done {
    let mut column = fields.runs()?;
    let mut values = Vec::new();
    for array in pieces.iter().map(|array| array.as_run::<R>()) {
        let physical: Vec<_> = (0..array.len()).map(|row| array.get_physical_index(row)).collect();
        for run in physical.chunk_by(|a, b| a == b) {
            column.push(run.len())?;
            values.push(array.values().slice(run[0], 1));
        }
    }
    column.finish();
    feed(fields, &values)
}
