//! Comparisons and arithmetic: the types in which they are made, and that of their result.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_cast::{CastOptions, can_cast_types, cast, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use sqlparser::ast::BinaryOperator;

use super::{Compiled, not, unsupported};
use crate::compare::Op;
use crate::error::QueryError;
use crate::node::{Node, Sum};
use crate::types::{arithmetic, common, has_offsets, is_number, is_string};

/// Converts the node to a type.
pub(super) fn convert(node: Node, target: &DataType, null: bool) -> Compiled {
    let from = node.data_type();
    if from == target {
        return Ok(node);
    }
    if !can_cast_types(from, target) {
        return Err(QueryError::Type(format!("{from} cannot become {target}")));
    }
    match &node {
        // Once is enough.
        Node::Literal(value) => {
            let options = CastOptions { safe: null, ..CastOptions::default() };
            let value = cast_with_options(value, target, &options)
                .map_err(|error| QueryError::Type(error.to_string()))?;
            Ok(Node::Literal(value))
        }
        _ => Ok(Node::Cast(Box::new(node), target.clone(), null)),
    }
}

pub(super) fn compare(op: Op, a: Node, b: Node) -> Compiled {
    let (a_type, b_type) = (a.data_type().clone(), b.data_type().clone());
    let a_text = matches!(a, Node::Literal(_)) && is_string(&a_type);
    let b_text = matches!(b, Node::Literal(_)) && is_string(&b_type);
    // A quoted text takes the type that it is compared with.
    let target = match (a_text, b_text) {
        (true, false) if b_type != DataType::Null => b_type,
        (false, true) if a_type != DataType::Null => a_type,
        _ => common(&a_type, &b_type).ok_or_else(|| {
            QueryError::Type(format!("{a_type} cannot be compared with {b_type}; cast one of them"))
        })?,
    };
    if target.is_nested() {
        return unsupported(format!("comparing values of type {target}"));
    }
    let (a, b) = (convert(a, &target, false)?, convert(b, &target, false)?);
    if matches!(op, Op::Eq | Op::NotEq) && has_offsets(&target) {
        let text = text(&a).map(|text| (&b, text)).or_else(|| text(&b).map(|text| (&a, text)));
        if let Some((value, text)) = text.filter(|(value, _)| !matches!(value, Node::Literal(_))) {
            let same = Node::OneOf(Box::new(value.clone()), vec![text]);
            return Ok(if op == Op::Eq { same } else { not(same) });
        }
    }
    Ok(Node::Compare(op, Box::new(a), Box::new(b)))
}

/// Returns the text of a constant; none if it is null.
fn text(node: &Node) -> Option<String> {
    let Node::Literal(value) = node else { return None };
    let text = cast(value, &DataType::Utf8).ok()?;
    let text = text.as_string_opt::<i32>()?;
    text.is_valid(0).then(|| text.value(0).to_owned())
}

pub(super) fn binary(op: &BinaryOperator, a: Node, b: Node) -> Compiled {
    let sum = match op {
        BinaryOperator::Eq => return compare(Op::Eq, a, b),
        BinaryOperator::NotEq => return compare(Op::NotEq, a, b),
        BinaryOperator::Lt => return compare(Op::Lt, a, b),
        BinaryOperator::LtEq => return compare(Op::LtEq, a, b),
        BinaryOperator::Gt => return compare(Op::Gt, a, b),
        BinaryOperator::GtEq => return compare(Op::GtEq, a, b),
        BinaryOperator::Plus => Sum::Add,
        BinaryOperator::Minus => Sum::Subtract,
        BinaryOperator::Multiply => Sum::Multiply,
        BinaryOperator::Divide => Sum::Divide,
        BinaryOperator::DuckIntegerDivide => Sum::DivideWhole,
        BinaryOperator::Modulo => Sum::Remainder,
        other => return unsupported(format!("the operator {other}")),
    };
    let (a_type, b_type) = (a.data_type().clone(), b.data_type().clone());
    let wrong = || QueryError::Type(format!("{a_type} {op} {b_type} makes no sense"));
    let sums = matches!(sum, Sum::Add | Sum::Subtract);
    let moment = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let stretch = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
    if sums && moment(&a_type) && stretch(&b_type) {
        // A date plus an interval gives a timestamp, as in DuckDB.
        let target = match &a_type {
            DataType::Timestamp(..) => a_type.clone(),
            _ => DataType::Timestamp(TimeUnit::Microsecond, None),
        };
        let a = convert(a, &target, false)?;
        return Ok(Node::Sum(sum, Box::new(a), Box::new(b), target));
    }
    if sums && matches!(a_type, DataType::Date32) && b_type.is_integer() {
        let days = convert(convert(a, &DataType::Int32, false)?, &DataType::Int64, false)?;
        let b = convert(b, &DataType::Int64, false)?;
        let days = Node::Sum(sum, Box::new(days), Box::new(b), DataType::Int64);
        return convert(convert(days, &DataType::Int32, false)?, &DataType::Date32, false);
    }
    if sum == Sum::Subtract && matches!((&a_type, &b_type), (DataType::Date32, DataType::Date32)) {
        let days = |node| convert(convert(node, &DataType::Int32, false)?, &DataType::Int64, false);
        return Ok(Node::Sum(sum, Box::new(days(a)?), Box::new(days(b)?), DataType::Int64));
    }
    let (left, right) = arithmetic(&a_type, &b_type)
        .filter(|_| (is_number(&a_type) || a_type.is_null()) && (is_number(&b_type) || b_type.is_null()))
        .ok_or_else(wrong)?;
    let (left, right, result) = match sum {
        Sum::Divide => (DataType::Float64, DataType::Float64, DataType::Float64),
        Sum::DivideWhole if !(left.is_integer() && right.is_integer()) => return Err(wrong()),
        _ if left.is_integer() || left.is_floating() => (left.clone(), right, left),
        _ => {
            let result = decimal_result(sum, &left, &right).ok_or_else(wrong)?;
            (left, right, result)
        }
    };
    Ok(Node::Sum(sum, Box::new(convert(a, &left, false)?), Box::new(convert(b, &right, false)?), result))
}

/// Returns the type that Arrow's kernels give a sum of decimals.
fn decimal_result(sum: Sum, a: &DataType, b: &DataType) -> Option<DataType> {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) = (a, b) else { return None };
    let (p1, p2) = (i16::from(*p1), i16::from(*p2));
    let (s1, s2) = (i16::from(*s1), i16::from(*s2));
    let (precision, scale) = match sum {
        Sum::Add | Sum::Subtract => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
        Sum::Multiply => (p1 + p2 + 1, s1 + s2),
        Sum::Remainder => (s1.max(s2) + (p1 - s1).min(p2 - s2), s1.max(s2)),
        Sum::Divide | Sum::DivideWhole => return None,
    };
    Some(DataType::Decimal128(precision.min(38) as u8, scale.min(38) as i8))
}
