//! Remainders of a division by a constant, without dividing.
//!
//! The high half of the product with 2⁶⁴ / divisor is the quotient or one less, so that the remainder that it leaves is
//! right after at most one subtraction. A division takes several times as long.

use arrow_array::Int64Array;

/// Returns the remainders, with the signs of what is divided. The divisor is not zero.
pub(crate) fn by(values: &Int64Array, divisor: i64) -> Int64Array {
    let divisor = divisor.unsigned_abs();
    let inverse = u64::MAX / divisor;
    values.unary(|value| {
        let whole = value.unsigned_abs();
        let quotient = ((u128::from(whole) * u128::from(inverse)) >> 64) as u64;
        let left = whole - quotient * divisor;
        let left = if left >= divisor { left - divisor } else { left };
        if value < 0 { (left as i64).wrapping_neg() } else { left as i64 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_the_division() {
        let mut numbers =
            vec![0, 1, 2, 3, 7, 10, 1 << 31, (1 << 32) + 1, i64::MAX, i64::MAX - 1, i64::MAX / 2 + 1];
        let mut random = 1_u64;
        for n in 0..500 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            numbers.push((random >> (n % 64)) as i64);
        }
        numbers.extend(numbers.clone().iter().map(|number| number.wrapping_neg()));
        numbers.push(i64::MIN);
        let values = Int64Array::from(numbers.clone());
        for &divisor in numbers.iter().filter(|&&divisor| divisor != 0) {
            let found = by(&values, divisor);
            for (&value, &found) in numbers.iter().zip(found.values()) {
                assert_eq!(found, value.wrapping_rem(divisor), "{value} % {divisor}");
            }
        }
    }
}
