//! Arbitrary arrays of a given type.
//!
//! Makes everything that Arrow allows: slices at every level, offsets that do not begin at 0, values under nulls,
//! children with rows that nothing refers to.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::types::{
    BinaryType, ByteArrayType, Int16Type, Int32Type, Int64Type, LargeBinaryType, LargeUtf8Type,
    RunEndIndexType, Utf8Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, BooleanArray, DictionaryArray,
    FixedSizeBinaryArray, FixedSizeListArray, GenericByteArray, GenericListArray, GenericListViewArray,
    MapArray, NullArray, OffsetSizeTrait, PrimitiveArray, RunArray, StructArray, UnionArray,
    downcast_integer, downcast_primitive,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef, UnionMode};

use super::Source;

/// The reason why the constructors of arrow-rs accept what is built here.
const FITS: &str = "generated to fit its type";

/// Returns an array of `len` rows.
///
/// # Panics
///
/// If the generator is wrong.
#[must_use]
pub fn array(source: &mut Source<'_>, data_type: &DataType, nullable: bool, len: usize) -> ArrayRef {
    match source.below(3) {
        0 => whole(source, data_type, nullable, len),
        _ => {
            let (before, after) = (source.below(12), source.below(5));
            whole(source, data_type, nullable, before + len + after).slice(before, len)
        }
    }
}

fn nulls(source: &mut Source<'_>, nullable: bool, len: usize) -> Option<NullBuffer> {
    if !nullable {
        return None;
    }
    let one_in = [4, 0, 2, 1][source.below(4)];
    let before = source.below(9);
    let bits: Vec<bool> = (0..before + len).map(|_| one_in == 0 || source.value_below(one_in) != 0).collect();
    (one_in != 0).then(|| NullBuffer::new(BooleanBuffer::from(bits).slice(before, len)))
}

fn whole(source: &mut Source<'_>, data_type: &DataType, nullable: bool, len: usize) -> ArrayRef {
    macro_rules! primitive_array {
        ($type:ty) => {
            primitive::<$type>(source, data_type, nullable, len)
        };
    }
    macro_rules! dictionary_array {
        ($type:ty, $values:expr) => {{
            let count = 1 + source.below(9);
            let values = array(source, $values, nullable, count);
            let keys =
                (0..len).map(|_| <$type as ArrowPrimitiveType>::Native::usize_as(source.value_below(count)));
            let keys = PrimitiveArray::<$type>::new(keys.collect(), nulls(source, nullable, len));
            Arc::new(DictionaryArray::try_new(keys, values).expect(FITS))
        }};
    }
    downcast_primitive! {
        data_type => (primitive_array),
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Boolean => {
            let values: Vec<bool> = (0..len).map(|_| source.value() & 1 == 0).collect();
            Arc::new(BooleanArray::new(values.into(), nulls(source, nullable, len)))
        }
        DataType::FixedSizeBinary(width) => {
            let bytes: Vec<u8> = (0..len * *width as usize).map(|_| source.value() as u8).collect();
            let nulls = nulls(source, nullable, len);
            Arc::new(FixedSizeBinaryArray::try_new_with_len(*width, bytes.into(), nulls, len).expect(FITS))
        }
        DataType::Utf8 => bytes::<Utf8Type>(source, nullable, len),
        DataType::LargeUtf8 => bytes::<LargeUtf8Type>(source, nullable, len),
        DataType::Binary => bytes::<BinaryType>(source, nullable, len),
        DataType::LargeBinary => bytes::<LargeBinaryType>(source, nullable, len),
        DataType::Utf8View => {
            let mut views = StringViewBuilder::new().with_fixed_block_size(64);
            let nulls = nulls(source, nullable, len);
            for row in 0..len {
                let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                views.append_option(valid.then(|| text(source)));
            }
            Arc::new(views.finish())
        }
        DataType::BinaryView => {
            let mut views = BinaryViewBuilder::new().with_fixed_block_size(64);
            let nulls = nulls(source, nullable, len);
            for row in 0..len {
                let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                views.append_option(valid.then(|| text(source)));
            }
            Arc::new(views.finish())
        }
        DataType::List(item) => list::<i32>(source, item, nullable, len),
        DataType::LargeList(item) => list::<i64>(source, item, nullable, len),
        DataType::ListView(item) => list_view::<i32>(source, item, nullable, len),
        DataType::LargeListView(item) => list_view::<i64>(source, item, nullable, len),
        DataType::FixedSizeList(item, size) => {
            let values = array(source, item.data_type(), item.is_nullable(), len * *size as usize);
            let nulls = nulls(source, nullable, len);
            Arc::new(FixedSizeListArray::try_new_with_length(item.clone(), *size, values, nulls, len).expect(FITS))
        }
        DataType::Map(entries, sorted) => {
            let (offsets, count) = offsets::<i32>(source, len);
            let values = array(source, entries.data_type(), false, count);
            let values = values.as_any().downcast_ref::<StructArray>().expect(FITS).clone();
            let nulls = nulls(source, nullable, len);
            Arc::new(MapArray::new(entries.clone(), offsets, values, nulls, *sorted))
        }
        DataType::Struct(fields) => {
            let children = fields.iter().map(|f| array(source, f.data_type(), f.is_nullable(), len)).collect();
            let nulls = nulls(source, nullable, len);
            Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, len).expect(FITS))
        }
        DataType::Union(..) => union(source, data_type, len),
        DataType::RunEndEncoded(ends, values) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(source, values, len),
            DataType::Int32 => runs::<Int32Type>(source, values, len),
            _ => runs::<Int64Type>(source, values, len),
        },
        DataType::Dictionary(key, values) => downcast_integer! {
            **key => (dictionary_array, values),
            _ => unreachable!("{key} is no dictionary key")
        },
        other => unreachable!("{other} has a generator")
    }
}

/// Values that every implementation accepts: small for decimals, within a day for times, whole days for
/// dates.
fn primitive<T: ArrowPrimitiveType>(
    source: &mut Source<'_>,
    data_type: &DataType,
    nullable: bool,
    len: usize,
) -> ArrayRef {
    let values: Vec<T::Native> = match data_type {
        DataType::Date64 => {
            (0..len).map(|_| T::Native::usize_as(source.value_below(20_000) * 86_400_000)).collect()
        }
        t if t.is_temporal() || t.is_decimal() => {
            let sign = |negative| {
                if negative { T::Native::ZERO.sub_wrapping(T::Native::ONE) } else { T::Native::ONE }
            };
            let may_be_negative =
                !matches!(t, DataType::Time32(_) | DataType::Time64(_) | DataType::Interval(_));
            (0..len)
                .map(|_| {
                    let value = T::Native::usize_as(source.value_below(86_400));
                    match may_be_negative {
                        true => value.mul_wrapping(sign(source.value() & 1 == 0)),
                        false => value,
                    }
                })
                .collect()
        }
        _ => {
            let words: Vec<u64> =
                (0..(len * size_of::<T::Native>()).div_ceil(8)).map(|_| source.value()).collect();
            Buffer::from_slice_ref(&words).typed_data::<T::Native>()[..len].to_vec()
        }
    };
    let nulls = nulls(source, nullable, len);
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type.clone()))
}

/// Returns text of up to 40 bytes, some with multi-byte characters, and often too long for a view.
fn text(source: &mut Source<'_>) -> String {
    let pieces = source.value_below(6);
    (0..pieces).map(|_| ["a", "é", "longer than that", "→", "🏹", "", "xyz"][source.value_below(7)]).collect()
}

fn bytes<T: ByteArrayType>(source: &mut Source<'_>, nullable: bool, len: usize) -> ArrayRef {
    let texts: Vec<String> = (0..len).map(|_| text(source)).collect();
    let offsets = OffsetBuffer::<T::Offset>::from_lengths(texts.iter().map(String::len));
    let nulls = nulls(source, nullable, len);
    let values = Buffer::from(texts.concat().into_bytes());
    Arc::new(GenericByteArray::<T>::try_new(offsets, values, nulls).expect(FITS))
}

/// Returns offsets of lists of up to three rows, and the number of rows of the child: there may be unused ones.
fn offsets<O: OffsetSizeTrait>(source: &mut Source<'_>, len: usize) -> (OffsetBuffer<O>, usize) {
    let mut end = source.below(4);
    let mut offsets = vec![O::usize_as(end)];
    for _ in 0..len {
        end += source.value_below(4);
        offsets.push(O::usize_as(end));
    }
    (OffsetBuffer::new(offsets.into()), end + source.below(3))
}

fn list<O: OffsetSizeTrait>(
    source: &mut Source<'_>,
    item: &FieldRef,
    nullable: bool,
    len: usize,
) -> ArrayRef {
    let (offsets, count) = offsets::<O>(source, len);
    let values = array(source, item.data_type(), item.is_nullable(), count);
    let nulls = nulls(source, nullable, len);
    Arc::new(GenericListArray::<O>::try_new(item.clone(), offsets, values, nulls).expect(FITS))
}

fn list_view<O: OffsetSizeTrait>(
    source: &mut Source<'_>,
    item: &FieldRef,
    nullable: bool,
    len: usize,
) -> ArrayRef {
    let count = source.below(20);
    let values = array(source, item.data_type(), item.is_nullable(), count);
    let mut offsets = Vec::with_capacity(len);
    let mut sizes = Vec::with_capacity(len);
    for _ in 0..len {
        let offset = source.value_below(count + 1);
        offsets.push(O::usize_as(offset));
        sizes.push(O::usize_as(source.value_below((count - offset).min(3) + 1)));
    }
    let nulls = nulls(source, nullable, len);
    let array = GenericListViewArray::<O>::try_new(item.clone(), offsets.into(), sizes.into(), values, nulls);
    Arc::new(array.expect(FITS))
}

fn union(source: &mut Source<'_>, data_type: &DataType, len: usize) -> ArrayRef {
    let DataType::Union(fields, mode) = data_type else { unreachable!("called for unions only") };
    let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
    let type_ids: ScalarBuffer<i8> = (0..len).map(|_| ids[source.value_below(ids.len())]).collect();
    let mut next = [source.below(3); 128];
    let offsets: Option<ScalarBuffer<i32>> = (*mode == UnionMode::Dense).then(|| {
        let offset = |id: &i8| {
            let next = &mut next[*id as usize];
            *next += 1;
            *next as i32 - 1
        };
        type_ids.iter().map(offset).collect()
    });
    let child = |(id, field): (i8, &Arc<Field>)| {
        let rows = if offsets.is_some() { next[id as usize] } else { len };
        array(source, field.data_type(), field.is_nullable(), rows)
    };
    let children = fields.iter().map(child).collect();
    Arc::new(UnionArray::try_new(fields.clone(), type_ids, offsets, children).expect(FITS))
}

fn runs<R: RunEndIndexType>(source: &mut Source<'_>, values: &FieldRef, len: usize) -> ArrayRef {
    let mut ends = Vec::new();
    let mut end = 0;
    while end < len {
        end = len.min(end + 1 + source.value_below(4));
        ends.push(R::Native::usize_as(end));
    }
    let values = array(source, values.data_type(), values.is_nullable(), ends.len());
    let ends = PrimitiveArray::<R>::new(ends.into(), None);
    Arc::new(RunArray::try_new(&ends, &values).expect(FITS))
}
