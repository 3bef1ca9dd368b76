//! Decides which types are compatible, and in which type two of them are compared or computed.

use arrow_schema::{DataType, TimeUnit};

/// The widest decimal.
const WIDEST: u8 = 38;

pub(crate) fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Returns true for texts that follow each other in memory.
pub(crate) fn has_offsets(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8)
}

pub(crate) fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Returns the digits before and after the point.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            (p.saturating_sub((*s).max(0) as u8), *s)
        }
        _ => return None,
    })
}

/// Returns the type in which values of two types are compared.
pub(crate) fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (T::Null, other) | (other, T::Null) => other.clone(),
        (T::Dictionary(_, values), other) | (other, T::Dictionary(_, values)) => {
            return common(values, other);
        }
        (a, b) if is_string(a) && is_string(b) => T::LargeUtf8,
        (
            T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_),
            T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_),
        ) => T::LargeBinary,
        (a, b) if is_number(a) && is_number(b) => return number(a, b),
        (T::Date32 | T::Date64, T::Date32 | T::Date64) => T::Date32,
        (T::Timestamp(unit, zone), T::Date32 | T::Date64)
        | (T::Date32 | T::Date64, T::Timestamp(unit, zone)) => T::Timestamp(*unit, zone.clone()),
        (T::Timestamp(a, zone), T::Timestamp(b, other)) => {
            T::Timestamp(finer(*a, *b), zone.clone().or_else(|| other.clone()))
        }
        (T::Time32(_) | T::Time64(_), T::Time32(_) | T::Time64(_)) => T::Time64(TimeUnit::Nanosecond),
        (T::Duration(a), T::Duration(b)) => T::Duration(finer(*a, *b)),
        _ => return None,
    })
}

fn number(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    if a == &T::Float64 || b == &T::Float64 {
        return Some(T::Float64);
    }
    let float = |t: &DataType| matches!(t, T::Float32 | T::Float16);
    if float(a) || float(b) {
        return Some(T::Float32);
    }
    if a.is_signed_integer() && b.is_signed_integer() {
        return Some(T::Int64);
    }
    if a.is_unsigned_integer() && b.is_unsigned_integer() {
        return Some(T::UInt64);
    }
    if a.is_integer() && b.is_integer() && a != &T::UInt64 && b != &T::UInt64 {
        return Some(T::Int64);
    }
    let ((a_whole, a_part), (b_whole, b_part)) = (digits(a)?, digits(b)?);
    let part = a_part.max(b_part).max(0);
    let whole = a_whole.max(b_whole);
    // What does not fit is compared in floating point.
    match whole.saturating_add(part as u8) {
        precision if precision <= WIDEST => Some(T::Decimal128(precision.max(1), part)),
        _ => Some(T::Float64),
    }
}

/// Returns the types in which two values are computed: for sums and products, of two numbers.
pub(crate) fn arithmetic(a: &DataType, b: &DataType) -> Option<(DataType, DataType)> {
    use DataType as T;
    let plain = |t: &DataType| match t {
        t if t.is_signed_integer() => T::Int64,
        T::UInt8 | T::UInt16 | T::UInt32 => T::Int64,
        T::Float16 => T::Float32,
        T::Decimal32(p, s) | T::Decimal64(p, s) => T::Decimal128(*p, *s),
        T::Null => T::Int64,
        other => other.clone(),
    };
    let (a, b) = (plain(a), plain(b));
    if is_decimal(&a) && b.is_integer() || is_decimal(&b) && a.is_integer() {
        let decimal = |t: T| match digits(&t) {
            Some((whole, 0)) if t.is_integer() => T::Decimal128(whole, 0),
            _ => t,
        };
        return Some((decimal(a), decimal(b)));
    }
    if is_decimal(&a) && is_decimal(&b) {
        return Some((a, b));
    }
    let common = number(&a, &b).filter(|_| is_number(&a) && is_number(&b))?;
    Some((common.clone(), common))
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}
