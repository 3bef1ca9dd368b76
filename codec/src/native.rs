//! Bytes seen as Arrow's native values.
//!
//! # Safety
//!
//! One cast, from `&mut [u8]` to `&mut [T]`, where `T: ArrowNativeType`. That trait is sealed by `arrow-buffer`, and
//! its implementors (integers, floats, 256-bit integers, the interval structs) have no padding and are valid for
//! every bit pattern; `arrow-buffer` rests its own safe casts on the same property. `bytemuck` would do as well, but
//! its traits are not implemented for Arrow's own types and cannot be from here.
#![allow(unsafe_code)]

use arrow_buffer::ArrowNativeType;

/// Returns the bytes as values: `None` if they are not aligned for `T`, or not a whole number of values.
pub(crate) fn values_mut<T: ArrowNativeType>(bytes: &mut [u8]) -> Option<&mut [T]> {
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: any bytes are a valid `T`, and any `T` is valid bytes, as argued at the head of the file.
    let (before, values, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(values)
}
