//! Integers and floats, and which of them widen to which: those that hold every value of the other exactly.

use arrow_array::types;
use arrow_schema::DataType;
use half::f16;

use super::fixed::{Plain, Widen, widen};
use super::types::Type;

macro_rules! numbers {
    ($($type:ty, $arrow:ident, $kind:ident: $($from:ident = $narrow:ty),*;)*) => {$(
        impl Plain for $type {
            type Arrow = types::$arrow;
            type Native = $type;
            const PLAIN: Type = Type::$kind;

            fn widening(found: &DataType) -> Option<Widen<Self>> {
                match found {
                    $(DataType::$from => Some(widen::<$narrow, Self>),)*
                    _ => None,
                }
            }
        }
    )*};
}

numbers! {
    i8, Int8Type, Int8:;
    i16, Int16Type, Int16: Int8 = i8, UInt8 = u8;
    i32, Int32Type, Int32: Int8 = i8, Int16 = i16, UInt8 = u8, UInt16 = u16;
    i64, Int64Type, Int64: Int8 = i8, Int16 = i16, Int32 = i32, UInt8 = u8, UInt16 = u16, UInt32 = u32;
    u8, UInt8Type, UInt8:;
    u16, UInt16Type, UInt16: UInt8 = u8;
    u32, UInt32Type, UInt32: UInt8 = u8, UInt16 = u16;
    u64, UInt64Type, UInt64: UInt8 = u8, UInt16 = u16, UInt32 = u32;
    f16, Float16Type, Float16: Int8 = i8, UInt8 = u8;
    f32, Float32Type, Float32: Int8 = i8, Int16 = i16, UInt8 = u8, UInt16 = u16, Float16 = f16;
    f64, Float64Type, Float64: Int8 = i8, Int16 = i16, Int32 = i32, UInt8 = u8, UInt16 = u16, UInt32 = u32,
        Float16 = f16, Float32 = f32;
}
