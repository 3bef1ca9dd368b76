//! Values written in SQL, and the names of types.

use std::sync::Arc;

use arrow_array::{BooleanArray, Decimal128Array, Float64Array, Int64Array, NullArray, StringArray};
use arrow_schema::{DataType, TimeUnit};
use sqlparser::ast::{self, Value};

use super::{Compiled, unsupported};
use crate::error::QueryError;
use crate::node::Node;

pub(super) fn text_literal(text: &str) -> Node {
    Node::Literal(Arc::new(StringArray::from(vec![text])))
}

pub(super) fn literal(value: &Value) -> Compiled {
    match value {
        Value::Number(digits, _) => number(digits),
        Value::SingleQuotedString(text) => Ok(text_literal(text)),
        Value::Boolean(value) => Ok(Node::Literal(Arc::new(BooleanArray::from(vec![*value])))),
        Value::Null => Ok(Node::Literal(Arc::new(NullArray::new(1)))),
        other => unsupported(other),
    }
}

/// Compiles a number: an integer, a decimal as written, or with an exponent a floating-point number.
pub(super) fn number(digits: &str) -> Compiled {
    let digits = digits.replace('_', "");
    if let Ok(value) = digits.parse::<i64>() {
        return Ok(Node::Literal(Arc::new(Int64Array::from(vec![value]))));
    }
    if !digits.contains(['e', 'E']) {
        let scale = digits.split_once('.').map_or(0, |(_, part)| part.len());
        let whole: String = digits.chars().filter(|&c| c != '.').collect();
        let precision = whole.trim_start_matches('-').len().max(1);
        if precision <= 38
            && let Ok(value) = whole.parse::<i128>()
        {
            let value = Decimal128Array::from(vec![value]);
            let value = value.with_precision_and_scale(precision.max(scale) as u8, scale as i8)?;
            return Ok(Node::Literal(Arc::new(value)));
        }
    }
    let value: f64 = digits.parse().map_err(|_| QueryError::Syntax(format!("{digits} is not a number")))?;
    Ok(Node::Literal(Arc::new(Float64Array::from(vec![value]))))
}

pub(super) fn data_type(sql: &ast::DataType) -> Result<DataType, QueryError> {
    use ast::DataType as S;
    Ok(match sql {
        S::Boolean | S::Bool => DataType::Boolean,
        S::TinyInt(_) => DataType::Int8,
        S::SmallInt(_) | S::Int2(_) => DataType::Int16,
        S::Int(_) | S::Integer(_) | S::Int4(_) => DataType::Int32,
        S::BigInt(_) | S::Int8(_) | S::Int64 => DataType::Int64,
        S::UTinyInt => DataType::UInt8,
        S::USmallInt => DataType::UInt16,
        S::UBigInt => DataType::UInt64,
        S::Real | S::Float4 => DataType::Float32,
        S::Float(_) => DataType::Float32,
        S::Double(_) | S::DoublePrecision | S::Float8 | S::Float64 => DataType::Float64,
        S::Varchar(_) | S::Text | S::String(_) | S::CharVarying(_) | S::Char(_) => DataType::Utf8,
        S::Date => DataType::Date32,
        S::Timestamp(_, ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone) | S::Datetime(_) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        S::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        S::Time(..) => DataType::Time64(TimeUnit::Microsecond),
        S::Decimal(ast::ExactNumberInfo::PrecisionAndScale(p, s))
        | S::Numeric(ast::ExactNumberInfo::PrecisionAndScale(p, s)) => {
            match (u8::try_from(*p), i8::try_from(*s)) {
                (Ok(p @ 1..=38), Ok(s)) if s >= 0 && s as u8 <= p => DataType::Decimal128(p, s),
                _ => return unsupported(sql),
            }
        }
        S::Decimal(ast::ExactNumberInfo::None) | S::Numeric(ast::ExactNumberInfo::None) => {
            DataType::Decimal128(18, 3)
        }
        other => return unsupported(other),
    })
}
