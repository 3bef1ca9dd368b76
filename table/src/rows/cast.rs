//! Times and decimals seen as the numbers that they are.
//!
//! # Safety
//!
//! [`Pod`] asks of a type that it has no padding, is valid for every bit pattern, is `Copy + 'static`, and has no
//! references or interior mutability. Each type here is `repr(transparent)` over a number, or an array of numbers, that is
//! `Pod` itself; its other fields are `PhantomData`, which takes no space.
#![allow(unsafe_code)]

use bytemuck::{Pod, Zeroable};

use super::decimal::Decimal;
use super::time::{Date, Duration, Time, Timestamp, Unit, Zone};

// SAFETY: transparent over `i64`.
unsafe impl<U: Unit, Z: Zone> Zeroable for Timestamp<U, Z> {}
// SAFETY: transparent over `i64`.
unsafe impl<U: Unit, Z: Zone> Pod for Timestamp<U, Z> {}
// SAFETY: transparent over `i64`.
unsafe impl<U: Unit> Zeroable for Duration<U> {}
// SAFETY: transparent over `i64`.
unsafe impl<U: Unit> Pod for Duration<U> {}
// SAFETY: transparent over `U::Of`, which is `Pod`.
unsafe impl<U: Unit> Zeroable for Time<U> {}
// SAFETY: transparent over `U::Of`, which is `Pod`.
unsafe impl<U: Unit> Pod for Time<U> {}
// SAFETY: transparent over `i32`.
unsafe impl Zeroable for Date {}
// SAFETY: transparent over `i32`.
unsafe impl Pod for Date {}
// SAFETY: transparent over `[u64; 2]`.
unsafe impl<const P: u8, const S: i8> Zeroable for Decimal<P, S> {}
// SAFETY: transparent over `[u64; 2]`.
unsafe impl<const P: u8, const S: i8> Pod for Decimal<P, S> {}
