//! Times: numbers with a unit, and perhaps a zone, in their type.

use std::fmt::Debug;
use std::marker::PhantomData;

use arrow_array::types::{self, ArrowPrimitiveType};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType, TimeUnit};
use bytemuck::Pod;

use super::fixed::{Plain, Widen};
use super::types::Type;

/// A unit of time: [`Seconds`], [`Millis`], [`Micros`] or [`Nanos`].
pub trait Unit: Debug + Copy + Default + Ord + 'static {
    /// Arrow's unit.
    const UNIT: TimeUnit;
    /// The number that holds a time of day.
    type Of: ArrowNativeType + Pod + Ord;
    #[doc(hidden)]
    type ArrowTime: ArrowPrimitiveType<Native = Self::Of>;
    #[doc(hidden)]
    type ArrowTimestamp: ArrowPrimitiveType<Native = i64>;
    #[doc(hidden)]
    type ArrowDuration: ArrowPrimitiveType<Native = i64>;
}

macro_rules! units {
    ($($(#[$doc:meta])* $name:ident: $unit:ident, $of:ty, $time:ident, $timestamp:ident, $duration:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name;
        impl Unit for $name {
            const UNIT: TimeUnit = TimeUnit::$unit;
            type Of = $of;
            type ArrowTime = types::$time;
            type ArrowTimestamp = types::$timestamp;
            type ArrowDuration = types::$duration;
        }
    )*};
}

units! {
    /// Seconds.
    Seconds: Second, i32, Time32SecondType, TimestampSecondType, DurationSecondType;
    /// Milliseconds.
    Millis: Millisecond, i32, Time32MillisecondType, TimestampMillisecondType, DurationMillisecondType;
    /// Microseconds.
    Micros: Microsecond, i64, Time64MicrosecondType, TimestampMicrosecondType, DurationMicrosecondType;
    /// Nanoseconds.
    Nanos: Nanosecond, i64, Time64NanosecondType, TimestampNanosecondType, DurationNanosecondType;
}

/// The time zone of a [`Timestamp`].
///
/// ```
/// use bowstring::rows::Zone;
/// #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
/// struct Oslo;
/// impl Zone for Oslo {
///     const NAME: Option<&'static str> = Some("Europe/Oslo");
/// }
/// ```
pub trait Zone: Debug + Copy + Default + Ord + 'static {
    /// Its name as Arrow has it; `None` for local times.
    const NAME: Option<&'static str>;
}

/// No zone: local times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local;

/// The zone `UTC`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc;

impl Zone for Local {
    const NAME: Option<&'static str> = None;
}

impl Zone for Utc {
    const NAME: Option<&'static str> = Some("UTC");
}

/// A point in time: units since 1970-01-01, in UTC if it has a zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Timestamp<U: Unit, Z: Zone = Local>(i64, PhantomData<(U, Z)>);

/// A span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Duration<U: Unit>(i64, PhantomData<U>);

/// A time of day: units since midnight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Time<U: Unit>(U::Of, PhantomData<U>);

/// A day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Date(i32);

impl<U: Unit, Z: Zone> Timestamp<U, Z> {
    /// Returns the time this many units after the beginning of 1970.
    #[must_use]
    pub const fn new(units: i64) -> Self {
        Self(units, PhantomData)
    }

    /// Returns the units since the beginning of 1970.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<U: Unit> Duration<U> {
    /// Returns a span of this many units.
    #[must_use]
    pub const fn new(units: i64) -> Self {
        Self(units, PhantomData)
    }

    /// Returns its units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<U: Unit> Time<U> {
    /// Returns the time this many units after midnight.
    #[must_use]
    pub const fn new(units: U::Of) -> Self {
        Self(units, PhantomData)
    }

    /// Returns the units since midnight.
    #[must_use]
    pub const fn get(self) -> U::Of {
        self.0
    }
}

impl Date {
    /// Returns the day this many days after 1970-01-01.
    #[must_use]
    pub const fn new(days: i32) -> Self {
        Self(days)
    }

    /// Returns the days since 1970-01-01.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// Times widen to nothing: another unit holds fewer of them.
macro_rules! times {
    ($([$($generics:tt)*] $type:ty, $arrow:ty, $native:ty, $kind:expr;)*) => {$(
        impl<$($generics)*> Plain for $type {
            type Arrow = $arrow;
            type Native = $native;
            const PLAIN: Type = $kind;

            fn widening(_: &DataType) -> Option<Widen<Self>> {
                None
            }
        }
    )*};
}

times! {
    [U: Unit, Z: Zone] Timestamp<U, Z>, U::ArrowTimestamp, i64, Type::Timestamp(U::UNIT, Z::NAME);
    [U: Unit] Duration<U>, U::ArrowDuration, i64, Type::Duration(U::UNIT);
    [U: Unit] Time<U>, U::ArrowTime, U::Of, Type::Time(U::UNIT);
    [] Date, types::Date32Type, i32, Type::Date32;
}
