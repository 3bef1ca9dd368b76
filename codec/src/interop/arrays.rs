//! Converts views to arrays of their own type, for the types that most columns have.
//!
//! Each takes one allocation, for the array itself (and one for the list of a view column's buffers, two for the type
//! of a dictionary, one for the list of a struct's fields). Other types, and columns without rows, go through
//! [`data`](Importing::data), which takes a few more.
//!
//! # Safety
//! The constructors called here check nothing. Their requirements are a part of the promises of [`Full`], and the
//! buffers that [`Importing`] hands out are cut to the rows and aligned to the type they are read as.
#![allow(unsafe_code)]

use std::sync::Arc;

use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, BinaryType, BinaryViewType, ByteArrayType, ByteViewType,
    Int8Type, Int16Type, Int32Type, Int64Type, LargeBinaryType, LargeUtf8Type, StringViewType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type, Utf8Type,
};
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, GenericByteArray, GenericByteViewArray, GenericListArray,
    NullArray, OffsetSizeTrait, PrimitiveArray, StructArray, downcast_primitive, make_array,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef, Fields};

use super::ImportError;
use super::import::Importing;
use crate::view::{ColumnView, Full};

type Column<'a> = ColumnView<'a, Full>;
type Made = Result<ArrayRef, Box<ImportError>>;

impl Importing<'_> {
    /// Returns the column as an array.
    pub(super) fn array(&mut self, column: &Column<'_>) -> Made {
        macro_rules! primitive {
            ($type:ty) => {
                self.primitive::<$type>(column)
            };
        }
        if column.is_empty() {
            // The offsets of no rows may be missing, and a dictionary or child may still have values.
            return Ok(make_array(self.data(column)?));
        }
        let data_type = column.data_type();
        downcast_primitive! {
            data_type => (primitive),
            DataType::Null => Ok(Arc::new(NullArray::new(column.len()))),
            DataType::Boolean => self.boolean(column),
            DataType::Utf8 => self.bytes::<Utf8Type>(column),
            DataType::LargeUtf8 => self.bytes::<LargeUtf8Type>(column),
            DataType::Binary => self.bytes::<BinaryType>(column),
            DataType::LargeBinary => self.bytes::<LargeBinaryType>(column),
            DataType::Utf8View => self.views::<StringViewType>(column),
            DataType::BinaryView => self.views::<BinaryViewType>(column),
            DataType::List(item) => self.list::<i32>(column, item),
            DataType::LargeList(item) => self.list::<i64>(column, item),
            DataType::Struct(fields) if !fields.is_empty() => self.structs(column, fields),
            DataType::Dictionary(keys, _) => match &**keys {
                DataType::Int8 => self.dictionary::<Int8Type>(column),
                DataType::Int16 => self.dictionary::<Int16Type>(column),
                DataType::Int32 => self.dictionary::<Int32Type>(column),
                DataType::Int64 => self.dictionary::<Int64Type>(column),
                DataType::UInt8 => self.dictionary::<UInt8Type>(column),
                DataType::UInt16 => self.dictionary::<UInt16Type>(column),
                DataType::UInt32 => self.dictionary::<UInt32Type>(column),
                _ => self.dictionary::<UInt64Type>(column),
            },
            _ => Ok(make_array(self.data(column)?)),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&mut self, column: &Column<'_>) -> Made {
        let values = self.scalars::<T::Native>(column, 1, column.len());
        let nulls = self.nulls(column);
        // SAFETY: there are as many values, and as many bits in a bitmap of nulls, as the column has rows.
        let array = unsafe { PrimitiveArray::<T>::new_unchecked(values, nulls) };
        match column.data_type() {
            // Times with a zone and decimals of another precision have a type of their own.
            DataType::Timestamp(_, Some(_))
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Ok(Arc::new(array.with_data_type(column.data_type().clone()))),
            _ => Ok(Arc::new(array)),
        }
    }

    fn boolean(&mut self, column: &Column<'_>) -> Made {
        let bits = self.buffer(column, 1, column.len().div_ceil(8), 1);
        let nulls = self.nulls(column);
        Ok(Arc::new(BooleanArray::new(BooleanBuffer::new(bits, 0, column.len()), nulls)))
    }

    fn bytes<T: ByteArrayType>(&mut self, column: &Column<'_>) -> Made {
        let offsets = self.offsets::<T::Offset>(column);
        let values = self.whole_buffer(column, 2);
        let nulls = self.nulls(column);
        // SAFETY: `Full` promises that offsets lie within the values, and that each string is UTF-8.
        Ok(Arc::new(unsafe { GenericByteArray::<T>::new_unchecked(offsets, values, nulls) }))
    }

    fn views<T: ByteViewType>(&mut self, column: &Column<'_>) -> Made {
        let views = self.scalars::<u128>(column, 1, column.len());
        let buffers = (0..column.slot().variadic as usize).map(|nth| self.whole_buffer(column, 2 + nth));
        let buffers: Arc<[Buffer]> = buffers.collect();
        let nulls = self.nulls(column);
        // SAFETY: `Full` promises that views lead into their buffers, agree with their prefixes and are padded with
        // zeros, and that strings are UTF-8.
        Ok(Arc::new(unsafe { GenericByteViewArray::<T>::new_unchecked(views, buffers, nulls) }))
    }

    fn list<O: OffsetSizeTrait>(&mut self, column: &Column<'_>, item: &FieldRef) -> Made {
        let offsets = self.offsets::<O>(column);
        let mut values = column.children();
        let Some(values) = values.next() else { return Ok(make_array(self.data(column)?)) };
        let values = self.array(&values)?;
        let nulls = self.nulls(column);
        // SAFETY: `Full` promises that offsets lie within the child, and that a child which may not be null is not.
        // The child has the type of its field, since both come from the schema.
        Ok(Arc::new(unsafe { GenericListArray::<O>::new_unchecked(item.clone(), offsets, values, nulls) }))
    }

    fn structs(&mut self, column: &Column<'_>, fields: &Fields) -> Made {
        let mut children = Vec::with_capacity(fields.len());
        for child in column.children() {
            children.push(self.array(&child)?);
        }
        let nulls = self.nulls(column);
        // SAFETY: there is at least one field; children have their fields' types, and each is cut to the rows of the
        // struct; `Full` promises that those which may not be null are not.
        Ok(Arc::new(unsafe { StructArray::new_unchecked(fields.clone(), children, nulls) }))
    }

    fn dictionary<K: ArrowDictionaryKeyType>(&mut self, column: &Column<'_>) -> Made {
        let keys = self.scalars::<K::Native>(column, 1, column.len());
        let nulls = self.nulls(column);
        let keys = PrimitiveArray::<K>::new(keys, nulls);
        let values = self.dictionary_values(column)?;
        // SAFETY: `Full` promises that the key of each row that is not null is in the dictionary.
        Ok(Arc::new(unsafe { DictionaryArray::new_unchecked(keys, values) }))
    }

    /// Returns the first `count` values of a buffer.
    #[inline(always)]
    fn scalars<T: ArrowNativeType>(
        &mut self,
        column: &Column<'_>,
        nth: usize,
        count: usize,
    ) -> ScalarBuffer<T> {
        // The structure check has found that many bytes in the buffer: the product does not overflow.
        self.buffer(column, nth, count * size_of::<T>(), align_of::<T>()).into()
    }

    /// Returns the offsets of a column with rows.
    #[inline(always)]
    fn offsets<O: OffsetSizeTrait>(&mut self, column: &Column<'_>) -> OffsetBuffer<O> {
        let offsets = self.scalars::<O>(column, 1, column.len() + 1);
        // SAFETY: `Full` promises that offsets rise from zero or above, and a column with rows has one at least.
        unsafe { OffsetBuffer::new_unchecked(offsets) }
    }
}
