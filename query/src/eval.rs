//! Evaluates nodes over a batch.

// claim: conditions

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_null, not, or_kleene};
use arrow_arith::numeric;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Int64Array, LargeStringArray, PrimitiveArray, RecordBatch, Scalar,
    StringArray, UInt64Array,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_ord::cmp;
use arrow_schema::DataType;
use arrow_string::like;

use crate::compare::{Op, floats};
use crate::error::QueryError;
use crate::node::{Node, Sum};
use crate::{remainder, text};

/// A column of values, or one value for all rows.
enum Evaluated {
    Column(ArrayRef),
    Single(Scalar<ArrayRef>),
}

impl Datum for Evaluated {
    fn get(&self) -> (&dyn Array, bool) {
        match self {
            Evaluated::Column(array) => (array.as_ref(), false),
            Evaluated::Single(scalar) => scalar.get(),
        }
    }
}

impl Evaluated {
    fn array(&self) -> &dyn Array {
        self.get().0
    }

    fn is_single(&self) -> bool {
        self.get().1
    }

    /// Returns the same kind with other values.
    fn with(&self, array: ArrayRef) -> Evaluated {
        if self.is_single() { Evaluated::Single(Scalar::new(array)) } else { Evaluated::Column(array) }
    }
}

/// Evaluates a boolean node for each row of the batch.
pub(crate) fn boolean(node: &Node, batch: &RecordBatch) -> Result<BooleanArray, QueryError> {
    let rows = batch.num_rows();
    Ok(match node {
        Node::And(parts) | Node::Or(parts) => {
            let mut parts = parts.iter();
            let combine = if matches!(node, Node::And(_)) { and_kleene } else { or_kleene };
            let Some(first) = parts.next() else { return Ok(all(false, rows)) };
            let mut so_far = boolean(first, batch)?;
            for part in parts {
                so_far = combine(&so_far, &boolean(part, batch)?)?;
            }
            so_far
        }
        Node::Not(inner) => not(&boolean(inner, batch)?)?,
        Node::IsNull(inner) => {
            let value = evaluate(inner, batch)?;
            if value.is_single() {
                all(value.array().is_null(0) || value.array().data_type().is_null(), rows)
            } else if value.array().data_type().is_null() {
                all(true, rows)
            } else {
                is_null(value.array())?
            }
        }
        Node::Is(inner, wanted) => {
            let value = boolean(inner, batch)?;
            let bits = if *wanted { value.values().clone() } else { !value.values() };
            let bits = match value.nulls() {
                Some(nulls) => &bits & nulls.inner(),
                None => bits,
            };
            BooleanArray::new(bits, None)
        }
        Node::Compare(op, a, b) => compare(*op, &evaluate(a, batch)?, &evaluate(b, batch)?, rows)?,
        Node::Like { value, pattern, any_case } => {
            let (value, pattern) = (evaluate(value, batch)?, evaluate(pattern, batch)?);
            let found = if *any_case { like::ilike(&value, &pattern) } else { like::like(&value, &pattern) };
            spread(found?, rows)
        }
        Node::OneOf(inner, texts) => {
            let value = evaluate(inner, batch)?;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            spread(
                of_texts(&value, |array| text::one_of(array, &texts), |array| text::one_of(array, &texts)),
                rows,
            )
        }
        Node::BeginsWith(inner, text) => {
            let value = evaluate(inner, batch)?;
            spread(
                of_texts(
                    &value,
                    |array| text::begin_with(array, text),
                    |array| text::begin_with(array, text),
                ),
                rows,
            )
        }
        other => {
            let value = evaluate(other, batch)?;
            if value.array().data_type().is_null() {
                return Ok(BooleanArray::new_null(rows));
            }
            spread(value.array().as_boolean().clone(), rows)
        }
    })
}

/// Evaluates texts of either kind of offsets; compiling has ensured that they are one of these.
fn of_texts(
    value: &Evaluated,
    short: impl Fn(&StringArray) -> BooleanArray,
    long: impl Fn(&LargeStringArray) -> BooleanArray,
) -> BooleanArray {
    match value.array().data_type() {
        DataType::LargeUtf8 => long(value.array().as_string()),
        _ => short(value.array().as_string()),
    }
}

/// Repeats a single value for all rows, if necessary.
fn spread(value: BooleanArray, rows: usize) -> BooleanArray {
    if value.len() == rows {
        return value;
    }
    match value.is_null(0) {
        true => BooleanArray::new_null(rows),
        false => all(value.value(0), rows),
    }
}

fn all(value: bool, rows: usize) -> BooleanArray {
    let bits = match value {
        true => arrow_buffer::BooleanBuffer::new_set(rows),
        false => arrow_buffer::BooleanBuffer::new_unset(rows),
    };
    BooleanArray::new(bits, None)
}

fn evaluate(node: &Node, batch: &RecordBatch) -> Result<Evaluated, QueryError> {
    Ok(match node {
        Node::Column(place, _) => Evaluated::Column(batch.column(*place).clone()),
        Node::Literal(value) => Evaluated::Single(Scalar::new(value.clone())),
        Node::Cast(inner, target, null) => {
            let value = evaluate(inner, batch)?;
            let options = CastOptions { safe: *null, ..CastOptions::default() };
            value.with(cast_with_options(value.array(), target, &options)?)
        }
        Node::Negative(inner) => {
            let value = evaluate(inner, batch)?;
            value.with(numeric::neg(value.array())?)
        }
        Node::Sum(sum, a, b, target) => {
            let (a, b) = (evaluate(a, batch)?, evaluate(b, batch)?);
            let single = a.is_single() && b.is_single();
            let mut value = compute(*sum, &a, &b)?;
            if value.data_type() != target {
                value = cast_with_options(
                    &value,
                    target,
                    &CastOptions { safe: false, ..CastOptions::default() },
                )?;
            }
            if single { Evaluated::Single(Scalar::new(value)) } else { Evaluated::Column(value) }
        }
        other => Evaluated::Column(Arc::new(boolean(other, batch)?)),
    })
}

fn compute(sum: Sum, a: &Evaluated, b: &Evaluated) -> Result<ArrayRef, QueryError> {
    Ok(match sum {
        Sum::Add => numeric::add(a, b)?,
        Sum::Subtract => numeric::sub(a, b)?,
        Sum::Multiply => numeric::mul(a, b)?,
        // Floating point: dividing by zero gives an infinity or NaN.
        Sum::Divide => numeric::div(a, b)?,
        Sum::DivideWhole => numeric::div(a, &without_zeros(b))?,
        Sum::Remainder => match constant(a, b) {
            Some((values, divisor)) => Arc::new(remainder::by(values, divisor)),
            None => numeric::rem(a, &without_zeros(b))?,
        },
    })
}

/// Returns a column of integers and the constant that they are divided by, if it is neither null nor zero.
fn constant<'a>(a: &'a Evaluated, b: &'a Evaluated) -> Option<(&'a Int64Array, i64)> {
    let (values, divisor) =
        (a.array().as_primitive_opt::<Int64Type>()?, b.array().as_primitive_opt::<Int64Type>()?);
    let fits = !a.is_single() && b.is_single() && divisor.is_valid(0) && divisor.value(0) != 0;
    fits.then(|| (values, divisor.value(0)))
}

/// Returns the same integers with null instead of zero.
fn without_zeros(value: &Evaluated) -> Evaluated {
    fn nulled<T: arrow_array::ArrowPrimitiveType>(array: &dyn Array) -> ArrayRef
    where
        T::Native: PartialEq + Default,
    {
        let array = array.as_primitive::<T>();
        let zero = T::Native::default();
        if array.values().iter().all(|&value| value != zero) {
            return Arc::new(array.clone());
        }
        let some = array.iter().map(|value| value.filter(|&value| value != zero));
        Arc::new(PrimitiveArray::<T>::from_iter(some).with_data_type(array.data_type().clone()))
    }
    let array = value.array();
    match array.data_type() {
        DataType::Int64 => value.with(nulled::<Int64Type>(array)),
        DataType::UInt64 => value.with(nulled::<UInt64Type>(array)),
        DataType::Decimal128(..) => value.with(nulled::<arrow_array::types::Decimal128Type>(array)),
        _ => value.with(arrow_array::make_array(array.to_data())),
    }
}

fn compare(op: Op, a: &Evaluated, b: &Evaluated, rows: usize) -> Result<BooleanArray, QueryError> {
    if a.array().data_type().is_null() {
        return Ok(match op {
            Op::Same => all(true, rows),
            Op::NotSame => all(false, rows),
            _ => BooleanArray::new_null(rows),
        });
    }
    if matches!(op, Op::Same | Op::NotSame) {
        let equal = compare(Op::Eq, a, b, rows)?;
        let null = |value: &Evaluated| spread(is_null(value.array()).unwrap_or_else(|_| all(false, 1)), rows);
        let (a, b) = (null(a), null(b));
        let bits = match equal.nulls() {
            Some(nulls) => equal.values() & nulls.inner(),
            None => equal.values().clone(),
        };
        let same = &bits | &(a.values() & b.values());
        return Ok(BooleanArray::new(if op == Op::Same { same } else { !&same }, None));
    }
    let (left, right) = (a.array(), b.array());
    let compared = match left.data_type() {
        DataType::Float32 => {
            let (x, y) = (left.as_primitive::<Float32Type>(), right.as_primitive::<Float32Type>());
            floats(op, x, a.is_single(), y, b.is_single())
        }
        DataType::Float64 => {
            let (x, y) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
            floats(op, x, a.is_single(), y, b.is_single())
        }
        _ => match op {
            Op::Eq | Op::Same => cmp::eq(a, b)?,
            Op::NotEq | Op::NotSame => cmp::neq(a, b)?,
            Op::Lt => cmp::lt(a, b)?,
            Op::LtEq => cmp::lt_eq(a, b)?,
            Op::Gt => cmp::gt(a, b)?,
            Op::GtEq => cmp::gt_eq(a, b)?,
        },
    };
    Ok(spread(compared, rows))
}

/// Evaluates a node for each row of the batch.
pub(crate) fn column(node: &Node, batch: &RecordBatch) -> Result<ArrayRef, QueryError> {
    let value = evaluate(node, batch)?;
    if !value.is_single() {
        return Ok(value.array().slice(0, batch.num_rows()));
    }
    let rows = UInt64Array::from(vec![0; batch.num_rows()]);
    Ok(arrow_select::take::take(value.array(), &rows, None)?)
}
