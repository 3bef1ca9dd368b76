//! Decimals of up to 38 digits.

use arrow_array::types::Decimal128Type;
use arrow_schema::DataType;
use bowstring_codec::view::{ColumnView, Full};

use super::fixed::{Plain, Widen};
use super::types::Type;

/// A decimal of up to `P` digits, `S` of them behind the point.
///
/// ```
/// use bowstring::rows::Decimal;
/// let price = Decimal::<10, 2>::new(1250); // 12.50
/// assert_eq!(price.get(), 1250);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
// In halves, since values of a message are aligned to 8 bytes and `i128` asks for 16.
pub struct Decimal<const P: u8, const S: i8>([u64; 2]);

impl<const P: u8, const S: i8> Decimal<P, S> {
    /// Returns the decimal with these digits. Whether they are at most `P` is not checked, as nowhere in Arrow.
    #[must_use]
    pub const fn new(digits: i128) -> Self {
        Self([digits as u64, (digits >> 64) as u64])
    }

    /// Returns the digits, without the point.
    #[must_use]
    pub const fn get(self) -> i128 {
        (self.0[1] as i128) << 64 | self.0[0] as i128
    }
}

impl<const P: u8, const S: i8> PartialOrd for Decimal<P, S> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<const P: u8, const S: i8> Ord for Decimal<P, S> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.get().cmp(&other.get())
    }
}

impl<const P: u8, const S: i8> Plain for Decimal<P, S> {
    type Arrow = Decimal128Type;
    type Native = i128;
    const PLAIN: Type = {
        assert!(P >= 1 && P <= 38, "a decimal has from 1 to 38 digits");
        assert!(S <= P as i8 && S >= -38, "a decimal's scale is at most its digits");
        Type::Decimal128(P, S)
    };

    fn widening(found: &DataType) -> Option<Widen<Self>> {
        match found {
            DataType::Decimal32(digits, scale) if *digits <= P && *scale == S => Some(widen::<i32, P, S>),
            DataType::Decimal64(digits, scale) if *digits <= P && *scale == S => Some(widen::<i64, P, S>),
            DataType::Decimal128(digits, scale) if *digits <= P && *scale == S => Some(copy),
            _ => None,
        }
    }
}

fn widen<T: bytemuck::Pod + Into<i128>, const P: u8, const S: i8>(
    column: ColumnView<'_, Full>,
    into: &mut Vec<Decimal<P, S>>,
) {
    into.clear();
    let values = column.as_slice::<T>().unwrap_or_default();
    into.extend(values.iter().map(|value| Decimal::new((*value).into())));
}

/// Fewer digits in the same bytes.
fn copy<const P: u8, const S: i8>(column: ColumnView<'_, Full>, into: &mut Vec<Decimal<P, S>>) {
    into.clear();
    into.extend_from_slice(column.as_slice().unwrap_or_default());
}
