//! Compares floating-point numbers as DuckDB does: NaN equals itself and is greater than every number; the two zeros
//! are equal. (Arrow's own kernels distinguish the zeros, and order NaNs by their sign.)

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;

type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    /// Equal, where null equals null.
    Same,
    NotSame,
}

pub(crate) trait Float: Copy + PartialOrd {
    fn is_nan(self) -> bool;
}

impl Float for f32 {
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Float for f64 {
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

#[inline(always)]
fn equal<F: Float>(a: F, b: F) -> bool {
    a == b || (a.is_nan() & b.is_nan())
}

#[inline(always)]
fn less<F: Float>(a: F, b: F) -> bool {
    (a < b) | (b.is_nan() & !a.is_nan())
}

/// Returns the values with one NaN, greater than every number, and one zero, so that the order of all floats is DuckDB's.
pub(crate) fn one_nan_and_zero(values: &ArrayRef) -> ArrayRef {
    macro_rules! each {
        ($type:ty, $zero:expr, $nan:expr) => {
            Arc::new(values.as_primitive::<$type>().unary::<_, $type>(|value| {
                if value.is_nan() {
                    $nan
                } else if value == $zero {
                    $zero
                } else {
                    value
                }
            }))
        };
    }
    match values.data_type() {
        DataType::Float16 => each!(Float16Type, Half::ZERO, Half::NAN),
        DataType::Float32 => each!(Float32Type, 0.0, f32::NAN),
        DataType::Float64 => each!(Float64Type, 0.0, f64::NAN),
        _ => Arc::clone(values),
    }
}

/// Compares two columns, either of which may be a single value.
pub(crate) fn floats<T: ArrowPrimitiveType>(
    op: Op,
    a: &PrimitiveArray<T>,
    a_single: bool,
    b: &PrimitiveArray<T>,
    b_single: bool,
) -> BooleanArray
where
    T::Native: Float,
{
    let rows = if a_single { b.len() } else { a.len() };
    let empty = (a_single && a.is_null(0)) || (b_single && b.is_null(0));
    if empty {
        return BooleanArray::new_null(rows);
    }
    let nulls = match (a_single, b_single) {
        (true, _) => b.nulls().cloned(),
        (_, true) => a.nulls().cloned(),
        _ => NullBuffer::union(a.nulls(), b.nulls()),
    };
    let (x, y) = (a.values(), b.values());
    macro_rules! each {
        ($holds:expr) => {{
            let holds = $holds;
            match (a_single, b_single) {
                (false, true) => {
                    let y = y[0];
                    BooleanBuffer::collect_bool(rows, |i| holds(x[i], y))
                }
                (true, false) => {
                    let x = x[0];
                    BooleanBuffer::collect_bool(rows, |i| holds(x, y[i]))
                }
                _ => BooleanBuffer::collect_bool(rows, |i| holds(x[i], y[i])),
            }
        }};
    }
    let bits = match op {
        Op::Eq | Op::Same => each!(equal),
        Op::NotEq | Op::NotSame => each!(|a, b| !equal(a, b)),
        Op::Lt => each!(less),
        Op::GtEq => each!(|a, b| !less(a, b)),
        Op::Gt => each!(|a, b| less(b, a)),
        Op::LtEq => each!(|a, b| !less(b, a)),
    };
    BooleanArray::new(bits, nulls)
}
