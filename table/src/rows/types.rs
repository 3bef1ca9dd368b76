//! The schema of a row type, as constants.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};

/// A column of a row type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Other names that a sender may use.
    pub aliases: &'static [&'static str],
    /// True if rows may be null.
    pub nullable: bool,
    /// Its type.
    pub ty: Type,
}

/// The items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// True if items may be null.
    pub nullable: bool,
    /// Their type.
    pub ty: Type,
}

/// The type of a column, known at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are Arrow's")]
pub enum Type {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    Utf8,
    Binary,
    FixedSizeBinary(i32),
    /// Text in a dictionary.
    Category,
    Date32,
    Time(TimeUnit),
    Duration(TimeUnit),
    /// The zone is `None` for local times.
    Timestamp(TimeUnit, Option<&'static str>),
    /// Digits and scale.
    Decimal128(u8, i8),
    List(&'static Element),
    Struct(&'static [Field]),
}

impl Type {
    /// Returns Arrow's type.
    #[must_use]
    pub fn to_arrow(&self) -> DataType {
        match *self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float16 => DataType::Float16,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Utf8 => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::FixedSizeBinary(width) => DataType::FixedSizeBinary(width),
            Self::Category => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Date32 => DataType::Date32,
            Self::Time(unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(unit),
            Self::Time(unit) => DataType::Time64(unit),
            Self::Duration(unit) => DataType::Duration(unit),
            Self::Timestamp(unit, zone) => DataType::Timestamp(unit, zone.map(Arc::from)),
            Self::Decimal128(digits, scale) => DataType::Decimal128(digits, scale),
            Self::List(item) => {
                DataType::List(Arc::new(arrow_schema::Field::new("item", item.ty.to_arrow(), item.nullable)))
            }
            Self::Struct(fields) => DataType::Struct(fields.iter().map(Field::to_arrow).collect()),
        }
    }
}

impl Field {
    /// Returns Arrow's field.
    #[must_use]
    pub fn to_arrow(&self) -> FieldRef {
        Arc::new(arrow_schema::Field::new(self.name, self.ty.to_arrow(), self.nullable))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_arrow().fmt(f)
    }
}

/// Returns Arrow's schema of these columns.
pub(super) fn schema(fields: &[Field]) -> SchemaRef {
    Arc::new(Schema::new(fields.iter().map(Field::to_arrow).collect::<Vec<_>>()))
}
