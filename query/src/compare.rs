//! Compares floating-point numbers as DuckDB does: NaN equals itself and is greater than every number; the two zeros
//! are equal. (Arrow's own kernels distinguish the zeros, and order NaNs by their sign.)

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;

use crate::bits;

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

impl Op {
    /// Returns the comparison that holds of `b` and `a` where this one holds of `a` and `b`.
    fn turned(self) -> Op {
        match self {
            Op::Lt => Op::Gt,
            Op::LtEq => Op::GtEq,
            Op::Gt => Op::Lt,
            Op::GtEq => Op::LtEq,
            other => other,
        }
    }
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
    let bits = match (a_single, b_single) {
        (false, true) => with_constant(op, x, y[0]),
        (true, false) => with_constant(op.turned(), y, x[0]),
        _ => columns(op, x, y),
    };
    BooleanArray::new(bits, nulls)
}

fn columns<F: Float>(op: Op, x: &[F], y: &[F]) -> BooleanBuffer {
    let rows = x.len().min(y.len());
    macro_rules! each {
        ($holds:expr) => {{
            let holds = $holds;
            BooleanBuffer::collect_bool(rows, |i| holds(x[i], y[i]))
        }};
    }
    match op {
        Op::Eq | Op::Same => each!(equal),
        Op::NotEq | Op::NotSame => each!(|a, b| !equal(a, b)),
        Op::Lt => each!(less),
        Op::GtEq => each!(|a, b| !less(a, b)),
        Op::Gt => each!(|a, b| less(b, a)),
        Op::LtEq => each!(|a, b| !less(b, a)),
    }
}

/// Compares values with a constant. Where that is a number, one instruction does it, with NaN on the right side: every
/// comparison with NaN is false, and NaN is to be greater than any number.
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not less or equal, and so it is greater")]
fn with_constant<F: Float>(op: Op, values: &[F], constant: F) -> BooleanBuffer {
    match (op, constant.is_nan()) {
        (Op::Eq | Op::Same, false) => bits::of(values, |value| value == constant),
        (Op::NotEq | Op::NotSame, false) => bits::of(values, |value| value != constant),
        (Op::Lt, false) => bits::of(values, |value| value < constant),
        (Op::LtEq, false) => bits::of(values, |value| value <= constant),
        (Op::Gt, false) => bits::of(values, |value| !(value <= constant)),
        (Op::GtEq, false) => bits::of(values, |value| !(value < constant)),
        (Op::Eq | Op::Same | Op::GtEq, true) => bits::of(values, F::is_nan),
        (Op::NotEq | Op::NotSame | Op::Lt, true) => bits::of(values, |value| !value.is_nan()),
        (Op::LtEq, true) => BooleanBuffer::new_set(values.len()),
        (Op::Gt, true) => BooleanBuffer::new_unset(values.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_compared_like_a_column_of_it() {
        let values = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, -1.0, 2.0];
        let all = [Op::Eq, Op::NotEq, Op::Lt, Op::LtEq, Op::Gt, Op::GtEq, Op::Same, Op::NotSame];
        for constant in values {
            for op in all {
                let column = [constant; 9];
                assert_eq!(
                    with_constant(op, &values, constant),
                    columns(op, &values, &column),
                    "{op:?} {constant}"
                );
                assert_eq!(
                    with_constant(op.turned(), &values, constant),
                    columns(op, &column, &values),
                    "{constant} {op:?}"
                );
            }
        }
    }
}
